import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { CoreError, ed25519Signer, formatVkey, KEY_TYPE_ED25519, type Signer } from '@vitrine/core';
import type { Log, LogDescription, LogReading, OpenOptions, RemoteLog, Store } from '@vitrine/core/log';
import { statementAdmission, statementMapping } from '@vitrine/signer';
import type { Command } from 'commander';
import { type Context, variable } from './context.ts';
import { CliError, isMissing, naming } from './errors.ts';
import { keyDirectory, keyFileName, type ReadKeyOptions, readKeyFile } from './keys.ts';
import { LOG_PASSPHRASE_FILES } from './passphrase.ts';

/** What `--log` leaves among a command's options. */
export interface LogOption {
  readonly log?: string;
  readonly logVkey?: string;
  readonly tokenFile?: string;
}

/** Adds `--log` to a command that works on the log's own directory. */
export function withLogDirectoryOption(command: Command): Command {
  return command.option('--log <log>', 'the directory of the log (default: $VITRINE_LOG)');
}

/** Adds `--log` to a command. */
export function withLogOption(command: Command): Command {
  return command
    .option('--log <log>', 'the log: a directory, or the URL at which it is served (default: $VITRINE_LOG)')
    .option('--log-vkey <vkey>', 'the key that the log at a URL has to have (default: $VITRINE_LOG_VKEY)');
}

/** A log that the user named: by its directory, or by the URL at which it is served. */
export type LogPlace = LogDirectory | ServedLog;

interface LogDirectory {
  readonly directory: string;
  readonly url?: undefined;
}

/** A log at a URL. */
export interface ServedLog {
  readonly url: string;
  /** Opens it as it is now; as of the checkpoint that it shows to everybody where that is wanted. */
  open(options?: { readonly published?: boolean }): Promise<RemoteLog>;
}

/** A log that was opened, to read it or to append to it, wherever it is. */
export type OpenedLog = LogReading & Pick<Log, 'append' | 'appendAll'> & AsyncDisposable;

/** Whether the user named a log. */
export function hasLog(context: Context, { log }: LogOption): boolean {
  return log !== undefined || variable(context, 'VITRINE_LOG') !== undefined;
}

/**
 * The log that the user named.
 *
 * @throws CliError `usage` if none was named; CoreError `store-foreign` if it is a file, `store-missing` if it is not where VITRINE_LOG says
 */
export async function logPlace(context: Context, options: LogOption): Promise<LogPlace> {
  const named = namedLog(context, options);
  if (!isUrl(named)) return { directory: await checkedDirectory(named, options) };
  const { logVkey, tokenFile } = options;
  const open = async ({ published }: { readonly published?: boolean } = {}): Promise<RemoteLog> => {
    const { openServed } = await import('./served-log.ts');
    return openServed(context, { url: named, logVkey, tokenFile, published });
  };
  return { url: named, open };
}

/**
 * The log that the user named, to follow it.
 *
 * @throws CliError `usage` for one in a directory; as {@link logPlace}
 */
export async function followedLog(context: Context, options: LogOption): Promise<ServedLog> {
  const place = await logPlace(context, options);
  if (place.url !== undefined) return place;
  throw new CliError(
    'usage',
    '--follow takes the URL of a log: one in a directory grows only while a server, or another command, has it open',
  );
}

/**
 * The directory of the log that the user named, for what only its owner can do.
 *
 * @throws CliError `log-url` for a URL; as {@link logPlace}
 */
export async function logDirectory(context: Context, options: LogOption): Promise<string> {
  const named = namedLog(context, options);
  if (isUrl(named)) {
    throw new CliError('log-url', `this is done in the directory of the log, and not over the network: ${named}`);
  }
  return checkedDirectory(named, options);
}

/** Whether what the user named is a URL, of any scheme. */
export const isUrl = (named: string): boolean => /^[a-z][a-z0-9+.-]*:\/\//i.test(named);

function namedLog(context: Context, { log }: LogOption): string {
  const named = log ?? variable(context, 'VITRINE_LOG');
  if (named === undefined) throw new CliError('usage', 'name the log with --log, or in VITRINE_LOG');
  return named;
}

async function checkedDirectory(named: string, { log }: LogOption): Promise<string> {
  const found = await stat(named).catch((error: NodeJS.ErrnoException) => error);
  if (!(found instanceof Error) && !found.isDirectory()) {
    throw new CoreError('store-foreign', `${named} is a file, and a log is a directory`);
  }
  if (found instanceof Error && found.code === 'ENOENT' && /^[\w.-]+:\d+(?:\/|$)/.test(named)) {
    throw new CoreError('store-missing', `${named} does not exist; the URL of a log begins with https:// or http://`);
  }
  // Whoever set the variable may have done it in another directory, long ago.
  if (found instanceof Error && found.code === 'ENOENT' && log === undefined) {
    throw new CoreError('store-missing', `${resolve(named)} (from VITRINE_LOG) does not exist`);
  }
  return named;
}

/** Opens the store in a directory. @throws CoreError with `store-` codes; `store-locked` names the URL of a server that has it */
export async function openStore(
  directory: string,
  options: { checkTables?: boolean; signal?: AbortSignal } = {},
): Promise<Store> {
  const { LevelStore } = await import('@vitrine/core/log');
  return LevelStore.open(directory, options).catch(async (error: unknown) => {
    if (!(error instanceof CoreError) || error.code !== 'store-locked') throw error;
    throw await (await import('./served-file.ts')).lockedBy(directory, error);
  });
}

/**
 * Opens a log, to read it, or to append to it: with its signer if it is in a directory.
 *
 * @throws CoreError with `store-` and `log-` codes; of a log at a URL also `fetch-failed`, and what says that its server lies
 */
export async function openLog(place: LogPlace, signer?: Signer): Promise<OpenedLog> {
  return place.url === undefined ? openDirectory(place.directory, signer) : place.open();
}

/** Opens a log in its directory. @throws CoreError with `store-` and `log-` codes */
export async function openDirectory(directory: string, signer?: Signer): Promise<Log> {
  const { Log, parseDescription } = await import('@vitrine/core/log');
  const store = await openStore(directory);
  try {
    return await Log.open(store, { signer, ...rulesOf(parseDescription(await store.description())) });
  } catch (error) {
    await store[Symbol.asyncDispose]();
    throw error;
  }
}

/** What a log of statements judges its entries by, and derives its index by. */
export function rulesOf({ kind, indexed }: LogDescription): Pick<OpenOptions, 'admission' | 'mapping'> {
  return {
    ...(kind === 'statements' && { admission: statementAdmission }),
    ...(indexed && { mapping: statementMapping }),
  };
}

/** What a log was created with, also while another process has it open. @throws CoreError as {@link openLog} */
export async function describeLog(place: LogPlace): Promise<LogDescription> {
  if (place.url !== undefined) return (await place.open()).description;
  const { parseDescription, readDescription } = await import('@vitrine/core/log');
  return parseDescription(await readDescription(place.directory));
}

/**
 * The signer of a log: from the file of `--key`, or the one that an environment variable names, or that in which `init` put the
 * key. Where statements are signed, `VITRINE_KEY` names the key of those, and `VITRINE_LOG_KEY` the log's.
 *
 * @throws CliError `key-missing` and what `readKeyFile` throws; CoreError `log-key` if it is the key of something else
 */
export async function logSigner(
  context: Context,
  description: LogDescription,
  { key, json }: { readonly key?: string; readonly json?: boolean },
): Promise<Signer> {
  const name = description.kind === 'raw' ? 'VITRINE_KEY' : 'VITRINE_LOG_KEY';
  return signerFrom(context, description, { option: '--key', variable: name, file: key }, { json });
}

/**
 * The signer that appending to a log takes here: none if it is at a URL, because the server has it.
 *
 * @param option names the file of the log's key, which has no use then
 * @throws CliError `usage` for a file that was named all the same; as `find`
 */
export async function signerOf(
  place: LogPlace,
  option: readonly [name: string, file: string | undefined],
  find: () => Promise<Signer>,
): Promise<Signer | undefined> {
  if (place.url === undefined) return find();
  const [name, file] = option;
  if (file === undefined) return undefined;
  throw new CliError('usage', `${name} names the key of a log in a directory: the server at ${place.url} has its own`);
}

/** What `--log-key` leaves among a command's options. */
export interface LogKeyOption {
  readonly logKey?: string;
}

/** Adds `--log-key` to a command that signs a statement with a key of its own, and appends it to the log. */
export function withLogKeyOption(command: Command): Command {
  return command.option('--log-key <file>', "the log's own key (default: $VITRINE_LOG_KEY, or where init put it)");
}

/**
 * The signer of a log, beside that of a statement: from the file of `--log-key`, or the one that `VITRINE_LOG_KEY` names,
 * or that in which `init` put the key. The file with its passphrase may be another than the statement key's.
 *
 * @throws as {@link logSigner}
 */
export async function logKeySigner(
  context: Context,
  description: LogDescription,
  { logKey, json }: LogKeyOption & { readonly json?: boolean },
): Promise<Signer> {
  const source = { option: '--log-key', variable: 'VITRINE_LOG_KEY', file: logKey };
  return signerFrom(context, description, source, { json, passphraseFiles: LOG_PASSPHRASE_FILES });
}

/** Where the file of a log's key may be named. */
interface KeySource {
  readonly option: string;
  readonly variable: string;
  /** What the option says. */
  readonly file: string | undefined;
}

async function signerFrom(
  context: Context,
  { origin, vkeys }: LogDescription,
  source: KeySource,
  options: ReadKeyOptions,
): Promise<Signer> {
  const named = source.file ?? variable(context, source.variable);
  const path = named ?? join(await keyDirectory(context), keyFileName(origin, 'ed25519'));
  const key = await readKeyFile(context, path, options).catch((error: unknown) => {
    if (named !== undefined || !isMissing(error)) throw error;
    throw new CliError(
      'key-missing',
      `the key of ${origin} is not in ${path}: name its file with ${source.option}, or in ${source.variable}`,
    );
  });
  if (key.vkey.keyName !== origin) {
    throw new CoreError('log-key', `${path} is a key of ${key.vkey.keyName}, and the log is ${origin}`);
  }
  if (key.vkey.type === KEY_TYPE_ED25519 && !vkeys.includes(formatVkey(key.vkey))) {
    throw new CoreError('log-key', `${path} is another key than that of the log ${origin}`);
  }
  return naming(path, () => ed25519Signer(key));
}
