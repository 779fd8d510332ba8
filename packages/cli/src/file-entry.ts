import { CoreError, MAX_ENTRY_SIZE } from '@vitrine/core';
import { statementOf } from '@vitrine/signer';
import { readAtMost, readIfRegular } from './files.ts';
import { sumEntry } from './sum-line.ts';

/** How a file became an entry. */
export interface FileEntryOptions {
  /** By its own bytes; by its checksum line otherwise. */
  readonly raw?: boolean;
  /** The base name under which it was added. */
  readonly name?: string;
}

/** What a file is in a log. */
export interface FileEntry {
  readonly entry: Uint8Array;
  /** The checksum line of the file, its bytes, or those of a statement, which nobody had to say. */
  readonly kind: 'sum-line' | 'raw' | 'statement';
}

/**
 * The entry that a file stands for: a statement is one itself; of any other file it is what `add` makes of it. With `name`
 * it is the checksum line, and with `raw` the bytes, whatever the file is.
 *
 * @throws CliError `file-` codes; CoreError `entry-empty`, `entry-too-large` for `raw`
 */
export async function fileEntry(
  path: string,
  { raw, name }: FileEntryOptions,
  signal: AbortSignal,
): Promise<FileEntry> {
  if (raw) return { entry: await rawEntry(path), kind: 'raw' };
  const statement = name === undefined ? await statementBytes(path) : undefined;
  if (statement !== undefined) return { entry: statement, kind: 'statement' };
  return { entry: await sumEntry(path, { name, signal }), kind: 'sum-line' };
}

async function rawEntry(path: string): Promise<Uint8Array> {
  const entry = await readAtMost(path, MAX_ENTRY_SIZE);
  if (entry.length === 0) throw new CoreError('entry-empty', `${path} is empty, and no entry is`);
  if (entry.length > MAX_ENTRY_SIZE) {
    throw new CoreError('entry-too-large', `${path} has more than the ${MAX_ENTRY_SIZE} bytes of an entry`);
  }
  return entry;
}

/** The content of a file that is a statement; undefined for any other. @throws CliError with `file-` codes */
export async function statementBytes(path: string): Promise<Uint8Array | undefined> {
  const bytes = await readIfRegular(path, MAX_ENTRY_SIZE);
  return bytes === undefined || statementOf(bytes) === undefined ? undefined : bytes;
}
