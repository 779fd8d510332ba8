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
import { decimalArgument } from '../numbers.ts';
import {
  resolveStream,
  STREAM_ARGUMENT,
  type StreamOptions,
  streamMissing,
  withStreamOptions,
} from '../stream-argument.ts';
import { count, printable } from '../text.ts';

interface Options extends IndexOptions, StreamOptions {
  readonly from: number;
}

/** `vitrine history` */
export function registerHistory(program: Command, context: Context): void {
  withIndexOptions(withStreamOptions(program.command('history')))
    .summary('print the statements of a stream')
    .description(
      'Print all statements of a stream in their order, by the index of the log. With --prove, write a proof that these are ' +
        'all, which has the statements in it.',
    )
    .argument('<stream>', STREAM_ARGUMENT)
    .option(
      '--from <position>',
      'begin with this statement of the stream, counted from 0',
      decimalArgument('--from'),
      0,
    )
    .addHelpText(
      'after',
      '\nExamples:\n  $ vitrine history tool/stable --log ./log\n' +
        '  $ vitrine history daily --from 1200 --prove --out daily.tlog-proof --log ./log\n',
    )
    .action((stream: string, options: Options) => history(context, stream, options));
}

async function history(context: Context, name: string, options: Options): Promise<void> {
  const { from, json, prove } = options;
  await askIndex(context, options, async (log, checkpoint) => {
    const { size } = checkpoint;
    const stream = await resolveStream(log, name, options, size);
    const newest = stream && (await log.latest(stream, size));
    if (stream === undefined || newest === undefined) throw streamMissing(name, options);
    const { count: total } = newest.record;
    if (from >= total) {
      throw new CoreError(
        'log-range',
        `the stream has ${count(total, 'statement')}, and none from position ${from} on`,
      );
    }
    if (!prove) return printEntries(context, log, log.history(stream, from, size), json);
    const { index, claim, history: proven, statements } = await log.proveHistory(stream, from, size);
    const entries = await readEntries(log, statements);
    const { before } = proven;
    const proof = { type: 'stream', ...claim, history: { from, before }, entries } as const;
    const part = from === 0 ? '' : ` from position ${from} on`;
    const what = `${count(entries.length, 'statement')} of ${printable(stream.stream)}${part} and no others, by the index`;
    await deliverIndexProof(context, { log, checkpoint, index, proof, what }, options);
  });
}
