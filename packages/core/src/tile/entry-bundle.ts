import { CoreError } from '../error.ts';
import { MAX_ENTRY_SIZE } from '../tree/hash.ts';
import { TILE_WIDTH } from './tile.ts';

/** Bytes of the length before each entry. https://c2sp.org/tlog-tiles#log-entries */
export const ENTRY_PREFIX_SIZE = 2;

/** Bytes of the largest bundle. */
export const MAX_BUNDLE_SIZE: number = TILE_WIDTH * (ENTRY_PREFIX_SIZE + MAX_ENTRY_SIZE);

/**
 * Throws unless `entry` can be a log's entry: 1 to 65,535 bytes.
 *
 * @throws CoreError `entry-empty`, `entry-too-large`
 */
export function checkEntry(entry: Uint8Array): void {
  if (!(entry instanceof Uint8Array)) throw new TypeError('an entry must be a Uint8Array');
  if (entry.length === 0) throw new CoreError('entry-empty', 'an entry must have at least one byte');
  if (entry.length > MAX_ENTRY_SIZE) {
    throw new CoreError(
      'entry-too-large',
      `an entry has at most ${MAX_ENTRY_SIZE} bytes, this one has ${entry.length}`,
    );
  }
}

/**
 * Writes an entry bundle, or a part of one: each entry after its length, a big-endian uint16.
 *
 * @throws CoreError `entry-empty`, `entry-too-large`
 */
export function formatBundle(entries: readonly Uint8Array[]): Uint8Array {
  const size = entries.reduce((sum, entry) => sum + ENTRY_PREFIX_SIZE + entry.length, 0);
  const bundle = new Uint8Array(size);
  let at = 0;
  for (const entry of entries) {
    checkEntry(entry);
    bundle[at] = entry.length >>> 8;
    bundle[at + 1] = entry.length & 0xff;
    bundle.set(entry, at + ENTRY_PREFIX_SIZE);
    at += ENTRY_PREFIX_SIZE + entry.length;
  }
  return bundle;
}

/**
 * Reads an entry bundle of exactly `width` entries. The entries are views of `bundle`.
 *
 * @throws CoreError `bundle-malformed` if there are more or fewer, one is empty, or bytes are left
 */
export function parseBundle(bundle: Uint8Array, width: number): Uint8Array[] {
  const entries: Uint8Array[] = [];
  let at = 0;
  while (at < bundle.length && entries.length < width) {
    const start = at + ENTRY_PREFIX_SIZE;
    if (start > bundle.length) break;
    const end = start + ((bundle[at]! << 8) | bundle[at + 1]!);
    if (end > bundle.length) break;
    if (end === start) throw new CoreError('bundle-malformed', `entry ${entries.length} of an entry bundle is empty`);
    entries.push(bundle.subarray(start, end));
    at = end;
  }
  if (entries.length !== width || at !== bundle.length) {
    throw new CoreError('bundle-malformed', `an entry bundle of ${bundle.length} bytes does not hold ${width} entries`);
  }
  return entries;
}
