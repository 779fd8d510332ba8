import { ProofError } from '../error.ts';
import { EMPTY_ROOT, nodeHash } from './hash.ts';
import type { HashReader, Node } from './hash-reader.ts';

/**
 * The leaves `[start, end)`, `start <= end`. Where it stands for a hash, that hash is `MTH(D[start:end])` of RFC 9162,
 * section 2.1.1.
 */
export interface Interval {
  readonly start: number;
  readonly end: number;
}

/** The largest power of two that is smaller than `n`, for `n > 1`: where RFC 9162 splits a tree of `n` leaves. */
export function splitPoint(n: number): number {
  let k = 1;
  while (k * 2 < n) k *= 2;
  return k;
}

/**
 * Whether `[start, end)` is a subtree: `start` is a multiple of the smallest power of two that is not below its length.
 * draft-ietf-plants-merkle-tree-certs, section 4.1.
 */
export function isSubtree({ start, end }: Interval): boolean {
  if (!Number.isSafeInteger(start) || !Number.isSafeInteger(end) || start < 0 || start > end) return false;
  let ceiling = 1;
  while (ceiling < end - start) ceiling *= 2;
  return start % ceiling === 0;
}

/**
 * The perfect subtrees that make up the subtree `[start, end)`, from left to right: at most one of each size, largest
 * first, so at most 53.
 */
export function coveringNodes({ start, end }: Interval): Node[] {
  const nodes: Node[] = [];
  let level = Math.max(0, Math.ceil(Math.log2(Math.max(1, end - start))) + 1);
  let width = 2 ** level;
  let at = start;
  while (at < end) {
    while (width > end - at) {
      width /= 2;
      level -= 1;
    }
    nodes.push({ level, index: at / width });
    at += width;
  }
  return nodes;
}

/** The root over the hashes of {@link coveringNodes}, in their order: {@link EMPTY_ROOT} for none. */
export function foldHashes(hashes: readonly Uint8Array[]): Uint8Array {
  return hashes.length === 0 ? EMPTY_ROOT : hashes.reduceRight((right, left) => nodeHash(left, right));
}

/** `MTH(D[start:end])` of each of `intervals`, all of them subtrees of the reader's tree, in one read. */
export async function intervalHashes(intervals: readonly Interval[], reader: HashReader): Promise<Uint8Array[]> {
  const covers = intervals.map(coveringNodes);
  const hashes = await reader.readHashes(covers.flat());
  let at = 0;
  return covers.map((nodes) => {
    const part = hashes.slice(at, at + nodes.length);
    at += nodes.length;
    return foldHashes(part);
  });
}

/** The root of the tree of the first `size` leaves. Reads at most 53 hashes. */
export async function treeRoot(size: number, reader: HashReader): Promise<Uint8Array> {
  const [root] = await intervalHashes([{ start: 0, end: size }], reader);
  return root!;
}

/** Throws ProofError `proof-range` unless `value` is a safe integer of at least 0. `what` names it. */
export function checkSize(value: number, what: string): void {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new ProofError('proof-range', `${what} must be an integer from 0 to 2^53 - 1, found ${value}`);
  }
}
