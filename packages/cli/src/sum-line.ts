import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { CliError, fileError } from './errors.ts';
import { decodeUtf8 } from './text.ts';

/** How a file is hashed. */
export interface SumOptions {
  /** The name in the entry, in place of the file's base name. */
  readonly name?: string | undefined;
  readonly signal?: AbortSignal;
  /** Called with the size of each piece that was read. */
  readonly onRead?: (bytes: number) => void;
}

// Node turns each invalid byte of a command line into this character, so it may stand for something else.
const REPLACEMENT = '\ufffd';

/**
 * The entry of a file: the line that `sha256sum` prints, without its newline. Reads a file of any size in constant memory.
 *
 * @throws CliError `file-name`, `file-missing`, `file-type`, `file-io`
 */
export async function sumEntry(path: string, { name, signal, onRead }: SumOptions = {}): Promise<Uint8Array> {
  const shown = name ?? basename(path);
  await checkName(shown, name === undefined ? dirname(path) : undefined);
  const hash = createHash('sha256');
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20, ...(signal && { signal }) })) {
      hash.update(chunk);
      onRead?.(chunk.length);
    }
  } catch (error) {
    throw fileError(path, error);
  }
  return new TextEncoder().encode(`${hash.digest('hex')}  ${shown}`);
}

const SUM_LINE = /^[0-9a-f]{64} {2}[^/\n\r\\]+$/;
const MIN_SUM_LINE_SIZE = 67;
const SPACE = 0x20;

/**
 * Whether an entry has exactly the form of one that {@link sumEntry} makes: nobody could tell it from the entry of a file
 * that was logged.
 */
export function isSumLine(entry: Uint8Array): boolean {
  if (entry.length < MIN_SUM_LINE_SIZE || entry[64] !== SPACE || entry[65] !== SPACE) return false;
  return SUM_LINE.test(decodeUtf8(entry) ?? '');
}

/**
 * Refuses names that `sha256sum` would write in another way, or that are not what the user typed.
 *
 * @param directory where a file of that name must be, if it is a file's
 * @throws CliError `file-name`
 */
export async function checkName(name: string, directory: string | undefined): Promise<void> {
  const refuse = (what: string): CliError => new CliError('file-name', `${what} cannot be logged: ${name}`);
  if (name === '' || name.includes('/')) throw refuse('a name that is empty or has a slash');
  if (/[\n\r\\]/.test(name)) throw refuse('a file name with a newline, a carriage return or a backslash');
  if (/\p{Surrogate}/u.test(name)) throw refuse('a file name that is not valid UTF-8');
  if (!name.includes(REPLACEMENT)) return;
  const wanted = Buffer.from(name);
  const names = directory === undefined ? [wanted] : await readdir(directory, 'buffer').catch(() => []);
  const alike = names.filter((found) => found.toString('utf8') === name);
  if (alike.length !== 1 || !wanted.equals(alike[0]!)) throw refuse('a file name that is not valid UTF-8');
}
