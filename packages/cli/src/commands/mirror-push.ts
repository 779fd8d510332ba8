import {
  addSignatures,
  formatSignatureLines,
  formatSignedNote,
  parseSignedNote,
  parseVkey,
  type VerifierKey,
} from '@vitrine/core';
import type { Log } from '@vitrine/core/log';
import type { Pushed } from '@vitrine/witness';
import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { naming } from '../errors.ts';
import { type LogOption, logPlace, type OpenedLog, openLog, withLogOption } from '../log-option.ts';
import { startProgress } from '../progress.ts';
import { count, decodeUtf8, printable } from '../text.ts';

interface Options extends LogOption {
  readonly to: readonly string[];
  readonly vkey: readonly string[];
  readonly json?: boolean;
}

const collect = (value: string, all: readonly string[] = []): readonly string[] => [...all, value];

/** `vitrine mirror push` */
export function registerMirrorPush(mirror: Command, context: Context): void {
  withLogOption(mirror.command('push'))
    .summary('send a log to its mirrors')
    .description(
      'Send mirrors the entries of a log that they lack, as C2SP tlog-mirror has it, and print their cosignatures of its newest ' +
        'checkpoint. A log in a directory keeps them with the checkpoint.',
    )
    .requiredOption('--to <url>', 'the submission prefix of a mirror, once for each', collect)
    .requiredOption('--vkey <vkey>', 'a key of a mirror, once for each', collect)
    .option('--json', 'print a JSON object for each mirror')
    .addHelpText(
      'after',
      '\nExample:\n  $ vitrine mirror push --log ./log --to https://mirror.example --vkey "$(cat mirror.vkey)"\n',
    )
    .action((options: Options) => push(context, options));
}

async function push(context: Context, options: Options): Promise<void> {
  const keys = options.vkey.map((vkey) => naming('--vkey', () => parseVkey(vkey)));
  const place = await logPlace(context, options);
  await using log = await openLog(place);
  for (const url of options.to) await pushTo(context, log, { url, keys, isOwn: place.url === undefined }, options);
}

interface Target {
  readonly url: string;
  readonly keys: readonly VerifierKey[];
  /** Whether the log is here, and keeps signatures. */
  readonly isOwn: boolean;
}

async function pushTo(
  context: Context,
  log: OpenedLog,
  { url, keys, isOwn }: Target,
  { json }: Pick<Options, 'json'>,
): Promise<void> {
  const { output, signal } = context;
  const { MirrorClient, pushEntries } = await import('@vitrine/witness');
  const { httpFetch } = await import('../http-fetch.ts');
  const client = new MirrorClient({ url, fetch: await httpFetch(context), signal });
  const progress = startProgress(context, { label: `sending to ${printable(url)}`, unit: 'entries', json });
  let pushed: Pushed;
  try {
    pushed = await pushEntries(log, { client, keys, onProgress: (done, total) => progress.update(done, total) });
  } finally {
    progress.stop();
  }
  const { checkpoint, cosignatures } = pushed;
  if (isOwn) await keep(log as OpenedLog & Pick<Log, 'publish'>, pushed);
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
