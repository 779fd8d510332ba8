import { join } from 'node:path';
import { CoreError, ed25519Signer, type Signer } from '@vitrine/core';
import type { Log, LogDescription, Store } from '@vitrine/core/log';
import type { Command } from 'commander';
import { type Context, variable } from './context.ts';
import { CliError } from './errors.ts';
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
 * @throws CliError `usage` if none was named; `log-url`
 */
export function logDirectory(context: Context, { log }: LogOption): string {
  const named = log ?? variable(context, 'VITRINE_LOG');
  if (named === undefined) throw new CliError('usage', 'name the log with --log, or in VITRINE_LOG');
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(named)) {
    throw new CliError('log-url', `reading a log by URL is not supported yet: ${named}`);
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
 * The signer of a log: from `keyFile`, or the file that `VITRINE_KEY` names, or that in which `init` put the key.
 *
 * @throws CliError `key-missing` and what `readKeyFile` throws; CoreError `log-key` if it is the key of something else
 */
export async function logSigner(
  context: Context,
  { origin }: LogDescription,
  keyFile: string | undefined,
): Promise<Signer> {
  const named = keyFile ?? variable(context, 'VITRINE_KEY');
  const path = named ?? join(await keyDirectory(context), keyFileName(origin, 'ed25519'));
  const key = await readKeyFile(context, path).catch((error: unknown) => {
    if (named !== undefined || !(error instanceof CliError) || error.code !== 'file-missing') throw error;
    throw new CliError(
      'key-missing',
      `the key of ${origin} is not in ${path}: name its file with --key, or in VITRINE_KEY`,
    );
  });
  if (key.vkey.keyName !== origin) {
    throw new CoreError('log-key', `${path} is a key of ${key.vkey.keyName}, and the log is ${origin}`);
  }
  return ed25519Signer(key);
}
