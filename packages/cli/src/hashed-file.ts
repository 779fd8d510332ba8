import { access, constants, stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { basename, dirname } from 'node:path';
import { type Artifact, SignerError } from '@vitrine/signer';
import type { Context } from './context.ts';
import { CliError, fileError } from './errors.ts';
import { startProgress } from './progress.ts';
import { type Content, type ReadHashOptions, readHash } from './read-hash.ts';
import { checkName } from './sum-line.ts';

/** A file to hash. */
export interface InputFile {
  readonly path: string;
  /** The name in the statement. */
  readonly name: string;
}

/** A file under its base name. @throws CliError `file-name` for one that is not what the user typed, or cannot be written */
export async function inputFile(path: string): Promise<InputFile> {
  const name = basename(path);
  await checkName(name, dirname(path));
  return { path, name };
}

// Less is hashed sooner than threads have started.
const WORTH_THREADS = 64 << 20;

/**
 * Hashes files of any size, in constant memory, with a progress bar; several large ones at once. All of them are looked at before
 * the first is read.
 *
 * @throws CliError `file-missing`, `file-type`, `file-io`; SignerError `source-changed` for a file that changes meanwhile
 */
export async function hashFiles(
  context: Context,
  files: readonly InputFile[],
  { json }: { readonly json?: boolean | undefined },
): Promise<Artifact[]> {
  const before = await inOrder(files, ({ path }) => checkFile(path));
  const total = before.reduce((sum, { size }) => sum + size, 0);
  const progress = startProgress(context, { label: 'hashing', unit: 'bytes', json });
  let done = 0;
  const onRead = (bytes: number): void => {
    done += bytes;
    progress.update(done, total);
  };
  try {
    const contents = await readAll(files, total, { signal: context.signal, onRead });
    await inOrder(files, ({ path }, i) => checkUnchanged(path, before[i]!, contents[i]!));
    return files.map(({ name }, i) => ({ name, ...contents[i]! }));
  } finally {
    progress.stop();
  }
}

async function readAll(files: readonly InputFile[], total: number, options: ReadHashOptions): Promise<Content[]> {
  const threads = Math.min(files.length, availableParallelism());
  if (threads > 1 && total >= WORTH_THREADS) {
    const { readHashes } = await import('./hash-workers.ts');
    return readHashes(
      files.map(({ path }) => path),
      threads,
      options,
    );
  }
  return inOrder(files, ({ path }) =>
    readHash(path, options).catch((error: unknown) => {
      throw fileError(path, error);
    }),
  );
}

async function inOrder<T, R>(items: readonly T[], act: (item: T, i: number) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (const [i, item] of items.entries()) results.push(await act(item, i));
  return results;
}

async function checkUnchanged(path: string, before: LookedAt, read: Content): Promise<void> {
  const { size, mtimeMs, ino } = await checkFile(path);
  const isSame = size === before.size && mtimeMs === before.mtimeMs && ino === before.ino;
  if (isSame && read.size === size) return;
  throw new SignerError('source-changed', `${path} changed while it was read`);
}

interface LookedAt {
  readonly size: number;
  readonly mtimeMs: number;
  /** Another file in its place has another one. */
  readonly ino: number;
}

/** Looks at a file before it is read: that it is one, and can be. @throws CliError `file-missing`, `file-type`, `file-io` */
export async function checkFile(path: string): Promise<LookedAt> {
  try {
    const found = await stat(path);
    if (found.isDirectory()) throw new CliError('file-type', `${path} is a directory`);
    // What a pipe holds is gone once it was read, and nobody else finds it there.
    if (!found.isFile()) throw new CliError('file-type', `${path} is not a regular file`);
    await access(path, constants.R_OK);
    return found;
  } catch (error) {
    throw fileError(path, error);
  }
}
