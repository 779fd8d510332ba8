import { CoreError, formatBase64, leafHash } from '@vitrine/core';
import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { entryJson } from '../entry-view.ts';
import { interrupted } from '../errors.ts';
import { type LogOption, logDirectory, openLog, withLogOption } from '../log-option.ts';
import { decimalArgument } from '../numbers.ts';
import { preview } from '../text.ts';

interface Options extends LogOption {
  readonly from: number;
  readonly to?: number;
  readonly json?: boolean;
}

// The first nine bytes of the leaf hash: enough to tell entries apart by eye.
const SHORT_HASH = 12;
const DEFAULT_WIDTH = 100;
const MIN_PREVIEW = 20;

/** `vitrine ls` */
export function registerLs(program: Command, context: Context): void {
  withLogOption(program.command('ls'))
    .summary('list entries')
    .description(
      'List entries of a log: index, start of the leaf hash, size in bytes, and what can be shown of the entry: a ' +
        'terminal gets as much as fits on a line.',
    )
    .option('--from <index>', 'the first entry', decimalArgument('--from'), 0)
    .option('--to <index>', 'list up to this entry and without it (default: all)', decimalArgument('--to'))
    .option('--json', 'print one JSON object for each entry')
    .addHelpText('after', '\nExample:\n  $ vitrine ls --log ./log --from 100 --to 110\n')
    .action((options: Options) => list(context, options));
}

async function list(context: Context, options: Options): Promise<void> {
  const { output, signal } = context;
  await using log = await openLog(await logDirectory(context, options));
  if (options.to !== undefined && options.from > options.to) {
    throw new CoreError('log-range', `there is nothing from ${options.from} to ${options.to}`);
  }
  const to = Math.min(options.to ?? log.size, log.size);
  const from = Math.min(options.from, to);
  const indexWidth = String(Math.max(0, to - 1)).length;
  const fixed = indexWidth + 2 + SHORT_HASH + 2 + 5 + 2;
  // Programs get all of it.
  const columns = output.stdout.isTTY === true ? (output.stdout.columns ?? DEFAULT_WIDTH) : Number.POSITIVE_INFINITY;
  const width = Math.max(MIN_PREVIEW, columns - fixed);
  let index = from;
  for await (const entry of log.entries(from, to)) {
    if (signal.aborted) throw interrupted();
    if (output.closed) return;
    if (options.json) await output.json(entryJson(index, entry));
    else {
      const hash = formatBase64(leafHash(entry)).slice(0, SHORT_HASH);
      const size = String(entry.length).padStart(5);
      await output.text(`${String(index).padStart(indexWidth)}  ${hash}  ${size}  ${preview(entry, width)}\n`);
    }
    index++;
  }
}
