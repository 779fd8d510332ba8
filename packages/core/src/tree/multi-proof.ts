import { equalBytes } from '../bytes/equal.ts';
import { ProofError } from '../error.ts';
import { EMPTY_ROOT, nodeHash } from './hash.ts';
import type { HashReader } from './hash-reader.ts';
import { checkSize, coveringNodes, foldHashes, type Interval, intervalHashes, splitPoint } from './interval.ts';
import { checkHash, MAX_PROOF_LENGTH } from './proof.ts';

/**
 * One proof for many leaves and many earlier sizes of one tree. It holds each hash that cannot be computed from the
 * claims once, so it is never longer than the single proofs together, and usually far shorter.
 *
 * The hashes come from left to right. The tree is split as in RFC 9162, section 2.1.1, from its root down: a part that
 * holds a claimed leaf, or that an earlier size divides, is split further; any other part gives one hash to the proof,
 * unless it is itself an earlier tree, whose root the verifier has.
 */
export interface MultiProofClaim {
  /** Leaves in the tree, and its root: from one verified checkpoint. */
  readonly size: number;
  readonly root: Uint8Array;
  /** Leaves said to be in it, by strictly increasing index. */
  readonly leaves: readonly { readonly index: number; readonly leafHash: Uint8Array }[];
  /** Trees said to be its prefixes, by strictly increasing size. */
  readonly oldTrees: readonly { readonly size: number; readonly root: Uint8Array }[];
  readonly proof: readonly Uint8Array[];
}

/** Most leaves and earlier sizes in one claim. */
export const MAX_MULTI_PROOF_CLAIMS = 4096;

function checkIncreasing(values: readonly number[], least: number, most: number, what: string): void {
  if (values.length > MAX_MULTI_PROOF_CLAIMS) {
    throw new ProofError('proof-range', `at most ${MAX_MULTI_PROOF_CLAIMS} of ${what}, found ${values.length}`);
  }
  let previous = least - 1;
  for (const value of values) {
    checkSize(value, what);
    if (value <= previous || value > most) {
      throw new ProofError('proof-range', `${what} must increase from ${least} to ${most} at most, found ${value}`);
    }
    previous = value;
  }
}

/** The first position in the sorted `values` that is not below `bound`. */
function lowerBound(values: readonly number[], bound: number): number {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (values[middle]! < bound) low = middle + 1;
    else high = middle;
  }
  return low;
}

const anyIn = (sorted: readonly number[], { start, end }: Interval): boolean => {
  const at = sorted[lowerBound(sorted, start)];
  return at !== undefined && at < end;
};

/**
 * What the proof and its verification both do with each part of the tree, from left to right. `visit` gets the parts
 * that are not split and why.
 */
function walk<T>(
  part: Interval,
  indices: readonly number[],
  oldSizes: readonly number[],
  visit: (part: Interval, why: 'leaf' | 'old' | 'proof') => T,
  join: (part: Interval, left: T, right: T) => T,
): T {
  const holdsLeaf = anyIn(indices, part);
  if (holdsLeaf && part.end - part.start === 1) return visit(part, 'leaf');
  const divided = anyIn(oldSizes, { start: part.start + 1, end: part.end });
  if (!holdsLeaf && !divided) {
    const isOldTree = part.start === 0 && oldSizes[lowerBound(oldSizes, part.end)] === part.end;
    return visit(part, isOldTree ? 'old' : 'proof');
  }
  const middle = part.start + splitPoint(part.end - part.start);
  const left = walk({ start: part.start, end: middle }, indices, oldSizes, visit, join);
  const right = walk({ start: middle, end: part.end }, indices, oldSizes, visit, join);
  return join(part, left, right);
}

/**
 * Proves that the leaves at `indices` are in the tree of `size` leaves, and that the trees of `oldSizes` are its prefixes.
 *
 * @param indices strictly increasing, below `size`
 * @param oldSizes strictly increasing, from 1 to `size`
 * @throws ProofError `proof-range`
 */
export async function proveMulti(
  { size, indices, oldSizes }: { size: number; indices: readonly number[]; oldSizes: readonly number[] },
  reader: HashReader,
): Promise<Uint8Array[]> {
  checkSize(size, 'size');
  checkIncreasing(indices, 0, size - 1, 'leaf indices');
  checkIncreasing(oldSizes, 1, size, 'old sizes');
  const wanted: Interval[] = [];
  if (size > 0) {
    walk<void>(
      { start: 0, end: size },
      indices,
      oldSizes,
      (part, why) => {
        if (why === 'proof') wanted.push(part);
      },
      () => {},
    );
  }
  return intervalHashes(wanted, reader);
}

/**
 * Checks a {@link MultiProofClaim}.
 *
 * @throws ProofError `proof-range` for claims that are out of order or outside the tree; `proof-length` for a proof with
 * too many or too few hashes; `proof-mismatch` if it leads to other roots; `proof-malformed` for hashes of a wrong size
 */
export function verifyMulti({ size, root, leaves, oldTrees, proof }: MultiProofClaim): void {
  checkSize(size, 'size');
  const indices = leaves.map(({ index }) => index);
  const oldSizes = oldTrees.map((tree) => tree.size);
  checkIncreasing(indices, 0, size - 1, 'leaf indices');
  checkIncreasing(oldSizes, 1, size, 'old sizes');
  // Each claim splits one path at most. Without claims the proof is the root.
  const most = MAX_PROOF_LENGTH * Math.max(1, leaves.length + oldTrees.length);
  if (proof.length > most) {
    throw new ProofError('proof-length', `this proof has at most ${most} hashes, found ${proof.length}`);
  }
  checkHash(root, 'the root');
  for (const { index, leafHash } of leaves) checkHash(leafHash, `the hash of leaf ${index}`);
  for (const tree of oldTrees) checkHash(tree.root, `the root of ${tree.size} leaves`);
  proof.forEach((hash, i) => {
    checkHash(hash, `proof hash ${i}`);
  });
  if (size === 0) {
    if (proof.length > 0) throw new ProofError('proof-length', 'the proof of an empty tree must be empty');
    if (!equalBytes(root, EMPTY_ROOT)) throw new ProofError('proof-mismatch', 'the root is not that of the empty tree');
    return;
  }

  const leafHashes = new Map(leaves.map(({ index, leafHash }) => [index, leafHash]));
  const oldRoots = new Map(oldTrees.map((tree) => [tree.size, tree.root]));
  // The perfect subtrees that the earlier trees are made of, filled in on the way up.
  const wanted = new Map<string, Uint8Array | undefined>();
  const key = (start: number, end: number): string => `${start}-${end}`;
  const covers = oldSizes.map((end) =>
    coveringNodes({ start: 0, end }).map(({ level, index }) => key(index * 2 ** level, (index + 1) * 2 ** level)),
  );
  for (const name of covers.flat()) wanted.set(name, undefined);
  const keep = ({ start, end }: Interval, hash: Uint8Array): Uint8Array => {
    const name = key(start, end);
    if (wanted.has(name)) wanted.set(name, hash);
    return hash;
  };

  let used = 0;
  const computed = walk<Uint8Array>(
    { start: 0, end: size },
    indices,
    oldSizes,
    (part, why) => {
      if (why === 'leaf') return keep(part, leafHashes.get(part.start)!);
      if (why === 'old') return keep(part, oldRoots.get(part.end)!);
      const hash = proof[used++];
      if (hash === undefined) throw new ProofError('proof-length', `the proof ends after ${proof.length} hashes`);
      return keep(part, hash);
    },
    (part, left, right) => keep(part, nodeHash(left, right)),
  );
  if (used < proof.length) throw new ProofError('proof-length', `the proof has ${proof.length - used} hashes too many`);
  if (!equalBytes(computed, root))
    throw new ProofError('proof-mismatch', `the proof leads to another root of ${size} leaves`);
  oldSizes.forEach((oldSize, i) => {
    // The earlier tree of the same size is the tree itself, and need not be a perfect one.
    const oldRoot = oldSize === size ? computed : foldHashes(covers[i]!.map((name) => wanted.get(name)!));
    if (!equalBytes(oldRoot, oldRoots.get(oldSize)!)) {
      throw new ProofError('proof-mismatch', `the tree of ${oldSize} leaves is not a prefix of the tree of ${size}`);
    }
  });
}
