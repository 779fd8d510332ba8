import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { access, constants, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { type Artifact, SignerError } from '@vitrine/signer';
import type { Context } from './context.ts';
import { CliError, fileError } from './errors.ts';
import { startProgress } from './progress.ts';
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

/**
 * Hashes files of any size, in constant memory, with a progress bar. All of them are looked at before the first is read.
 *
 * @throws CliError `file-missing`, `file-type`, `file-io`; SignerError `source-changed` for a file that changes meanwhile
 */
export async function hashFiles(
  context: Context,
  files: readonly InputFile[],
  { json }: { readonly json?: boolean | undefined },
): Promise<Artifact[]> {
  let total = 0;
  for (const { path } of files) total += (await checkFile(path)).size;
  const progress = startProgress(context, { label: 'hashing', unit: 'bytes', json });
  let done = 0;
  const onRead = (bytes: number): void => {
    done += bytes;
    progress.update(done, total);
  };
  const hashed: Artifact[] = [];
  try {
    for (const { path, name } of files) hashed.push({ name, ...(await hashFile(path, context.signal, onRead)) });
  } finally {
    progress.stop();
  }
  return hashed;
}

/** A file's hash, and its size in bytes. @throws as {@link hashFiles} */
async function hashFile(
  path: string,
  signal: AbortSignal,
  onRead: (bytes: number) => void,
): Promise<{ size: number; sha256: Uint8Array }> {
  const hash = createHash('sha256');
  const before = await checkFile(path);
  let size = 0;
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20, signal })) {
      hash.update(chunk);
      size += chunk.length;
      onRead(chunk.length);
    }
  } catch (error) {
    throw fileError(path, error);
  }
  const { mtimeMs } = await checkFile(path);
  if (size !== before.size || mtimeMs !== before.mtimeMs) {
    throw new SignerError('source-changed', `${path} changed while it was read`);
  }
  return { size, sha256: new Uint8Array(hash.digest()) };
}

/** Looks at a file before it is read: that it is one, and can be. @throws CliError `file-missing`, `file-type`, `file-io` */
export async function checkFile(path: string): Promise<{ size: number; mtimeMs: number }> {
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
