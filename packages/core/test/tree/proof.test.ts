import { createHash } from 'node:crypto';
import {
  EMPTY_ROOT,
  ProofError,
  verifyConsistency,
  verifyInclusion,
  verifySubtreeConsistency,
  verifySubtreeInclusion,
} from '@vitrine/core';
import { isReferenceSubtree, ReferenceTree } from '@vitrine/testkit';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { entriesOf, refusal } from './support.ts';

const LARGEST = 300;
const tree = new ReferenceTree(entriesOf(LARGEST));

/** Every proof of `proofs` is accepted, and refused after each of a few changes that make it wrong. */
function expectTamperedRefused(proof: readonly Uint8Array[], verify: (proof: readonly Uint8Array[]) => void): void {
  verify(proof);
  const flip = (hash: Uint8Array, bit: number): Uint8Array => {
    const changed = Uint8Array.from(hash);
    changed[bit >> 3]! ^= 1 << (bit & 7);
    return changed;
  };
  for (let i = 0; i < proof.length; i++) {
    expect(() => verify(proof.with(i, flip(proof[i]!, (i * 37) % 256)))).toThrow(ProofError);
    expect(() => verify(proof.toSpliced(i, 1)), 'a hash is missing').toThrow(ProofError);
    expect(() => verify(proof.toSpliced(i, 0, proof[i]!)), 'a hash is doubled').toThrow(ProofError);
    if (i > 0) {
      expect(() => verify(proof.with(i, proof[i - 1]!).with(i - 1, proof[i]!)), 'hashes are swapped').toThrow(
        ProofError,
      );
    }
  }
  expect(() => verify([...proof, EMPTY_ROOT]), 'a hash is appended').toThrow(ProofError);
  expect(() => verify([EMPTY_ROOT, ...proof]), 'a hash is put first').toThrow(ProofError);
}

describe('inclusion', () => {
  test('every leaf of every tree of up to 300 leaves is proven', () => {
    for (let size = 1; size <= LARGEST; size++) {
      const root = tree.root(size);
      for (let index = 0; index < size; index++) {
        verifyInclusion({ index, size, leafHash: tree.leafHash(index), proof: tree.path(index, 0, size), root });
      }
    }
  });

  test('a changed, swapped, missing or extra hash is refused', () => {
    for (const size of [1, 2, 3, 7, 8, 9, 63, 64, 65, 255, 256, 257, 300]) {
      for (const index of new Set([0, 1, size >> 1, size - 2, size - 1].filter((i) => i >= 0 && i < size))) {
        const claim = { index, size, leafHash: tree.leafHash(index), root: tree.root(size) };
        expectTamperedRefused(tree.path(index, 0, size), (proof) => verifyInclusion({ ...claim, proof }));
      }
    }
  });

  test('every other index is refused', () => {
    for (const size of [2, 5, 16, 21]) {
      for (let index = 0; index < size; index++) {
        const claim = { size, leafHash: tree.leafHash(index), root: tree.root(size), proof: tree.path(index, 0, size) };
        for (let other = 0; other < size; other++) {
          if (other !== index) expect(() => verifyInclusion({ ...claim, index: other })).toThrow(ProofError);
        }
      }
    }
  });

  test('another leaf and another root are refused', () => {
    const claim = { index: 4, size: 9, leafHash: tree.leafHash(4), root: tree.root(9), proof: tree.path(4, 0, 9) };
    expect(refusal(() => verifyInclusion({ ...claim, leafHash: tree.leafHash(5) }))).toBe('proof-mismatch');
    expect(refusal(() => verifyInclusion({ ...claim, root: tree.root(10) }))).toBe('proof-mismatch');
  });

  test('a size that changes the shape of the path is refused; a bare root does not bind the others', () => {
    // The same root, index and hashes verify for size 7 and 8 where the path of the leaf has one shape in both. That is
    // why size and root must come from one checkpoint.
    const shape = (index: number, size: number): string => {
      const turns: string[] = [];
      for (let low = 0, high = size; high - low > 1; ) {
        let k = 1;
        while (k * 2 < high - low) k *= 2;
        turns.push(index < low + k ? 'left' : 'right');
        if (index < low + k) high = low + k;
        else low += k;
      }
      return turns.join();
    };
    for (const size of [5, 6, 7, 8, 13, 100]) {
      for (let index = 0; index < size; index++) {
        const claim = {
          index,
          leafHash: tree.leafHash(index),
          root: tree.root(size),
          proof: tree.path(index, 0, size),
        };
        for (let other = index + 1; other <= 130; other++) {
          if (shape(index, other) === shape(index, size)) verifyInclusion({ ...claim, size: other });
          else expect(() => verifyInclusion({ ...claim, size: other })).toThrow(ProofError);
        }
      }
    }
  });

  test('numbers that are no index or size are refused', () => {
    const claim = { index: 0, size: 1, leafHash: tree.leafHash(0), root: tree.root(1), proof: [] };
    for (const bad of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) {
      expect(refusal(() => verifyInclusion({ ...claim, index: bad }))).toBe('proof-range');
      expect(refusal(() => verifyInclusion({ ...claim, size: bad }))).toBe('proof-range');
    }
    expect(refusal(() => verifyInclusion({ ...claim, index: 1 }))).toBe('proof-range');
    expect(refusal(() => verifyInclusion({ ...claim, size: 0 }))).toBe('proof-range');
  });

  test('hashes of a wrong size, and more than 63 of them, are refused', () => {
    const claim = { index: 0, size: 2, leafHash: tree.leafHash(0), root: tree.root(2), proof: [tree.leafHash(1)] };
    verifyInclusion(claim);
    expect(refusal(() => verifyInclusion({ ...claim, leafHash: new Uint8Array(31) }))).toBe('proof-malformed');
    expect(refusal(() => verifyInclusion({ ...claim, root: new Uint8Array(33) }))).toBe('proof-malformed');
    expect(refusal(() => verifyInclusion({ ...claim, proof: [new Uint8Array(0)] }))).toBe('proof-malformed');
    expect(refusal(() => verifyInclusion({ ...claim, proof: new Array(64).fill(EMPTY_ROOT) }))).toBe('proof-length');
  });

  test('trees of up to 2^53 - 1 leaves are handled without losing a bit', () => {
    // A path can be made for any shape: what is checked is that it is followed exactly.
    const size = Number.MAX_SAFE_INTEGER;
    const index = size - 1;
    const proof = Array.from({ length: 52 }, (_, i) => createHash('sha256').update(`${i}`).digest());
    const leafHash = tree.leafHash(0);
    // The last leaf of 2^53 - 1 is a right child but at level 0, where it has no sibling.
    let root: Uint8Array = leafHash;
    for (const sibling of proof)
      root = createHash('sha256').update(Uint8Array.of(1)).update(sibling).update(root).digest();
    verifyInclusion({ index, size, leafHash, proof, root: new Uint8Array(root) });
    expect(refusal(() => verifyInclusion({ index: index - 1, size, leafHash, proof, root }))).toBe('proof-length');
  });
});

describe('consistency', () => {
  test('every pair of trees of up to 300 leaves is proven', () => {
    for (let newSize = 0; newSize <= LARGEST; newSize++) {
      for (let oldSize = 0; oldSize <= newSize; oldSize++) {
        const proof = tree.consistency(oldSize, newSize);
        verifyConsistency({ oldSize, newSize, oldRoot: tree.root(oldSize), newRoot: tree.root(newSize), proof });
      }
    }
  });

  test('a changed, swapped, missing or extra hash is refused', () => {
    for (const [oldSize, newSize] of [
      [0, 0],
      [0, 9],
      [1, 2],
      [3, 7],
      [4, 7],
      [6, 8],
      [8, 9],
      [8, 300],
      [200, 255],
      [255, 256],
      [300, 300],
    ] as const) {
      const claim = { oldSize, newSize, oldRoot: tree.root(oldSize), newRoot: tree.root(newSize) };
      expectTamperedRefused(tree.consistency(oldSize, newSize), (proof) => verifyConsistency({ ...claim, proof }));
    }
  });

  test('another root, and sizes in the wrong order, are refused', () => {
    const claim = {
      oldSize: 6,
      newSize: 9,
      oldRoot: tree.root(6),
      newRoot: tree.root(9),
      proof: tree.consistency(6, 9),
    };
    verifyConsistency(claim);
    expect(refusal(() => verifyConsistency({ ...claim, oldRoot: tree.root(7) }))).toBe('proof-mismatch');
    expect(refusal(() => verifyConsistency({ ...claim, newRoot: tree.root(8) }))).toBe('proof-mismatch');
    expect(refusal(() => verifyConsistency({ ...claim, oldSize: 9, newSize: 6 }))).toBe('proof-range');
  });

  test('the empty tree has one root', () => {
    verifyConsistency({ oldSize: 0, newSize: 0, oldRoot: EMPTY_ROOT, newRoot: EMPTY_ROOT, proof: [] });
    verifyConsistency({ oldSize: 0, newSize: 5, oldRoot: EMPTY_ROOT, newRoot: tree.root(5), proof: [] });
    expect(
      refusal(() =>
        verifyConsistency({ oldSize: 0, newSize: 5, oldRoot: tree.root(1), newRoot: tree.root(5), proof: [] }),
      ),
    ).toBe('proof-mismatch');
    expect(
      refusal(() =>
        verifyConsistency({ oldSize: 0, newSize: 0, oldRoot: EMPTY_ROOT, newRoot: tree.root(1), proof: [] }),
      ),
    ).toBe('proof-mismatch');
    expect(
      refusal(() =>
        verifyConsistency({ oldSize: 0, newSize: 5, oldRoot: EMPTY_ROOT, newRoot: tree.root(5), proof: [EMPTY_ROOT] }),
      ),
    ).toBe('proof-length');
  });

  test('two trees of one size must have one root', () => {
    const forked = new ReferenceTree([...entriesOf(8), new Uint8Array([1])]);
    const claim = { oldSize: 9, newSize: 9, oldRoot: tree.root(9), newRoot: forked.root(9), proof: [] };
    expect(refusal(() => verifyConsistency(claim))).toBe('proof-mismatch');
  });

  test('no proof passes a tree that rewrote one of its leaves', () => {
    const rewritten = new ReferenceTree(entriesOf(40).with(3, new Uint8Array([1])));
    for (let oldSize = 4; oldSize <= 40; oldSize++) {
      for (const proof of [tree.consistency(oldSize, 40), rewritten.consistency(oldSize, 40)]) {
        const claim = { oldSize, newSize: 40, oldRoot: tree.root(oldSize), newRoot: rewritten.root(40), proof };
        expect(() => verifyConsistency(claim)).toThrow(ProofError);
      }
    }
  });
});

describe('subtrees', () => {
  test('every subtree of every tree of up to 300 leaves is proven, and its leaves in it', () => {
    for (let size = 0; size <= LARGEST; size++) {
      for (let end = 0; end <= size; end++) {
        for (let start = 0; start <= end; start++) {
          if (!isReferenceSubtree(start, end)) continue;
          const proof = tree.subtreeProof(start, end, size);
          const claim = { start, end, size, subtreeRoot: tree.hash(start, end), root: tree.root(size), proof };
          verifySubtreeConsistency(claim);
          for (let index = start; size === LARGEST && index < end; index++) {
            const path = tree.path(index - start, start, end);
            verifySubtreeInclusion({
              index,
              start,
              end,
              leafHash: tree.leafHash(index),
              proof: path,
              root: tree.hash(start, end),
            });
          }
        }
      }
    }
  });

  test('a changed, swapped, missing or extra hash is refused', () => {
    for (const [start, end, size] of [
      [0, 5, 13],
      [8, 13, 14],
      [8, 13, 13],
      [4, 8, 13],
      [8, 8, 13],
      [12, 13, 13],
      [128, 200, 300],
      [256, 300, 300],
    ] as const) {
      const claim = { start, end, size, subtreeRoot: tree.hash(start, end), root: tree.root(size) };
      expectTamperedRefused(tree.subtreeProof(start, end, size), (proof) =>
        verifySubtreeConsistency({ ...claim, proof }),
      );
    }
  });

  test('an interval that is no subtree is refused', () => {
    for (let end = 0; end <= 40; end++) {
      for (let start = 0; start <= end; start++) {
        if (isReferenceSubtree(start, end)) continue;
        const claim = { start, end, size: 40, subtreeRoot: tree.hash(start, end), root: tree.root(40), proof: [] };
        expect(refusal(() => verifySubtreeConsistency(claim))).toBe('proof-range');
      }
    }
  });

  test('an index outside the subtree, and a subtree that is none or ends beyond the tree, are refused', () => {
    const inclusion = {
      index: 10,
      start: 8,
      end: 13,
      leafHash: tree.leafHash(10),
      proof: tree.path(2, 8, 13),
      root: tree.hash(8, 13),
    };
    verifySubtreeInclusion(inclusion);
    expect(refusal(() => verifySubtreeInclusion({ ...inclusion, index: 7 }))).toBe('proof-range');
    expect(refusal(() => verifySubtreeInclusion({ ...inclusion, index: 13 }))).toBe('proof-range');
    expect(refusal(() => verifySubtreeInclusion({ ...inclusion, start: 9 }))).toBe('proof-range');
    const claim = { start: 8, end: 13, size: 12, subtreeRoot: tree.hash(8, 13), root: tree.root(12), proof: [] };
    expect(refusal(() => verifySubtreeConsistency(claim))).toBe('proof-range');
  });

  test('the tree without leaves has the empty root, and no other', () => {
    const claim = { start: 0, end: 0, size: 0, subtreeRoot: EMPTY_ROOT, root: EMPTY_ROOT, proof: [] };
    verifySubtreeConsistency(claim);
    expect(refusal(() => verifySubtreeConsistency({ ...claim, root: tree.root(1) }))).toBe('proof-mismatch');
  });

  test('an empty subtree has the empty root and an empty proof', () => {
    const claim = { start: 8, end: 8, size: 13, subtreeRoot: EMPTY_ROOT, root: tree.root(13), proof: [] };
    verifySubtreeConsistency(claim);
    expect(refusal(() => verifySubtreeConsistency({ ...claim, subtreeRoot: tree.root(1) }))).toBe('proof-mismatch');
    expect(refusal(() => verifySubtreeConsistency({ ...claim, proof: [EMPTY_ROOT] }))).toBe('proof-length');
  });
});

test('a refusal says what was wrong with the claim, not with the subtree that it stands for', () => {
  const claim = { index: 1, size: 1, leafHash: EMPTY_ROOT, root: EMPTY_ROOT, proof: [] };
  expect(() => verifyInclusion(claim)).toThrow('index 1 is not in a tree of 1 leaves');
  expect(() => verifyInclusion({ ...claim, index: 0, proof: new Array(64).fill(EMPTY_ROOT) })).toThrow(
    'at most 63 hashes',
  );
  const growth = { oldSize: 2, newSize: 1, oldRoot: EMPTY_ROOT, newRoot: EMPTY_ROOT, proof: [] };
  expect(() => verifyConsistency(growth)).toThrow('the old size 2 is larger than the new size 1');
  const inSubtree = { index: 7, start: 8, end: 13, leafHash: EMPTY_ROOT, proof: [], root: EMPTY_ROOT };
  expect(() => verifySubtreeInclusion(inSubtree)).toThrow('index 7 is not in [8, 13)');
});

test('proofs of random trees of up to 100,000 leaves verify, and no longer after a bit was changed', () => {
  const large = new ReferenceTree(entriesOf(100_000));
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 100_000 }),
      fc.nat(),
      fc.nat(),
      fc.nat(),
      fc.nat(),
      (size, indexSeed, oldSeed, hashSeed, bit) => {
        const index = indexSeed % size;
        const oldSize = oldSeed % (size + 1);
        const flipped = (proof: readonly Uint8Array[]): Uint8Array[] => {
          const copy = proof.map((hash) => Uint8Array.from(hash));
          copy[hashSeed % copy.length]![(bit >> 3) % 32]! ^= 1 << (bit & 7);
          return copy;
        };
        const inclusion = {
          index,
          size,
          leafHash: large.leafHash(index),
          root: large.root(size),
          proof: large.path(index, 0, size),
        };
        verifyInclusion(inclusion);
        if (inclusion.proof.length > 0) {
          expect(() => verifyInclusion({ ...inclusion, proof: flipped(inclusion.proof) })).toThrow(ProofError);
        }
        const consistency = {
          oldSize,
          newSize: size,
          oldRoot: large.root(oldSize),
          newRoot: large.root(size),
          proof: large.consistency(oldSize, size),
        };
        verifyConsistency(consistency);
        if (consistency.proof.length > 0) {
          expect(() => verifyConsistency({ ...consistency, proof: flipped(consistency.proof) })).toThrow(ProofError);
        }
      },
    ),
    { numRuns: 200 },
  );
});
