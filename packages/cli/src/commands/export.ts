import { stat } from 'node:fs/promises';
import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { CliError, interrupted } from '../errors.ts';
import { type LogOption, logPlace, openLog, withLogOption } from '../log-option.ts';
import { startProgress } from '../progress.ts';
import { count, printable } from '../text.ts';

interface Options extends LogOption {
  readonly json?: boolean;
}

/** `vitrine export` */
export function registerExport(program: Command, context: Context): void {
  withLogOption(program.command('export'))
    .summary('write the log as static files')
    .description(
      'Write the log as a directory of C2SP tlog-tiles that any file server can serve. Run it again to write what is ' +
        'new, or after it was interrupted.',
    )
    .argument('<dir>', 'the directory to write into')
    .option('--json', 'print one JSON object')
    .addHelpText('after', '\nExample:\n  $ vitrine export ./public --log ./log\n')
    .action((directory: string, options: Options) => exportLog(context, directory, options));
}

async function exportLog(context: Context, directory: string, options: Options): Promise<void> {
  const { output, signal } = context;
  const found = await stat(directory).catch(() => undefined);
  // What else is in the way is found out when it is made.
  if (found?.isDirectory() === false) throw new CliError('file-type', `${directory} is not a directory`);
  await using log = await openLog(await logPlace(context, options));
  const { exportTiles } = await import('@vitrine/core/log');
  const progress = startProgress(context, { label: 'exporting', unit: 'entries', json: options.json });
  const onProgress = (done: number, total: number): void => {
    if (signal.aborted) throw interrupted();
    progress.update(done, total);
  };
  let result: Awaited<ReturnType<typeof exportTiles>>;
  try {
    result = await exportTiles(log, directory, { onProgress });
  } finally {
    progress.stop();
  }
  const { size, written, kept } = result;
  if (options.json) return await output.json({ origin: log.origin, size, written, kept });
  const files = count(written, 'file');
  await output.text(`${count(size, 'entry', 'entries')} of ${printable(log.origin)}: ${files} written, ${kept} kept\n`);
}
