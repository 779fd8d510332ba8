import { CoreError } from '@vitrine/core';
import type { Command } from 'commander';
import type { Context } from '../context.ts';
import {
  askIndex,
  deliverIndexProof,
  type IndexOptions,
  printEntries,
  readEntries,
  withIndexOptions,
} from '../index-answer.ts';
import { LEAF_ARGUMENT, resolveLeaf } from '../leaf-reference.ts';
import { count } from '../text.ts';

/** `vitrine about` */
export function registerAbout(program: Command, context: Context): void {
  withIndexOptions(program.command('about'))
    .summary('print the reviews and withdrawals of a statement')
    .description(
      "Print everybody's review and withdrawal of a statement, by the index of the log: where somebody said more than one " +
        'thing, the newest. With --prove, write a proof that there are no others, which has the statements in it.',
    )
    .argument('<leaf>', LEAF_ARGUMENT)
    .addHelpText(
      'after',
      '\nExamples:\n  $ vitrine about 6 --log ./log\n  $ vitrine about 6 --prove --out reviews.tlog-proof --log ./log\n',
    )
    .action((leaf: string, options: IndexOptions) => about(context, leaf, options));
}

async function about(context: Context, reference: string, options: IndexOptions): Promise<void> {
  const { leafHash } = await resolveLeaf(context, reference, options);
  await askIndex(context, options, async (log, checkpoint) => {
    const record = await log.subject(leafHash, checkpoint.size);
    const found: { readonly index: number }[] = [];
    for (const { newest } of record ?? []) {
      const index = await log.indexOf(newest);
      if (index === undefined) throw new CoreError('log-corrupt', 'the index names a statement that is not in the log');
      found.push({ index });
    }
    if (!options.prove) {
      const inOrder = found.toSorted((a, b) => a.index - b.index);
      await printEntries(context, log, inOrder, options.json);
      if (record === null && !options.json) context.output.note(`nobody has reviewed or withdrawn ${reference}`);
      return;
    }
    const { index, claim } = await log.proveSubject(leafHash, checkpoint.size);
    const entries = await readEntries(log, found);
    const what =
      record === null
        ? `no review and no withdrawal of ${reference}`
        : `${count(entries.length, 'review or withdrawal', 'reviews and withdrawals')} of ${reference} and no others`;
    await deliverIndexProof(
      context,
      { log, checkpoint, index, proof: { type: 'subject', ...claim, entries }, what: `${what}, by the index` },
      options,
    );
  });
}
