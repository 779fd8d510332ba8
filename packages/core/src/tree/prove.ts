import { ProofError } from '../error.ts';
import type { HashReader } from './hash-reader.ts';
import { checkSize, type Interval, intervalHashes, isSubtree, splitPoint } from './interval.ts';

/**
 * The proof that the subtree `[start, end)` is in the tree of `size` leaves, as the intervals whose hashes it has, in
 * its order. Every proof of an RFC 6962 tree is one of these: inclusion is the subtree of one leaf, consistency the
 * subtree that starts at 0. SUBTREE_PROOF of draft-ietf-plants-merkle-tree-certs, section 4.4.1.
 */
function subtreeProofIntervals(start: number, end: number, size: number): Interval[] {
  if (start === end) return [];
  // From the root down to the subtree; a proof goes up.
  const down: Interval[] = [];
  let low = 0;
  let high = size;
  let wanted = start;
  // Whether the subtree, so far, is a node of the tree: then whoever verifies has its hash.
  let known = true;
  while (wanted !== low || end !== high) {
    const middle = low + splitPoint(high - low);
    if (end <= middle) {
      down.push({ start: middle, end: high });
      high = middle;
    } else {
      down.push({ start: low, end: middle });
      if (wanted < middle) {
        wanted = middle;
        known = false;
      }
      low = middle;
    }
  }
  if (!known) down.push({ start: low, end: high });
  return down.reverse();
}

/**
 * Proves that the leaf at `index` is in the tree of `size` leaves: at most `ceil(log2 size)` hashes, sibling first.
 *
 * @throws ProofError `proof-range` if `index` is not below `size`
 */
export async function proveInclusion(index: number, size: number, reader: HashReader): Promise<Uint8Array[]> {
  checkSize(index, 'index');
  checkSize(size, 'size');
  if (index >= size) throw new ProofError('proof-range', `index ${index} is not in a tree of ${size} leaves`);
  return intervalHashes(subtreeProofIntervals(index, index + 1, size), reader);
}

/**
 * Proves that the tree of `oldSize` leaves is a prefix of the tree of `newSize`: at most `1 + ceil(log2 newSize)` hashes.
 *
 * @throws ProofError `proof-range` if `oldSize` exceeds `newSize`
 */
export async function proveConsistency(oldSize: number, newSize: number, reader: HashReader): Promise<Uint8Array[]> {
  return proveSubtreeConsistency({ start: 0, end: oldSize }, newSize, reader);
}

/**
 * Proves that the leaf at `index` is in the subtree `[start, end)`.
 *
 * @throws ProofError `proof-range` if `[start, end)` is no subtree or `index` is not in it
 */
export async function proveSubtreeInclusion(
  index: number,
  subtree: Interval,
  reader: HashReader,
): Promise<Uint8Array[]> {
  const { start, end } = subtree;
  checkSize(index, 'index');
  if (!isSubtree(subtree) || index < start || index >= end) {
    throw new ProofError('proof-range', `index ${index} is not in a subtree [${start}, ${end})`);
  }
  const intervals = subtreeProofIntervals(index - start, index - start + 1, end - start);
  return intervalHashes(
    intervals.map((interval) => ({ start: start + interval.start, end: start + interval.end })),
    reader,
  );
}

/**
 * Proves that the subtree `[start, end)` is in the tree of `size` leaves.
 *
 * @throws ProofError `proof-range` if `[start, end)` is no subtree of a tree of that size
 */
export async function proveSubtreeConsistency(
  subtree: Interval,
  size: number,
  reader: HashReader,
): Promise<Uint8Array[]> {
  checkSize(size, 'size');
  if (!isSubtree(subtree) || subtree.end > size) {
    throw new ProofError(
      'proof-range',
      `[${subtree.start}, ${subtree.end}) is not a subtree of a tree of ${size} leaves`,
    );
  }
  return intervalHashes(subtreeProofIntervals(subtree.start, subtree.end, size), reader);
}
