import { HASH_SIZE } from '../tree/hash.ts';
import { PrefixFold } from './prefix-fold.ts';
import { keyBit, PREFIX_KEY_SIZE, prefixNodeHashInto } from './prefix-hash.ts';
import type { PrefixLeaf, PrefixProof } from './prefix-proof.ts';

/** Keys and value hashes, 32 bytes each, on end, in the order of the keys. Both may be the same bytes. */
export interface PrefixLeaves {
  readonly keys: Uint8Array;
  readonly valueHashes: Uint8Array;
}

// A hash is kept of each node with more leaves than this, if keys are spread evenly: about two bytes a leaf.
const LEAVES_WITHOUT_HASHES = 32;

// Keys are told apart by their first 32 bits down to here; far more leaves than memory holds.
const MAX_TABLE_DEPTH = 30;

/**
 * The root of the tree over `leaves`, which come in the order of their keys. One pass; memory does not grow with them.
 *
 * @throws RangeError for keys that are out of order or there twice, and for keys or value hashes that are not 32 bytes
 */
export function prefixRoot(leaves: Iterable<PrefixLeaf>): Uint8Array {
  const fold = new PrefixFold();
  for (const { key, valueHash } of leaves) {
    checkKey(key);
    if (valueHash.length !== HASH_SIZE) throw new RangeError(`a value hash must be ${HASH_SIZE} bytes`);
    fold.add(key, 0, valueHash, 0);
  }
  const root = new Uint8Array(HASH_SIZE);
  fold.finish(0, root, 0);
  return root;
}

/**
 * A Merkle prefix tree in memory, to prove from. It keeps the leaves that it is given, which must not change any more, and
 * about two bytes more for each.
 *
 * A proof costs about 100 hashes if keys are spread evenly, as hashes are; at worst as many as the root.
 */
export class PrefixTree {
  /** Leaves in it. */
  readonly count: number;
  readonly #keys: Uint8Array;
  readonly #valueHashes: Uint8Array;
  // Hashes of all nodes down to #tableDepth: the root's at 1, the children of the one at i at 2i and 2i + 1.
  readonly #table: Uint8Array;
  readonly #tableDepth: number;
  readonly #fold = new PrefixFold();

  /** @throws RangeError for leaves that are out of order, there twice, or not 32 bytes each */
  constructor({ keys, valueHashes }: PrefixLeaves) {
    if (keys.length % PREFIX_KEY_SIZE !== 0) throw new RangeError('keys must hold whole keys');
    if (valueHashes.length !== keys.length) throw new RangeError('there must be one value hash for each key');
    this.count = keys.length / PREFIX_KEY_SIZE;
    this.#keys = keys;
    this.#valueHashes = valueHashes;
    const depth = Math.floor(Math.log2(Math.max(1, this.count / LEAVES_WITHOUT_HASHES)));
    this.#tableDepth = Math.min(depth, MAX_TABLE_DEPTH);
    this.#table = this.#hashedTable();
  }

  get root(): Uint8Array {
    return new Uint8Array(this.#hashAt(1));
  }

  /** The value hash of `key`, or undefined if the tree does not have it. @throws RangeError if it is not 32 bytes */
  get(key: Uint8Array): Uint8Array | undefined {
    checkKey(key);
    const index = this.#firstNotBelow(key);
    if (index === this.count || this.#compare(index, key) !== 0) return undefined;
    return copyOf(this.#valueHashes, index);
  }

  /** The proof that `key` is in the tree, or that it is not. @throws RangeError if it is not 32 bytes */
  prove(key: Uint8Array): PrefixProof {
    checkKey(key);
    const siblings: Uint8Array[] = [];
    let start = 0;
    let end = this.count;
    for (let depth = 0, node = 1; end - start > 1; depth++) {
      const middle = this.#split(start, end, depth);
      const side = keyBit(key, 0, depth);
      siblings.push(
        side === 0
          ? this.#sibling(middle, end, depth + 1, 2 * node + 1)
          : this.#sibling(start, middle, depth + 1, 2 * node),
      );
      if (side === 0) end = middle;
      else start = middle;
      node = 2 * node + side;
    }
    if (start === end) return { siblings, leaf: null };
    return { siblings, leaf: { key: copyOf(this.#keys, start), valueHash: copyOf(this.#valueHashes, start) } };
  }

  /** The hash of the leaves `[start, end)`, which are all that the node has; empty bytes if there are none. */
  #sibling(start: number, end: number, depth: number, node: number): Uint8Array {
    if (start === end) return new Uint8Array(0);
    if (depth <= this.#tableDepth) return new Uint8Array(this.#hashAt(node));
    const hash = new Uint8Array(HASH_SIZE);
    this.#hashInto(start, end, depth, hash, 0);
    return hash;
  }

  /** The whole tree's hashes, from the table's lowest row up. */
  #hashedTable(): Uint8Array {
    const depth = this.#tableDepth;
    const width = 2 ** depth;
    const table = new Uint8Array(2 * width * HASH_SIZE);
    // How many leaves each node has. Floating-point numbers hold every safe integer.
    const counts = new Float64Array(2 * width);
    let start = 0;
    for (let slot = 0; slot < width; slot++) {
      let end = start;
      while (end < this.count && this.#slotOf(end, depth) === slot) end++;
      this.#hashInto(start, end, depth, table, (width + slot) * HASH_SIZE);
      counts[width + slot] = end - start;
      start = end;
    }
    // A key that is not below all that come after it ends the scan early.
    if (start !== this.count) throw new RangeError('keys must be sorted');
    for (let node = width - 1; node >= 1; node--) {
      const left = 2 * node;
      const right = left + 1;
      counts[node] = counts[left]! + counts[right]!;
      if (counts[node]! > 1) {
        prefixNodeHashInto(table, left * HASH_SIZE, table, right * HASH_SIZE, table, node * HASH_SIZE);
      } else {
        // No key, or one, whose hash is the same at every depth.
        const child = counts[left] === 1 ? left : right;
        table.copyWithin(node * HASH_SIZE, child * HASH_SIZE, (child + 1) * HASH_SIZE);
      }
    }
    return table;
  }

  #hashAt(node: number): Uint8Array {
    return this.#table.subarray(node * HASH_SIZE, (node + 1) * HASH_SIZE);
  }

  /** Writes the hash of the subtree at `depth` that holds the leaves `[start, end)` to `out` at `offset`. */
  #hashInto(start: number, end: number, depth: number, out: Uint8Array, offset: number): void {
    for (let at = start * PREFIX_KEY_SIZE; at < end * PREFIX_KEY_SIZE; at += PREFIX_KEY_SIZE) {
      this.#fold.add(this.#keys, at, this.#valueHashes, at);
    }
    this.#fold.finish(depth, out, offset);
  }

  /** The first `depth` bits of a key, as a number. */
  #slotOf(index: number, depth: number): number {
    const at = index * PREFIX_KEY_SIZE;
    const keys = this.#keys;
    const first = ((keys[at]! * 256 + keys[at + 1]!) * 256 + keys[at + 2]!) * 256 + keys[at + 3]!;
    return Math.floor(first / 2 ** (32 - depth));
  }

  /** The first of the leaves `[start, end)`, which share `depth` bits, whose next bit is 1. */
  #split(start: number, end: number, depth: number): number {
    return lowest(start, end, (index) => keyBit(this.#keys, index * PREFIX_KEY_SIZE, depth) === 1);
  }

  #firstNotBelow(key: Uint8Array): number {
    return lowest(0, this.count, (index) => this.#compare(index, key) >= 0);
  }

  #compare(index: number, key: Uint8Array): number {
    const at = index * PREFIX_KEY_SIZE;
    for (let i = 0; i < PREFIX_KEY_SIZE; i++) {
      const difference = this.#keys[at + i]! - key[i]!;
      if (difference !== 0) return difference;
    }
    return 0;
  }
}

/** The lowest of the integers `[start, end)` that `holds` is true for, as it is for all above it; `end` if there is none. */
function lowest(start: number, end: number, holds: (n: number) => boolean): number {
  let low = start;
  let high = end;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

const copyOf = (hashes: Uint8Array, index: number): Uint8Array =>
  hashes.slice(index * HASH_SIZE, (index + 1) * HASH_SIZE);

function checkKey(key: Uint8Array): void {
  if (key.length !== PREFIX_KEY_SIZE) {
    throw new RangeError(`a key must be ${PREFIX_KEY_SIZE} bytes, found ${key.length}`);
  }
}
