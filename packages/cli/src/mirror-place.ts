import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  CoreError,
  formatVkey,
  KEY_TYPE_ED25519,
  parseCheckpoint,
  parseSignedNote,
  parseVkey,
  type VerifierKey,
} from '@vitrine/core';
import type { LogDescription } from '@vitrine/core/log';
import { statementMapping } from '@vitrine/signer';
import type { Mirror, MirrorOptions, PullSource } from '@vitrine/witness';
import type { Command } from 'commander';
import type { Context } from './context.ts';
import { CliError, naming } from './errors.ts';
import { readIfThere } from './files.ts';
import { isUrl, openDirectory } from './log-option.ts';
import { readPolicy } from './policy-file.ts';
import { printable } from './text.ts';

/** What {@link withMirrorOptions} leaves among a command's options. */
export interface MirrorCommandOptions {
  readonly vkey?: readonly string[];
  readonly policy?: string;
  readonly checkIndex?: boolean;
  readonly parallel: number;
}

const MAX_DESCRIPTION_SIZE = 1024 * 1024;

/** Adds what every command has that copies a log: whose it has to be, and how it is copied. */
export function withMirrorOptions(command: Command, parallel: (text: string) => number): Command {
  return command
    .option('--vkey <vkey>', 'a key of the log, once for each', (vkey: string, all: readonly string[] = []) => [
      ...all,
      vkey,
    ])
    .option('--policy <file>', 'a policy that lists the keys of the log; what it says of witnesses is not looked at')
    .option('--check-index', 'derive the index of a log of statements again, and publish nothing that has a false one')
    .option('--parallel <n>', 'entry bundles that are fetched at once', parallel, 8);
}

/** Where a log is copied from, to be closed again. */
export interface OpenedSource {
  readonly source: PullSource;
  /** What the log, or whoever serves it, says of itself. Undefined if it says nothing. */
  describe(): Promise<LogDescription | undefined>;
  /** Who says so, if that is not the log itself. */
  readonly describedBy?: string;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Opens what a user named as a log to be copied: a URL, the directory of a log, or one that it was exported to.
 *
 * @throws CliError `log-url` for a URL of another scheme than http and https; `file-missing`, `file-type`; CoreError
 * `fetch-failed`, with `store-` and `log-` codes
 */
export async function openSource(context: Context, named: string): Promise<OpenedSource> {
  const { directorySource, httpSource, logSource } = await import('@vitrine/witness');
  const { fetchDescription, HttpClient, parseDescription } = await import('@vitrine/core/log');
  if (isUrl(named)) {
    if (!/^https?:/i.test(named))
      throw new CliError('log-url', `a log is copied over https or http, not from ${named}`);
    const { httpFetch } = await import('./http-fetch.ts');
    const options = { fetch: await httpFetch(context), signal: context.signal };
    return {
      source: httpSource(named, options),
      describedBy: 'its server',
      describe: () => fetchDescription(new HttpClient(named, options)),
      [Symbol.asyncDispose]: async () => {},
    };
  }
  const found = await stat(named).catch(() => undefined);
  if (found === undefined) throw new CliError('file-missing', `${named} does not exist`);
  if (!found.isDirectory()) throw new CliError('file-type', `${named} is not a directory`);
  if ((await stat(join(named, 'vitrine.json')).catch(() => undefined)) === undefined) {
    return {
      source: directorySource(named),
      describedBy: 'the directory',
      describe: async () => {
        const bytes = await readIfThere(join(named, 'description'), MAX_DESCRIPTION_SIZE);
        return bytes && parseDescription(bytes);
      },
      [Symbol.asyncDispose]: async () => {},
    };
  }
  const log = await openDirectory(named);
  return {
    source: logSource(log),
    describe: async () => log.description,
    [Symbol.asyncDispose]: () => log[Symbol.asyncDispose](),
  };
}

/** The keys that a mirror signs with, and what it says when. */
export type MirrorRoles = Pick<MirrorOptions, 'keys' | 'indexKeys' | 'onFinding'>;

/**
 * Opens the mirror in a directory, or makes one there. The keys of the log are pinned when it is made: they are those of the
 * command line, or else those that the source itself names, and that is said.
 *
 * @throws CliError `usage` if nobody names them; CoreError `log-key` if the mirror has others than the command line says;
 * `log-mirror` if a log is there; with `store-` codes; WitnessError with `mirror-` and `state-` codes
 */
export async function openMirror(
  context: Context,
  directory: string,
  source: OpenedSource | undefined,
  options: Omit<MirrorCommandOptions, 'parallel'> & MirrorRoles,
): Promise<Mirror> {
  const { Mirror } = await import('@vitrine/witness');
  const { keys, indexKeys, onFinding, checkIndex } = options;
  const roles = { keys, indexKeys, onFinding, now: context.now };
  const description = await describeMirror(directory);
  if (description !== undefined) {
    checkKeys(description, await namedKeys(description.origin, options));
    if (checkIndex && !description.indexed) {
      throw new CliError('usage', `the mirror in ${directory} was made without --check-index: make another one`);
    }
    const mapping = description.indexed ? statementMapping : undefined;
    return Mirror.open(directory, { mapping, ...roles });
  }
  if (source === undefined && options.vkey === undefined && options.policy === undefined) {
    throw new CoreError(
      'store-missing',
      `${directory} holds no mirror: to make one there, name the log, or its key with --vkey or --policy`,
    );
  }
  if (checkIndex) await checkHasIndex(source);
  const { origin, vkeys } = await keysOfLog(context, source, options);
  const mapping = checkIndex ? statementMapping : undefined;
  return Mirror.create(directory, { origin, vkeys, mapping, ...roles });
}

/** @throws CliError `usage` for a log that says itself that it has no index */
async function checkHasIndex(source: OpenedSource | undefined): Promise<void> {
  // One that does not answer yet is asked for its index when it does.
  const description = await source?.describe().catch(() => undefined);
  if (description === undefined || description.indexed || description.mirror) return;
  throw new CliError('usage', `${description.origin} says that it has no index: leave out --check-index`);
}

/** What is said of the mirror in a directory; undefined if nothing is there. */
async function describeMirror(directory: string): Promise<LogDescription | undefined> {
  const { parseDescription, readDescription } = await import('@vitrine/core/log');
  let description: LogDescription;
  try {
    description = parseDescription(await readDescription(directory));
  } catch (error) {
    const isNothing =
      error instanceof CoreError &&
      (error.code === 'store-missing' || (error.code === 'store-foreign' && (await isEmpty(directory))));
    if (isNothing) return undefined;
    throw error;
  }
  if (description.mirror) return description;
  throw new CoreError('log-mirror', `${directory} has the log ${description.origin} itself, and not a mirror of it`);
}

async function isEmpty(directory: string): Promise<boolean> {
  return (await readdir(directory).catch(() => ['?'])).length === 0;
}

/** The keys that the command line names for a log. Undefined if it names none. */
async function namedKeys(
  origin: string,
  { vkey, policy: path }: Pick<MirrorCommandOptions, 'vkey' | 'policy'>,
): Promise<readonly VerifierKey[] | undefined> {
  if (vkey !== undefined) return vkey.map((text) => naming('--vkey', () => parseVkey(text)));
  if (path === undefined) return undefined;
  const { policy } = await readPolicy(path);
  const keys = policy.logs.map(({ key }) => key).filter(({ keyName }) => keyName === origin);
  if (keys.length === 0) throw new CoreError('policy-log', `${path} lists no key of the log ${origin}`);
  return keys;
}

/** @throws CoreError `log-key` if one of the keys that were named is another than those that are pinned */
function checkKeys({ origin, vkeys }: LogDescription, named: readonly VerifierKey[] | undefined): void {
  for (const key of named ?? []) {
    if (key.type !== KEY_TYPE_ED25519 && key.keyName === origin) continue;
    if (vkeys.includes(formatVkey(key))) continue;
    throw new CoreError(
      'log-key',
      `the mirror is one of ${origin} with other keys: ${formatVkey(key)} is none of them`,
    );
  }
}

/**
 * The log that the source says it is of; where there is none, or it does not answer yet, the one that the policy is of.
 *
 * @throws CliError `usage` where there is no source and the policy lists several logs, or none; what `originOf` throws
 */
async function originIn(path: string, source: OpenedSource | undefined): Promise<string> {
  const { policy } = await readPolicy(path);
  const [origin, ...others] = new Set(policy.logs.map(({ key }) => key.keyName));
  const only = others.length === 0 ? origin : undefined;
  if (source === undefined) {
    if (only !== undefined) return only;
    throw new CliError('usage', `${path} does not list one log: name the key of the one to mirror with --vkey`);
  }
  try {
    return await originOf(source);
  } catch (error) {
    if (only === undefined) throw error;
    return only;
  }
}

async function keysOfLog(
  { output }: Context,
  source: OpenedSource | undefined,
  options: Pick<MirrorCommandOptions, 'vkey' | 'policy'>,
): Promise<{ readonly origin: string; readonly vkeys: readonly string[] }> {
  if (source === undefined || options.vkey !== undefined || options.policy !== undefined) {
    const origin = options.vkey === undefined ? await originIn(options.policy!, source) : '';
    const named = (await namedKeys(origin, options)) ?? [];
    return { origin: named[0]?.keyName ?? '', vkeys: named.map(formatVkey) };
  }
  const description = await source.describe();
  if (description === undefined) {
    throw new CliError(
      'usage',
      'name the key of the log with --vkey, or with a --policy: the log does not say it here',
    );
  }
  const { origin, vkeys } = description;
  if (source.describedBy !== undefined) {
    const signing = vkeys.find((vkey) => parseVkey(vkey).type === KEY_TYPE_ED25519);
    output.note(
      `the key of ${printable(origin)} is the one that ${source.describedBy} names, and from now on no other: ${signing}; --vkey or --policy ` +
        'says which one it has to be',
    );
  }
  return { origin, vkeys };
}

/** Of which log a source says that it is. Nothing is believed yet: the keys that are looked up by it have to have signed. */
async function originOf({ source }: OpenedSource): Promise<string> {
  const note = await source('checkpoint');
  if (note === undefined) throw new CliError('file-missing', 'the log shows no checkpoint there');
  return parseCheckpoint(parseSignedNote(note).text).origin;
}
