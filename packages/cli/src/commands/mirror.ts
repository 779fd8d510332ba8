import { formatBase64 } from '@vitrine/core';
import type { LogCheckpoint } from '@vitrine/core/log';
import type { Mirror } from '@vitrine/witness';
import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { type MirrorCommandOptions, openMirror, openSource, withMirrorOptions } from '../mirror-place.ts';
import { positiveArgument } from '../numbers.ts';
import { startProgress } from '../progress.ts';
import { count, printable } from '../text.ts';
import { registerMirrorPush } from './mirror-push.ts';
import { registerMirrorServe } from './mirror-serve.ts';

interface Options extends MirrorCommandOptions {
  readonly follow?: boolean;
  readonly interval: number;
  readonly json?: boolean;
}

/** `vitrine mirror` */
export function registerMirror(program: Command, context: Context): void {
  const mirror = withMirrorOptions(program.command('mirror'), positiveArgument('--parallel'))
    .summary('copy a log, whoever runs it')
    .description(
      'Copy a log into a directory: any log of C2SP tlog-tiles. Every entry is checked against a checkpoint that the log has signed ' +
        'before it is kept, and nothing that is there is ever replaced. Run it again to copy what is new, or after it was ' +
        'interrupted. The keys of the log are those that --vkey or --policy names; a log that Vitrine serves names them itself, ' +
        'and the mirror keeps to them from then on. All commands that take --log read the copy.',
    )
    .argument('<log>', 'the log: its URL, its directory, or one to which it was exported')
    .argument('<dir>', 'the directory to copy into')
    .option('--follow', 'go on until Ctrl-C, and copy what is new')
    .option('--interval <seconds>', 'between two looks at the log', positiveArgument('--interval'), 5)
    .option('--json', 'print one JSON object, with --follow one for each checkpoint')
    .addHelpText(
      'after',
      '\nExample:\n  $ vitrine mirror https://log.example.com ./copy --policy policy\n' +
        '  $ vitrine ls --log ./copy\n',
    )
    .action((log: string, directory: string, options: Options) => copy(context, { log, directory }, options));
  registerMirrorServe(mirror, context);
  registerMirrorPush(mirror, context);
}

async function copy(
  context: Context,
  { log, directory }: { readonly log: string; readonly directory: string },
  options: Options,
): Promise<void> {
  const { signal } = context;
  await using source = await openSource(context, log);
  await using mirror = await openMirror(context, directory, source, options);
  const { Follower, pull } = await import('@vitrine/witness');
  const progress = startProgress(context, { label: 'copying', unit: 'entries', json: options.json });
  const { parallel } = options;
  const pulling = {
    source: source.source,
    parallel,
    signal,
    onProgress: (done: number, total: number) => progress.update(done, total),
  };
  try {
    if (!options.follow) {
      const published = await pull(mirror, pulling);
      progress.stop();
      return await print(context, mirror, published, options);
    }
    let printed: Promise<void> = Promise.resolve();
    const follower = new Follower(mirror, {
      ...pulling,
      interval: options.interval * 1000,
      onPublished: (published) => {
        progress.stop();
        printed = printed.then(async () => {
          await print(context, mirror, published, options);
          await context.output.flush();
        });
      },
      onFailure: ({ message }) => context.output.note(message),
    });
    await follower.run();
    await printed;
  } finally {
    progress.stop();
  }
}

async function print(
  { output }: Context,
  { origin }: Mirror,
  { size, root }: LogCheckpoint,
  { json }: Pick<Options, 'json'>,
): Promise<void> {
  const hash = formatBase64(root);
  if (json) return output.json({ origin, size, root: hash });
  await output.text(`mirrored: ${count(size, 'entry', 'entries')} of ${printable(origin)}, root hash ${hash}\n`);
}
