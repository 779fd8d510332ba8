import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { CliError, interrupted } from '../errors.ts';
import { askIndex, deliverIndexProof, type IndexOptions, withIndexOptions } from '../index-answer.ts';
import { streamJson, streamLine } from '../statement-view.ts';
import { type StreamOptions, withStreamOptions } from '../stream-argument.ts';
import { count } from '../text.ts';

interface Options extends IndexOptions, StreamOptions {}

/** `vitrine streams` */
export function registerStreams(program: Command, context: Context): void {
  const filters = { type: 'only streams of this type', issuer: 'only streams of the issuer with this key name' };
  withIndexOptions(withStreamOptions(program.command('streams'), filters))
    .summary('print which streams there are')
    .description(
      'Print the streams of a log by its index: the number of its statements, its type, name and issuer, and the start of the ' +
        'leaf hash of the newest. With --prove, write a proof that these are all.',
    )
    .addHelpText(
      'after',
      '\nExamples:\n  $ vitrine streams --log ./log\n  $ vitrine streams --type build --log ./log\n',
    )
    .action((options: Options) => streams(context, options));
}

async function streams(context: Context, options: Options): Promise<void> {
  const { output, signal } = context;
  const { type, issuer, json, prove } = options;
  if (prove && (type !== undefined || issuer !== undefined)) {
    throw new CliError(
      'usage',
      '--prove proves which streams there are, and none can be left out: not with --type or --issuer',
    );
  }
  await askIndex(context, options, async (log, checkpoint) => {
    if (prove) {
      const { index, claim } = await log.proveStreams(checkpoint.size);
      const what = `${count(claim.streams.length, 'stream')} and no others, by the index`;
      return deliverIndexProof(
        context,
        { log, checkpoint, index, proof: { type: 'streams', ...claim }, what },
        options,
      );
    }
    let total = 0;
    let shown = 0;
    for await (const { stream, record } of log.streams(checkpoint.size)) {
      if (signal.aborted) throw interrupted();
      if (output.closed) return;
      total++;
      if ((type ?? stream.type) !== stream.type || (issuer ?? stream.issuer) !== stream.issuer) continue;
      shown++;
      if (json) await output.json(streamJson(stream, record));
      else
        await output.text(`${streamLine(stream, record)}
`);
    }
    // A misspelt name looks like an empty list otherwise.
    if (shown === 0 && total > 0 && !json) output.note(`none of ${count(total, 'stream')} is such`);
  });
}
