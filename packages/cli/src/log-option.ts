import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { CoreError, ed25519Signer, formatVkey, KEY_TYPE_ED25519, type Signer } from '@vitrine/core';
import type { Log, LogDescription, Store } from '@vitrine/core/log';
import type { Command } from 'commander';
import { type Context, variable } from './context.ts';
import { CliError, naming } from './errors.ts';
import { keyDirectory, keyFileName, readKeyFile } from './keys.ts';

/** What `--log` leaves among a command's options. */
export interface LogOption {
  readonly log?: string;
}

/** Adds `--log` to a command. */
export function withLogOption(command: Command): Command {
  return command.option('--log <log>', 'the log: a directory (default: $VITRINE_LOG)');
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
  const { Log } = await import('@vitrine/core/log');
  const store = await openStore(directory);
  try {
    return await Log.open(store, { signer });
  } catch (error) {
    await store[Symbol.asyncDispose]();
    throw error;
  }
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
  { origin, vkeys }: LogDescription,
  { key: keyFile, json }: { readonly key?: string; readonly json?: boolean },
): Promise<Signer> {
  const named = keyFile ?? variable(context, 'VITRINE_KEY');
  const path = named ?? join(await keyDirectory(context), keyFileName(origin, 'ed25519'));
  const key = await readKeyFile(context, path, { json }).catch((error: unknown) => {
    if (named !== undefined || !(error instanceof CliError) || error.code !== 'file-missing') throw error;
    throw new CliError(
      'key-missing',
      `the key of ${origin} is not in ${path}: name its file with --key, or in VITRINE_KEY`,
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
