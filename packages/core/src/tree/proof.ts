import { equalBytes } from '../bytes/equal.ts';
import { ProofError } from '../error.ts';
import { EMPTY_ROOT, HASH_SIZE, nodeHash } from './hash.ts';
import { checkSize, isSubtree } from './interval.ts';

/**
 * Most hashes in one proof. The deepest tree has 2^53 - 1 leaves; 63 is the limit of the formats that carry proofs
 * (https://c2sp.org/tlog-witness).
 */
export const MAX_PROOF_LENGTH = 63;

/** One leaf is in a tree. */
export interface Inclusion {
  /** The leaf's index, from 0. */
  readonly index: number;
  /** Leaves in the tree. */
  readonly size: number;
  readonly leafHash: Uint8Array;
  /** From the leaf's sibling up to the root's child. */
  readonly proof: readonly Uint8Array[];
  readonly root: Uint8Array;
}

/** A tree is a prefix of a later one. */
export interface Consistency {
  readonly oldSize: number;
  readonly newSize: number;
  readonly oldRoot: Uint8Array;
  readonly newRoot: Uint8Array;
  readonly proof: readonly Uint8Array[];
}

/** One leaf, by its index in the whole tree, is in the subtree `[start, end)`. */
export interface SubtreeInclusion {
  readonly index: number;
  readonly start: number;
  readonly end: number;
  readonly leafHash: Uint8Array;
  readonly proof: readonly Uint8Array[];
  /** The subtree's root. */
  readonly root: Uint8Array;
}

/** The leaves `[start, end)` of a tree of `size` leaves are those of a subtree. */
export interface SubtreeConsistency {
  readonly start: number;
  readonly end: number;
  readonly size: number;
  readonly subtreeRoot: Uint8Array;
  /** The whole tree's root. */
  readonly root: Uint8Array;
  readonly proof: readonly Uint8Array[];
}

/** Throws unless `hash` is a hash: TypeError, or ProofError `proof-malformed` for another length. `what` names it. */
export function checkHash(hash: Uint8Array, what: string): void {
  if (!(hash instanceof Uint8Array)) throw new TypeError(`${what} must be a Uint8Array`);
  if (hash.length !== HASH_SIZE) {
    throw new ProofError('proof-malformed', `${what} must be ${HASH_SIZE} bytes, found ${hash.length}`);
  }
}

function checkHashes(proof: readonly Uint8Array[]): void {
  if (proof.length > MAX_PROOF_LENGTH) {
    throw new ProofError('proof-length', `a proof has at most ${MAX_PROOF_LENGTH} hashes, found ${proof.length}`);
  }
  proof.forEach((hash, i) => {
    checkHash(hash, `proof hash ${i}`);
  });
}

const isOdd = (n: number): boolean => n % 2 === 1;

/** Divides positions on one level by two as often as asked: bitwise operators would truncate them to 32 bits. */
const half = (n: number): number => Math.floor(n / 2);

/**
 * Checks that `subtreeRoot` is the root of the leaves `[start, end)` of the tree of `size` leaves with `root`. The other
 * proofs of this module are special cases of this one, so this is the one place where a proof is judged.
 *
 * The procedure of draft-ietf-plants-merkle-tree-certs, section 4.4.3. At most `MAX_PROOF_LENGTH` hashes.
 *
 * A bare root does not bind its size: only a checkpoint does. Take `size` and `root` from one verified checkpoint.
 *
 * @throws ProofError `proof-range` if `[start, end)` is no subtree of a tree of that size; `proof-length` if the proof has
 * too many or too few hashes; `proof-mismatch` if it leads to another root; `proof-malformed` for hashes of a wrong size
 */
export function verifySubtreeConsistency(claim: SubtreeConsistency): void {
  const { start, end, size, subtreeRoot, root, proof } = claim;
  checkSize(start, 'start');
  checkSize(end, 'end');
  checkSize(size, 'size');
  checkHash(subtreeRoot, 'the subtree root');
  checkHash(root, 'the root');
  checkHashes(proof);
  if (!isSubtree({ start, end }) || end > size) {
    throw new ProofError('proof-range', `[${start}, ${end}) is not a subtree of a tree of ${size} leaves`);
  }
  if (size === 0 && !equalBytes(root, EMPTY_ROOT)) throw mismatch('the empty root', root, EMPTY_ROOT);
  if (start === end) {
    if (proof.length > 0) throw new ProofError('proof-length', 'the proof of an empty subtree must be empty');
    if (!equalBytes(subtreeRoot, EMPTY_ROOT)) {
      throw new ProofError('proof-mismatch', 'the root of an empty subtree is the hash of the empty string');
    }
    return;
  }
  const led = fold({ start, end, size, subtreeRoot, proof });
  if (!equalBytes(led.subtreeRoot, subtreeRoot)) {
    throw mismatch(`the root of [${start}, ${end})`, subtreeRoot, led.subtreeRoot);
  }
  if (!equalBytes(led.root, root)) throw mismatch(`the root of ${size} leaves`, root, led.root);
}

/**
 * The roots that a proof leads to, of a subtree with leaves.
 *
 * @throws ProofError `proof-length`
 */
function fold({ start, end, size, subtreeRoot, proof }: Omit<SubtreeConsistency, 'root'>): {
  readonly subtreeRoot: Uint8Array;
  readonly root: Uint8Array;
} {
  // The section's names: the subtree's first and last leaf and the tree's last leaf, as positions on one level, which
  // rises with every hash of the proof.
  let fn = start;
  let sn = end - 1;
  let tn = size - 1;
  while (fn !== sn && (sn === tn || isOdd(sn))) {
    fn = half(fn);
    sn = half(sn);
    tn = half(tn);
  }

  // Where the subtree's root is a node of the tree, the proof starts from it; elsewhere from its first hash.
  const startsAtRoot = fn === sn;
  const first = startsAtRoot ? subtreeRoot : proof[0];
  if (first === undefined) throw tooShort(proof);
  let fr = first;
  let sr = first;
  for (let i = startsAtRoot ? 0 : 1; i < proof.length; i++) {
    const sibling = proof[i]!;
    if (tn === 0) throw new ProofError('proof-length', `the proof has ${proof.length - i} hashes too many`);
    if (isOdd(sn) || sn === tn) {
      if (fn < sn) fr = nodeHash(sibling, fr);
      sr = nodeHash(sibling, sr);
      while (!isOdd(sn)) {
        fn = half(fn);
        sn = half(sn);
        tn = half(tn);
      }
    } else {
      sr = nodeHash(sr, sibling);
    }
    fn = half(fn);
    sn = half(sn);
    tn = half(tn);
  }
  if (tn !== 0) throw tooShort(proof);
  return { subtreeRoot: fr, root: sr };
}

/**
 * Checks that the leaf with `leafHash` is at `index` of the tree of `size` leaves with `root`. RFC 9162, section 2.1.3.2.
 *
 * @throws ProofError as {@link verifySubtreeConsistency}; `proof-range` if `index` is not below `size`
 */
export function verifyInclusion({ index, size, leafHash, proof, root }: Inclusion): void {
  checkIndex(index, size);
  verifySubtreeConsistency({ start: index, end: index + 1, size, subtreeRoot: leafHash, root, proof });
}

/**
 * The root of the tree of `size` leaves that has the leaf with `leafHash` at `index`, if the proof is right: for formats that
 * sign the root without carrying it. What signed it has to say so, or this shows nothing; and a bare root does not bind its size.
 *
 * @throws ProofError `proof-range` if `index` is not below `size`; `proof-length`; `proof-malformed` for hashes of a wrong size
 */
export function inclusionRoot({ index, size, leafHash, proof }: Omit<Inclusion, 'root'>): Uint8Array {
  checkIndex(index, size);
  checkHash(leafHash, 'the leaf hash');
  checkHashes(proof);
  return fold({ start: index, end: index + 1, size, subtreeRoot: leafHash, proof }).root;
}

function checkIndex(index: number, size: number): void {
  checkSize(index, 'index');
  checkSize(size, 'size');
  if (index >= size) throw new ProofError('proof-range', `index ${index} is not in a tree of ${size} leaves`);
}

/**
 * Checks that the tree of `oldSize` leaves with `oldRoot` is a prefix of the tree of `newSize` leaves with `newRoot`. RFC
 * 9162, section 2.1.4.2. The empty tree is a prefix of every tree, by an empty proof.
 *
 * @throws ProofError as {@link verifySubtreeConsistency}; `proof-range` if `oldSize` exceeds `newSize`
 */
export function verifyConsistency({ oldSize, newSize, oldRoot, newRoot, proof }: Consistency): void {
  checkSize(oldSize, 'oldSize');
  checkSize(newSize, 'newSize');
  if (oldSize > newSize) {
    throw new ProofError('proof-range', `the old size ${oldSize} is larger than the new size ${newSize}`);
  }
  verifySubtreeConsistency({ start: 0, end: oldSize, size: newSize, subtreeRoot: oldRoot, root: newRoot, proof });
}

/**
 * Checks that the leaf with `leafHash` and `index` (in the whole tree) is in the subtree `[start, end)` with `root`.
 * draft-ietf-plants-merkle-tree-certs, section 4.3.3.
 *
 * @throws ProofError as {@link verifySubtreeConsistency}; `proof-range` if `[start, end)` is no subtree or `index` not in it
 */
export function verifySubtreeInclusion({ index, start, end, leafHash, proof, root }: SubtreeInclusion): void {
  checkSize(index, 'index');
  if (!isSubtree({ start, end })) throw new ProofError('proof-range', `[${start}, ${end}) is not a subtree`);
  if (index < start || index >= end) throw new ProofError('proof-range', `index ${index} is not in [${start}, ${end})`);
  verifyInclusion({ index: index - start, size: end - start, leafHash, proof, root });
}

function tooShort(proof: readonly Uint8Array[]): ProofError {
  return new ProofError('proof-length', `the proof ends before the root, after ${proof.length} hashes`);
}

const hex = (hash: Uint8Array): string =>
  Array.from(hash.subarray(0, 8), (b) => b.toString(16).padStart(2, '0')).join('');

function mismatch(what: string, expected: Uint8Array, found: Uint8Array): ProofError {
  return new ProofError(
    'proof-mismatch',
    `the proof leads to another hash than ${what}: expected ${hex(expected)}…, found ${hex(found)}…`,
  );
}
