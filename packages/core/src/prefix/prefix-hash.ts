import { sha256Into } from '#sha256';
import { HASH_SIZE } from '../tree/hash.ts';

/** Bytes in a key of a prefix tree, and in a value hash. */
export const PREFIX_KEY_SIZE = 32;

/** Bits in a key: the deepest that a leaf can stand. */
export const PREFIX_KEY_BITS = 256;

// Other prefixes than those of RFC 9162, so that no hash of one tree passes as one of the other.
const LEAF_PREFIX = 0x02;
const NODE_PREFIX = 0x03;

/** Hash of a subtree without keys: 32 zero bytes. */
export const EMPTY_PREFIX_ROOT: Uint8Array = new Uint8Array(HASH_SIZE);

const input = new Uint8Array(1 + 2 * HASH_SIZE);

/** Writes `SHA-256(0x02 || key || value hash)` to `out` at `offset`. Both inputs are the 32 bytes from their offset. */
export function prefixLeafHashInto(
  keys: Uint8Array,
  keyAt: number,
  valueHashes: Uint8Array,
  valueAt: number,
  out: Uint8Array,
  offset: number,
): void {
  hashInto(LEAF_PREFIX, keys, keyAt, valueHashes, valueAt, out, offset);
}

/** Writes `SHA-256(0x03 || left || right)` to `out` at `offset`. Both inputs are the 32 bytes from their offset. */
export function prefixNodeHashInto(
  lefts: Uint8Array,
  leftAt: number,
  rights: Uint8Array,
  rightAt: number,
  out: Uint8Array,
  offset: number,
): void {
  hashInto(NODE_PREFIX, lefts, leftAt, rights, rightAt, out, offset);
}

function hashInto(
  prefix: number,
  a: Uint8Array,
  aAt: number,
  b: Uint8Array,
  bAt: number,
  out: Uint8Array,
  offset: number,
): void {
  input[0] = prefix;
  // Faster than set, which needs a view of each.
  for (let i = 0; i < HASH_SIZE; i++) {
    input[1 + i] = a[aAt + i]!;
    input[1 + HASH_SIZE + i] = b[bAt + i]!;
  }
  sha256Into(input, out, offset);
}

/** The bit of the key at `at` that chooses the side at `depth`: 0 is left. From the most significant one. */
export function keyBit(keys: Uint8Array, at: number, depth: number): 0 | 1 {
  return ((keys[at + (depth >>> 3)]! >>> (7 - (depth & 7))) & 1) as 0 | 1;
}

/** How many leading bits two keys share; {@link PREFIX_KEY_BITS} if they are the same. */
export function sharedBits(a: Uint8Array, aAt: number, b: Uint8Array, bAt: number): number {
  for (let i = 0; i < PREFIX_KEY_SIZE; i++) {
    const difference = a[aAt + i]! ^ b[bAt + i]!;
    if (difference !== 0) return 8 * i + Math.clz32(difference) - 24;
  }
  return PREFIX_KEY_BITS;
}
