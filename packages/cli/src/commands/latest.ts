import type { Latest, LogReading } from '@vitrine/core/log';
import { newestWithdrawal, statementOf } from '@vitrine/signer';
import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { askIndex, deliverIndexProof, type IndexOptions, printEntries, withIndexOptions } from '../index-answer.ts';
import { noteWithdrawn } from '../leaf-reference.ts';
import {
  resolveStream,
  STREAM_ARGUMENT,
  type StreamOptions,
  streamMissing,
  withStreamOptions,
} from '../stream-argument.ts';
import { printable } from '../text.ts';

interface Options extends IndexOptions, StreamOptions {}

/** `vitrine latest` */
export function registerLatest(program: Command, context: Context): void {
  withIndexOptions(withStreamOptions(program.command('latest')))
    .summary('print the newest statement of a stream')
    .description(
      'Print the newest statement of a stream, by the index of the log. With --prove, write a proof that it is the newest; ' +
        'or, where --type and --issuer name a stream that has no statement, a proof of that.',
    )
    .argument('<stream>', STREAM_ARGUMENT)
    .addHelpText(
      'after',
      '\nExamples:\n  $ vitrine latest tool/stable --log ./log\n' +
        '  $ vitrine latest daily --prove --out daily.tlog-proof --log ./log\n',
    )
    .action((stream: string, options: Options) => latest(context, stream, options));
}

async function latest(context: Context, name: string, options: Options): Promise<void> {
  await askIndex(context, options, async (log, checkpoint) => {
    const stream = await resolveStream(log, name, options, checkpoint.size);
    const newest = stream && (await log.latest(stream, checkpoint.size));
    if (newest !== undefined) await noteIfWithdrawn(context, log, newest, options);
    if (newest !== undefined && !options.prove) return printEntries(context, log, [newest], options.json);
    if (stream === undefined && options.prove) {
      throw streamMissing(name, options, '; name its type and issuer with --type and --issuer to prove that');
    }
    if (stream === undefined || !options.prove) throw streamMissing(name, options);
    const label = `${printable(stream.stream)} (${stream.type} by ${printable(stream.issuer)})`;
    const { index, claim } =
      newest === undefined
        ? await log.proveAbsent(stream, checkpoint.size)
        : await log.proveLatest(stream, checkpoint.size);
    const entries = newest === undefined ? [] : [await log.entry(newest.index)];
    const what =
      newest === undefined ? `no statement of ${label}` : `entry ${newest.index} is the newest statement of ${label}`;
    await deliverIndexProof(
      context,
      { log, checkpoint, index, proof: { type: 'stream', ...claim, entries }, what: `${what}, by the index` },
      options,
    );
  });
}

async function noteIfWithdrawn(
  context: Context,
  log: LogReading,
  { index, leafHash }: Latest,
  options: IndexOptions,
): Promise<void> {
  const statement = statementOf(await log.entry(index));
  const withdrawal = statement && (await newestWithdrawal(log, { leafHash, statement }));
  if (withdrawal === undefined) return;
  noteWithdrawn(context, String(index), { leafHash, withdrawnAt: withdrawal.index }, options);
}
