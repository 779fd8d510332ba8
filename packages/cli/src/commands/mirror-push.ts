import {
  addSignatures,
  type CoreError,
  formatSignatureLines,
  formatSignedNote,
  parseSignedNote,
  parseVkey,
} from '@vitrine/core';
import type { Log } from '@vitrine/core/log';
import type { Pushed, PushOptions, WitnessError } from '@vitrine/witness';
import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { CliError, naming } from '../errors.ts';
import {
  followedLog,
  type LogOption,
  logPlace,
  type OpenedLog,
  openLog,
  type ServedLog,
  withLogOption,
} from '../log-option.ts';
import { isLogOutage, lookAgain } from '../look-again.ts';
import { positiveArgument } from '../numbers.ts';
import { startProgress } from '../progress.ts';
import { count, decodeUtf8, httpUrl, printable } from '../text.ts';

interface Options extends LogOption {
  readonly to: readonly string[];
  readonly vkey: readonly string[];
  readonly follow?: boolean;
  readonly interval?: number;
  readonly json?: boolean;
}

/** Seconds. */
const INTERVAL = 1;

const collect = (value: string, all: readonly string[] = []): readonly string[] => [...all, value];

function collectUrl(url: string, all?: readonly string[]): readonly string[] {
  if (httpUrl(url) !== undefined) return collect(url, all);
  throw new CliError('usage', `--to must be a URL of http or https, not ${url}`);
}

/** `vitrine mirror push` */
export function registerMirrorPush(mirror: Command, context: Context): void {
  withLogOption(mirror.command('push'))
    .summary('send a log to its mirrors')
    .description(
      'Send mirrors the entries of a log that they lack, as C2SP tlog-mirror has it, and print their cosignatures of its newest ' +
        'checkpoint. A log in a directory keeps them with the checkpoint. With --follow, which takes the URL of the log, it goes ' +
        'on and sends what is new.',
    )
    .requiredOption('--to <url>', 'the submission prefix of a mirror, once for each', collectUrl)
    .requiredOption('--vkey <vkey>', 'a key of a mirror, once for each', collect)
    .option('--follow', 'go on until SIGTERM or Ctrl-C, and send what is new; each mirror for itself')
    .option(
      '--interval <seconds>',
      `with --follow: between two looks at the log (default: ${INTERVAL})`,
      positiveArgument('--interval'),
    )
    .option('--json', 'print a JSON object for each mirror, with --follow for each checkpoint too')
    .addHelpText(
      'after',
      '\nExamples:\n  $ vitrine mirror push --log ./log --to https://mirror.example --vkey "$(cat mirror.vkey)"\n' +
        '  $ vitrine mirror push --follow --log https://log.example --to https://mirror.example --vkey "$(cat m.vkey)"\n',
    )
    .action((options: Options) => push(context, options));
}

async function push(context: Context, options: Options): Promise<void> {
  const { follow: isFollowing, interval, json } = options;
  const keys = options.vkey.map((vkey) => naming('--vkey', () => parseVkey(vkey)));
  if (interval !== undefined && !isFollowing) throw new CliError('usage', '--interval goes with --follow');
  if (isFollowing) return follow(context, await followedLog(context, options), { keys, ...options });
  const place = await logPlace(context, options);
  await using log = await openLog(place);
  for (const url of options.to) {
    const progress = startProgress(context, { label: `sending to ${printable(url)}`, unit: 'entries', json });
    let pushed: Pushed;
    try {
      const onProgress = (done: number, total: number): void => progress.update(done, total);
      pushed = await pushTo(context, log, { url, keys, onProgress });
    } finally {
      progress.stop();
    }
    if (place.url === undefined) await keep(log as OpenedLog & Pick<Log, 'publish'>, pushed);
    await print(context, log, { url, pushed }, options);
  }
}

interface Target extends Pick<PushOptions, 'keys' | 'onProgress'> {
  readonly url: string;
}

async function pushTo(context: Context, log: OpenedLog, { url, ...options }: Target): Promise<Pushed> {
  const { MirrorClient, pushEntries } = await import('@vitrine/witness');
  const { httpFetch } = await import('../http-fetch.ts');
  const client = new MirrorClient({ url, fetch: await httpFetch(context), signal: context.signal });
  return pushEntries(log, { client, ...options });
}

/** Sends each mirror what is new until the user wants it to stop, whatever becomes of the others. */
async function follow(
  outer: Context,
  place: ServedLog,
  { to, keys, interval = INTERVAL, ...options }: Options & Pick<PushOptions, 'keys'>,
): Promise<void> {
  const { WitnessError } = await import('@vitrine/witness');
  const isPassing = (error: unknown): error is WitnessError | CoreError =>
    error instanceof WitnessError || isLogOutage(error);
  // What is wrong with the log ends it for all of them.
  const ending = new AbortController();
  outer.signal.addEventListener('abort', () => ending.abort(), { once: true });
  if (outer.signal.aborted) ending.abort();
  const context = { ...outer, signal: ending.signal };
  const followed = to.map(async (url) => {
    let sent: number | undefined;
    const look = async (): Promise<void> => {
      const log = await place.open();
      if (log.checkpoint().size === sent) return;
      const pushed = await pushTo(context, log, { url, keys });
      sent = pushed.checkpoint.size;
      await print(context, log, { url, pushed }, options);
      await context.output.flush();
    };
    await lookAgain(context, look, {
      interval: interval * 1000,
      label: printable(url),
      isPassing,
      recovered: 'has the log again',
    }).finally(() => ending.abort());
  });
  const failed = (await Promise.allSettled(followed)).find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

async function print(
  { output }: Context,
  log: OpenedLog,
  { url, pushed }: { readonly url: string; readonly pushed: Pushed },
  { json }: Pick<Options, 'json'>,
): Promise<void> {
  const { checkpoint, cosignatures } = pushed;
  const lines = formatSignatureLines(cosignatures);
  const names = [...new Set(cosignatures.map(({ keyName }) => keyName))];
  if (json) {
    return output.json({
      origin: log.origin,
      size: checkpoint.size,
      mirror: url,
      names,
      cosignatures: decodeUtf8(lines),
    });
  }
  await output.bytes(lines);
  output.note(
    `${printable(url)} has ${count(checkpoint.size, 'entry', 'entries')} of ${printable(log.origin)}, and cosigned as ` +
      names.map((name) => printable(name)).join(', '),
  );
}

async function keep(log: Pick<Log, 'publish'>, { checkpoint, cosignatures }: Pushed): Promise<void> {
  const note = parseSignedNote(checkpoint.note);
  await log.publish(formatSignedNote(addSignatures(note, cosignatures)));
}
