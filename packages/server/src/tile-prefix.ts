import { CoreError, ENTRY_PREFIX_SIZE, HASH_SIZE, type Tile } from '@vitrine/core';

/**
 * The first `width` hashes of a tile, or entries of a bundle, in the bytes of one that is wider: a view.
 *
 * @throws CoreError `tile-malformed`, `bundle-malformed` if it is not that wide
 */
export function tilePrefix(bytes: Uint8Array, level: Tile['level'], width: number): Uint8Array {
  if (level !== 'entries') {
    if (bytes.length < width * HASH_SIZE) {
      throw new CoreError('tile-malformed', `a tile of ${bytes.length} bytes does not have ${width} hashes`);
    }
    return bytes.subarray(0, width * HASH_SIZE);
  }
  let end = 0;
  for (let i = 0; i < width; i++) {
    // Beyond the end this is no number, and then neither is the end.
    end += ENTRY_PREFIX_SIZE + ((bytes[end] ?? Number.NaN) * 256 + (bytes[end + 1] ?? Number.NaN));
  }
  if (!(end <= bytes.length)) {
    throw new CoreError('bundle-malformed', `an entry bundle of ${bytes.length} bytes does not have ${width} entries`);
  }
  return bytes.subarray(0, end);
}
