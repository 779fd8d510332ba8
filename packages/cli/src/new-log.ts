import { lstat, mkdir, rm, rmdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { ed25519Signer, type PrivateKey } from '@vitrine/core';
import type { LogDescription, Store } from '@vitrine/core/log';
import { statementMapping } from '@vitrine/signer';
import type { Context } from './context.ts';
import { fileError } from './errors.ts';
import { writeKeyFile } from './keys.ts';

/** What a new log consists of. */
export interface NewLog {
  /** Empty, or not there yet. */
  readonly directory: string;
  readonly keyDir: string;
  /** A path for each of the keys. */
  readonly keyFiles: readonly string[];
  /** The first signs the log's checkpoints. */
  readonly keys: readonly PrivateKey[];
  readonly vkeys: readonly string[];
  readonly passphrase: string | undefined;
  readonly origin: string;
  readonly kind: LogDescription['kind'];
  readonly duplicates: boolean;
}

// In this order: without the first of them the rest is no log any more.
const STORE_FILES = ['vitrine.json', 'checkpoint', 'log.json', 'db'];

type Undo = () => Promise<void>;

/**
 * Writes the keys, then the log. If that fails, what was written is removed again, the last first: keys without their log
 * are of no use, and nobody could add to a log without its keys. Where the log cannot be removed, its keys stay.
 *
 * @throws CliError with `key-` and `file-` codes; CoreError with `store-` and `log-` codes
 */
export async function createLog(context: Context, plan: NewLog): Promise<void> {
  const { LevelStore, Log } = await import('@vitrine/core/log');
  const { directory, keyDir, keyFiles, keys, vkeys, passphrase, origin, kind, duplicates } = plan;
  const undos: Undo[] = [];
  try {
    const madeKeyDir = await mkdir(resolve(keyDir), { recursive: true, mode: 0o700 }).catch((error: unknown) => {
      throw fileError(keyDir, error);
    });
    undos.push(() => removeDirectories(keyDir, madeKeyDir));
    for (const [i, path] of keyFiles.entries()) {
      await writeKeyFile(path, keys[i]!, passphrase);
      undos.push(() => rm(path, { force: true }));
    }
    const madeDirectory = await firstMissing(directory);
    undos.push(() => removeDirectories(directory, madeDirectory));
    const createStore = async (description: Uint8Array): Promise<Store> => {
      const store = await LevelStore.create(directory, description);
      undos.push(() => removeStore(directory));
      return store;
    };
    // Nothing is appended yet, so nothing has to be judged.
    const mapping = kind === 'statements' ? statementMapping : undefined;
    const signer = ed25519Signer(keys[0]!);
    const log = await Log.create(createStore, { origin, vkeys, kind, duplicates, signer, mapping });
    await log[Symbol.asyncDispose]();
  } catch (error) {
    await undoAll(context, undos);
    throw error;
  }
}

async function undoAll({ output }: Context, undos: readonly Undo[]): Promise<void> {
  try {
    for (const undo of undos.toReversed()) await undo();
  } catch (error) {
    // What went wrong first is reported as the failure.
    output.note(`what was created could not all be removed again, and the rest stays: ${(error as Error).message}`);
  }
}

async function removeStore(directory: string): Promise<void> {
  for (const name of STORE_FILES) await rm(join(directory, name), { recursive: true, force: true });
}

/** Removes a directory and those above it up to `made`, the first that had to be made; none if that is undefined. */
async function removeDirectories(directory: string, made: string | undefined): Promise<void> {
  if (made === undefined) return;
  for (let path = resolve(directory); path.length >= made.length; path = dirname(path)) {
    try {
      await rmdir(path);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // Others may have put something there meanwhile.
      if (code === 'ENOTEMPTY' || code === 'EEXIST') return;
      if (code !== 'ENOENT') throw error;
    }
  }
}

/** The uppermost directory that must be made for `path` to be one; undefined if it is there. */
async function firstMissing(path: string): Promise<string | undefined> {
  let missing: string | undefined;
  for (let at = resolve(path); !(await exists(at)); at = dirname(at)) missing = at;
  return missing;
}

async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    // A file where a directory should be, for instance: whoever makes the directory says so.
    return (error as NodeJS.ErrnoException).code !== 'ENOENT';
  }
}
