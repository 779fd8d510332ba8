import { sha256, sha256Into } from '#sha256';

/** Bytes in a SHA-256 hash. */
export const HASH_SIZE = 32;

/**
 * Largest entry, in bytes: the length prefix of an entry bundle has two bytes.
 * https://c2sp.org/tlog-tiles#log-entries
 */
export const MAX_ENTRY_SIZE = 65535;

/** Root of the tree without leaves: the hash of the empty string. RFC 9162, section 2.1.1. */
export const EMPTY_ROOT: Uint8Array = sha256(new Uint8Array(0));

// RFC 9162, section 2.1.1: the prefixes keep a leaf from passing as a node.
const LEAF_PREFIX = 0x00;
const NODE_PREFIX = 0x01;

const leafInput = new Uint8Array(1 + MAX_ENTRY_SIZE);
leafInput[0] = LEAF_PREFIX;
const nodeInput = new Uint8Array(1 + 2 * HASH_SIZE);
nodeInput[0] = NODE_PREFIX;

/** Writes the leaf hash of `entry` (at most {@link MAX_ENTRY_SIZE} bytes) to `out` at `offset`. */
export function leafHashInto(entry: Uint8Array, out: Uint8Array, offset: number): void {
  leafInput.set(entry, 1);
  sha256Into(leafInput.subarray(0, 1 + entry.length), out, offset);
}

/** Writes the hash of the node over the two hashes that stand in `pair` at `pairOffset` to `out` at `offset`. */
export function nodeHashInto(pair: Uint8Array, pairOffset: number, out: Uint8Array, offset: number): void {
  nodeInput.set(pair.subarray(pairOffset, pairOffset + 2 * HASH_SIZE), 1);
  sha256Into(nodeInput, out, offset);
}

/** `SHA-256(0x00 || entry)`, the hash of a leaf. `entry` may have any length. RFC 9162, section 2.1.1. */
export function leafHash(entry: Uint8Array): Uint8Array {
  if (entry.length > MAX_ENTRY_SIZE) {
    const input = new Uint8Array(1 + entry.length);
    input.set(entry, 1);
    return sha256(input);
  }
  const out = new Uint8Array(HASH_SIZE);
  leafHashInto(entry, out, 0);
  return out;
}

/** `SHA-256(0x01 || left || right)`, the hash of an interior node. RFC 9162, section 2.1.1. */
export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  if (left.length !== HASH_SIZE || right.length !== HASH_SIZE) {
    throw new RangeError(`a node is made of two hashes of ${HASH_SIZE} bytes`);
  }
  nodeInput.set(left, 1);
  nodeInput.set(right, 1 + HASH_SIZE);
  return sha256(nodeInput);
}
