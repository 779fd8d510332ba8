import { stat } from 'node:fs/promises';
import type { Exported, LogReading } from '@vitrine/core/log';
import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { CliError, interrupted } from '../errors.ts';
import type { Update } from '../export-follower.ts';
import { followedLog, type LogOption, logPlace, openDirectory, withLogOption } from '../log-option.ts';
import { decimalArgument } from '../numbers.ts';
import { startProgress } from '../progress.ts';
import { StreamHeads } from '../stream-heads.ts';
import { count, printable } from '../text.ts';
import { durationArgument } from '../time.ts';

interface Options extends LogOption {
  readonly follow?: boolean;
  readonly interval?: number;
  readonly refresh?: number;
  readonly manifests?: string;
  readonly quiet?: boolean;
  readonly json?: boolean;
}

/** Milliseconds. */
const INTERVAL = 500;
const MIN_INTERVAL = 20;
/** Seconds. */
const REFRESH = 600;

/** `vitrine export` */
export function registerExport(program: Command, context: Context): void {
  withLogOption(program.command('export'))
    .summary('write the log as static files')
    .description(
      'Write the log as a directory of C2SP tlog-tiles that any file server can serve, with the bundles of the newest releases ' +
        'of a log of statements in heads. Run it again to write what is new, or after it was interrupted; or let it go on with ' +
        '--follow, which takes the URL of the log. Of a log at a URL it is the checkpoint that is shown there to everybody.',
    )
    .argument('<dir>', 'the directory to write into')
    .option('--follow', 'go on, and write what is new as soon as it is there, until SIGTERM or Ctrl-C')
    .option('--interval <ms>', `with --follow: how often to look (default: ${INTERVAL})`, decimalArgument('--interval'))
    .option(
      '--refresh <duration>',
      'with --follow: how often to write all heads again, so that they stay fresh (default: 10m)',
      durationArgument('--refresh'),
    )
    .option('--manifests <dir>', 'the manifests of releases, each in a file named by its SHA-256 in hexadecimal digits')
    .option('--quiet', 'with --follow: print nothing about each update')
    .option('--json', 'print one JSON object; with --follow one for each update')
    .addHelpText(
      'after',
      '\nExamples:\n  $ vitrine export ./public --log ./log\n' +
        '  $ vitrine export ./public --follow --log https://example.com/releases\n',
    )
    .action((directory: string, options: Options) => exportLog(context, directory, options));
}

async function exportLog(context: Context, directory: string, options: Options): Promise<void> {
  checkOptions(options);
  const found = await stat(directory).catch(() => undefined);
  // What else is in the way is found out when it is made.
  if (found?.isDirectory() === false) throw new CliError('file-type', `${directory} is not a directory`);
  if (options.follow) return follow(context, directory, options);
  const place = await logPlace(context, options);
  await using log =
    place.url === undefined ? await openDirectory(place.directory) : await place.open({ published: true });
  const exported = await exportTiles(context, log, directory, options);
  let heads: number | undefined;
  if (StreamHeads.areOf(log)) {
    const all = new StreamHeads(context, { directory, manifests: options.manifests });
    await all.begin(log);
    heads = await all.write(log);
  }
  await print(context, log, { ...exported, heads }, options);
}

function checkOptions({ follow: isFollowing, interval, refresh, quiet }: Options): void {
  if (!isFollowing) {
    const [stray] = Object.entries({ interval, refresh, quiet }).find(([, value]) => value !== undefined) ?? [];
    if (stray !== undefined) throw new CliError('usage', `--${stray} goes with --follow`);
  }
  if (interval !== undefined && interval < MIN_INTERVAL) {
    throw new CliError('usage', `--interval must be at least ${MIN_INTERVAL} ms, not ${interval}`);
  }
}

async function exportTiles(context: Context, log: LogReading, directory: string, { json }: Options): Promise<Exported> {
  const { exportTiles: write } = await import('@vitrine/core/log');
  const progress = startProgress(context, { label: 'exporting', unit: 'entries', json });
  const onProgress = (done: number, total: number): void => {
    if (context.signal.aborted) throw interrupted();
    progress.update(done, total);
  };
  try {
    return await write(log, directory, { onProgress });
  } finally {
    progress.stop();
  }
}

async function follow(context: Context, directory: string, options: Options): Promise<void> {
  const { interval = INTERVAL, refresh = REFRESH, manifests, quiet, json } = options;
  const place = await followedLog(context, options);
  const { ExportFollower } = await import('../export-follower.ts');
  const follower = new ExportFollower(context, directory, { interval, refresh, manifests, json: json || quiet });
  await follower.run(
    () => place.open({ published: true }),
    async (log, update) => {
      if (quiet) return;
      await print(context, log, update, options);
      await context.output.flush();
    },
  );
}

async function print({ output }: Context, { origin }: LogReading, update: Update, { json }: Options): Promise<void> {
  const { size, written, kept, heads } = update;
  if (json) return output.json({ origin, size, written, kept, ...(heads !== undefined && { heads }) });
  const files = `${count(written, 'file')} written, ${kept} kept`;
  const newest = heads === undefined ? '' : `, ${count(heads, 'head')}`;
  await output.text(`${count(size, 'entry', 'entries')} of ${printable(origin)}: ${files}${newest}\n`);
}
