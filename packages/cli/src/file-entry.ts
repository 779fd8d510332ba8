import { CoreError, MAX_ENTRY_SIZE } from '@vitrine/core';
import { readAtMost } from './files.ts';
import { sumEntry } from './sum-line.ts';

/** How a file became an entry. */
export interface FileEntryOptions {
  /** By its own bytes; by its checksum line otherwise. */
  readonly raw?: boolean;
  /** The base name under which it was added. */
  readonly name?: string;
}

/**
 * The entry that `add` makes of a file.
 *
 * @throws CliError `file-` codes; CoreError `entry-empty`, `entry-too-large` for `raw`
 */
export async function fileEntry(
  path: string,
  { raw, name }: FileEntryOptions,
  signal: AbortSignal,
): Promise<Uint8Array> {
  if (!raw) return sumEntry(path, { name, signal });
  const entry = await readAtMost(path, MAX_ENTRY_SIZE);
  if (entry.length === 0) throw new CoreError('entry-empty', `${path} is empty, and no entry is`);
  if (entry.length > MAX_ENTRY_SIZE) {
    throw new CoreError('entry-too-large', `${path} has more than the ${MAX_ENTRY_SIZE} bytes of an entry`);
  }
  return entry;
}
