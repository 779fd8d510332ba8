import { type FileHandle, lstat, open, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Readable } from 'node:stream';
import type { WriteFileOptions } from '@vitrine/core/log';
import { CliError, fileError, isMissing } from './errors.ts';

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

/** Whether there is anything at a path, be it a link that leads nowhere. @throws CliError `file-io` */
export async function isThere(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    const failure = fileError(path, error);
    if (isMissing(failure)) return false;
    throw failure;
  }
}

/** As {@link readAtMost}; undefined if there is no such file. */
export async function readIfThere(path: string, limit: number): Promise<Uint8Array | undefined> {
  try {
    return await readAtMost(path, limit);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/**
 * The bytes of a regular file of at most `limit`; undefined for any other: what comes through a pipe can be read once only.
 *
 * @throws CliError `file-missing`, `file-type`, `file-io`
 */
export async function readIfRegular(path: string, limit: number): Promise<Uint8Array | undefined> {
  const found = await stat(path).catch((error: unknown) => {
    throw fileError(path, error);
  });
  return found.isFile() && found.size <= limit ? readAtMost(path, limit) : undefined;
}

/** What is verified with a file: where the user says that it is, or beside it. */
interface Companion {
  /** The name of the option, which is also what it is. */
  readonly option: string;
  /** What the user said, if anything. */
  readonly named: string | undefined;
  /** Where it is otherwise. */
  readonly beside: string;
}

/** As {@link readAtMost}. Where the file is not beside the other one, the error says how to name it. */
export async function readCompanion(
  { option, named, beside }: Companion,
  limit: number,
): Promise<{ readonly path: string; readonly bytes: Uint8Array }> {
  const path = named ?? beside;
  try {
    return { path, bytes: await readAtMost(path, limit) };
  } catch (error) {
    if (named !== undefined || !isMissing(error)) throw error;
    throw new CliError(error.code, `${error.message}; name the ${option} with --${option}`, { cause: error });
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
    if (isMissing(failure)) {
      throw new CliError(failure.code, `the directory ${dirname(path)} does not exist`, { cause: error });
    }
    // Nothing that is at `path` is in the way then.
    if (!replace || !(failure instanceof CliError) || failure.code !== 'file-exists') throw failure;
    throw new CliError('file-io', failure.message, { cause: error });
  }
}
