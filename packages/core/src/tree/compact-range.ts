import { HASH_SIZE, nodeHashInto } from './hash.ts';
import { coveringNodes, foldHashes } from './interval.ts';

/**
 * The hashes that a tree's growth can still depend on: one of each perfect subtree that covers its leaves, from left to
 * right. At most 53 hashes stand for a tree of any size.
 */
export interface CompactRange {
  /** Leaves in the tree. */
  readonly size: number;
  readonly hashes: readonly Uint8Array[];
}

/** The tree without leaves. */
export const EMPTY_RANGE: CompactRange = { size: 0, hashes: [] };

/** The root of the tree, by RFC 9162, section 2.1.1. */
export function rangeRoot({ hashes }: CompactRange): Uint8Array {
  return foldHashes(hashes);
}

/** What `extendRange` built on one level. */
export interface NewHashes {
  readonly level: number;
  /** Position of the first new hash on its level. */
  readonly start: number;
  /** The new hashes, 32 bytes each, on end. */
  readonly hashes: Uint8Array;
}

/**
 * Appends leaves to a tree.
 *
 * Works level by level on one buffer each, so that a hash costs no object: `leafHashes` holds the leaf hashes, 32 bytes
 * each, on end. Computes less than two hashes a leaf.
 *
 * @returns the grown range, and the new perfect nodes of each level from the leaves up
 */
export function extendRange(range: CompactRange, leafHashes: Uint8Array): { range: CompactRange; levels: NewHashes[] } {
  if (leafHashes.length % HASH_SIZE !== 0) throw new RangeError('leafHashes must hold whole hashes');
  const size = range.size + leafHashes.length / HASH_SIZE;
  if (!Number.isSafeInteger(size)) throw new RangeError('a tree has at most 2^53 - 1 leaves');
  const pending = new Map(
    coveringNodes({ start: 0, end: range.size }).map(({ level }, i) => [level, range.hashes[i]!]),
  );

  const levels: NewHashes[] = [];
  const edge: Uint8Array[] = [];
  let level = 0;
  let start = range.size;
  let hashes = leafHashes;
  while (hashes.length > 0 || pending.size > 0) {
    if (hashes.length > 0) levels.push({ level, start, hashes });
    const left = pending.get(level);
    pending.delete(level);
    const count = hashes.length / HASH_SIZE;
    let row = hashes;
    if (left !== undefined) {
      row = new Uint8Array((count + 1) * HASH_SIZE);
      row.set(left, 0);
      row.set(hashes, HASH_SIZE);
    }
    const rowCount = row.length / HASH_SIZE;
    if (rowCount % 2 === 1) edge.push(new Uint8Array(row.subarray((rowCount - 1) * HASH_SIZE)));
    const parents = new Uint8Array(Math.floor(rowCount / 2) * HASH_SIZE);
    for (let at = 0; at < parents.length; at += HASH_SIZE) nodeHashInto(row, 2 * at, parents, at);
    hashes = parents;
    // A parent is new exactly when its right child is, so the pending left one only moves the start by itself.
    start = Math.floor(start / 2);
    level += 1;
  }
  return { range: { size, hashes: edge.reverse() }, levels };
}

/** Appends one leaf. */
export function appendLeaf(range: CompactRange, leafHash: Uint8Array): CompactRange {
  return extendRange(range, leafHash).range;
}
