import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { CoreError, ed25519Signer, formatVkey, KEY_TYPE_ED25519, type Signer } from '@vitrine/core';
import type { Log, LogDescription, OpenOptions, Store } from '@vitrine/core/log';
import { statementAdmission, statementMapping } from '@vitrine/signer';
import type { Command } from 'commander';
import { type Context, variable } from './context.ts';
import { CliError, isMissing, naming } from './errors.ts';
import { keyDirectory, keyFileName, type ReadKeyOptions, readKeyFile } from './keys.ts';
import { LOG_PASSPHRASE_FILES } from './passphrase.ts';

/** What `--log` leaves among a command's options. */
export interface LogOption {
  readonly log?: string;
}

/** Adds `--log` to a command. */
export function withLogOption(command: Command): Command {
  return command.option('--log <log>', 'the log: a directory (default: $VITRINE_LOG)');
}

/** Whether the user named a log. */
export function hasLog(context: Context, { log }: LogOption): boolean {
  return log !== undefined || variable(context, 'VITRINE_LOG') !== undefined;
}

/**
 * The directory of the log that the user named.
 *
 * @throws CliError `usage` if none was named; `log-url`; CoreError `store-foreign` if it is a file, `store-missing` if
 * it is not where VITRINE_LOG says
 */
export async function logDirectory(context: Context, { log }: LogOption): Promise<string> {
  const named = log ?? variable(context, 'VITRINE_LOG');
  if (named === undefined) throw new CliError('usage', 'name the log with --log, or in VITRINE_LOG');
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(named)) {
    throw new CliError('log-url', `reading a log by URL is not supported yet: ${named}`);
  }
  const found = await stat(named).catch((error: NodeJS.ErrnoException) => error);
  if (!(found instanceof Error) && !found.isDirectory()) {
    throw new CoreError('store-foreign', `${named} is a file, and a log is a directory`);
  }
  // Whoever set the variable may have done it in another directory, long ago.
  if (found instanceof Error && found.code === 'ENOENT' && log === undefined) {
    throw new CoreError('store-missing', `${resolve(named)} (from VITRINE_LOG) does not exist`);
  }
  return named;
}

/** Opens the store in a directory. @throws CoreError with `store-` codes */
export async function openStore(
  directory: string,
  options: { checkTables?: boolean; signal?: AbortSignal } = {},
): Promise<Store> {
  const { LevelStore } = await import('@vitrine/core/log');
  return LevelStore.open(directory, options);
}

/**
 * Opens a log, to read it, or with a signer to append to it.
 *
 * @throws CoreError with `store-` and `log-` codes
 */
export async function openLog(directory: string, signer?: Signer): Promise<Log> {
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

/** What a log was created with, also while another process has it open. @throws CoreError with `store-` codes */
export async function describeLog(directory: string): Promise<LogDescription> {
  const { parseDescription, readDescription } = await import('@vitrine/core/log');
  return parseDescription(await readDescription(directory));
}

/**
 * The signer of a log: from the file of `--key`, or the one that `VITRINE_KEY` names, or that in which `init` put the key.
 *
 * @throws CliError `key-missing` and what `readKeyFile` throws; CoreError `log-key` if it is the key of something else
 */
export async function logSigner(
  context: Context,
  description: LogDescription,
  { key, json }: { readonly key?: string; readonly json?: boolean },
): Promise<Signer> {
  return signerFrom(context, description, { option: '--key', variable: 'VITRINE_KEY', file: key }, { json });
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
