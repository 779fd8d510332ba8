import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { fileError } from './errors.ts';

/**
 * A file's bytes, but never more than one byte beyond `limit`: whoever parses them refuses what is too long.
 *
 * @throws CliError `file-missing`, `file-type`, `file-io`
 */
export async function readAtMost(path: string, limit: number): Promise<Uint8Array> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, 'r');
    return await collect(file.createReadStream({ end: limit }), limit);
  } catch (error) {
    throw fileError(path, error);
  } finally {
    await file?.close();
  }
}

/** As {@link readAtMost}; `-` is standard input. */
export async function readInput(path: string, limit: number, stdin: Readable): Promise<Uint8Array> {
  return path === '-' ? collect(stdin, limit) : readAtMost(path, limit);
}

async function collect(stream: AsyncIterable<Uint8Array>, limit: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of stream) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > limit) break;
  }
  return new Uint8Array(Buffer.concat(chunks).subarray(0, limit + 1));
}

/** How a file is written. */
export interface WriteOptions {
  readonly mode?: number;
  /** Replace a file that is there. */
  readonly force?: boolean;
}

/**
 * Writes a file, and resolves once it survives a power cut. What was begun and failed is removed again; with `force` the
 * old file stays as it was until the new one is whole.
 *
 * @throws CliError `file-exists` unless `force`; `file-missing` if the directory is not there; `file-io`
 */
export async function writeNewFile(
  path: string,
  bytes: Uint8Array | string,
  options: WriteOptions = {},
): Promise<void> {
  const { mode = 0o644, force = false } = options;
  // In the same directory, because a rename across file systems is a copy.
  const written = force ? join(dirname(path), `.${basename(path)}.${process.pid}.tmp`) : path;
  let created = false;
  try {
    const file = await open(written, 'wx', mode);
    created = true;
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    if (force) await rename(written, path);
    created = false;
    await syncDirectory(dirname(path));
  } catch (error) {
    if (created) await rm(written, { force: true });
    throw fileError(path, error);
  }
}

async function syncDirectory(directory: string): Promise<void> {
  // Windows cannot open directories, and does not need to.
  if (process.platform === 'win32') return;
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
