import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Readable } from 'node:stream';
import type { WriteFileOptions } from '@vitrine/core/log';
import { CliError, fileError } from './errors.ts';

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

/**
 * Writes a file, and resolves once it survives a power cut. What was begun and failed is removed again; a file that is
 * replaced stays as it was until the new one is whole.
 *
 * @throws CliError `file-exists` unless `replace`; `file-missing` if the directory is not there; `file-io`
 */
export async function writeNewFile(
  path: string,
  bytes: Uint8Array,
  { mode, replace = false }: WriteFileOptions = {},
): Promise<void> {
  const { writeFileDurably } = await import('@vitrine/core/log');
  try {
    await writeFileDurably(path, bytes, { ...(mode !== undefined && { mode }), replace });
  } catch (error) {
    const failure = fileError(path, error);
    if (failure instanceof CliError && failure.code === 'file-missing') {
      throw new CliError(failure.code, `the directory ${dirname(path)} does not exist`, { cause: error });
    }
    // Nothing that is at `path` is in the way then.
    if (!replace || !(failure instanceof CliError) || failure.code !== 'file-exists') throw failure;
    throw new CliError('file-io', failure.message, { cause: error });
  }
}
