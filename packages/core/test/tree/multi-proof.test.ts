import {
  EMPTY_ROOT,
  MAX_MULTI_PROOF_CLAIMS,
  type MultiProofClaim,
  ProofError,
  proveMulti,
  verifyMulti,
} from '@vitrine/core';
import { ReferenceTree } from '@vitrine/testkit';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { entriesOf, referenceReader, refusal, refusalOf } from './support.ts';

const tree = new ReferenceTree(entriesOf(1000));
const reader = referenceReader(tree);

async function claimOf(size: number, indices: number[], oldSizes: number[]): Promise<MultiProofClaim> {
  return {
    size,
    root: tree.root(size),
    leaves: indices.map((index) => ({ index, leafHash: tree.leafHash(index) })),
    oldTrees: oldSizes.map((oldSize) => ({ size: oldSize, root: tree.root(oldSize) })),
    proof: await proveMulti({ size, indices, oldSizes }, reader),
  };
}

const sorted = (values: number[]): number[] => [...new Set(values)].sort((a, b) => a - b);

test('every choice of leaves and earlier sizes of small trees is proven', async () => {
  for (let size = 1; size <= 6; size++) {
    for (let chosen = 0; chosen < 4 ** size; chosen++) {
      const indices: number[] = [];
      const oldSizes: number[] = [];
      for (let i = 0; i < size; i++) {
        if ((chosen >> i) & 1) indices.push(i);
        if ((chosen >> (size + i)) & 1) oldSizes.push(i + 1);
      }
      verifyMulti(await claimOf(size, indices, oldSizes));
    }
  }
});

test('random claims verify; a changed, missing or extra hash, leaf or root does not', async () => {
  const claims = fc.record({
    size: fc.integer({ min: 1, max: 1000 }),
    indexSeeds: fc.array(fc.nat(), { maxLength: 6 }),
    oldSeeds: fc.array(fc.nat(), { maxLength: 4 }),
    at: fc.nat(),
  });
  await fc.assert(
    fc.asyncProperty(claims, async ({ size, indexSeeds, oldSeeds, at }) => {
      const claim = await claimOf(
        size,
        sorted(indexSeeds.map((n) => n % size)),
        sorted(oldSeeds.map((n) => 1 + (n % size))),
      );
      verifyMulti(claim);
      const { proof, leaves, oldTrees } = claim;
      const changed = (hash: Uint8Array): Uint8Array => hash.with(at % 32, hash[at % 32]! ^ (1 << (at % 8)));
      const changes: Partial<MultiProofClaim>[] = [
        { proof: [...proof, EMPTY_ROOT] },
        { root: changed(claim.root) },
        ...proof.map((hash, i) => ({ proof: proof.with(i, changed(hash)) })),
        ...proof.map((_, i) => ({ proof: proof.toSpliced(i, 1) })),
        ...leaves.map((leaf, i) => ({ leaves: leaves.with(i, { ...leaf, leafHash: changed(leaf.leafHash) }) })),
        ...oldTrees.map((old, i) => ({ oldTrees: oldTrees.with(i, { ...old, root: changed(old.root) }) })),
      ];
      for (const change of changes) expect(() => verifyMulti({ ...claim, ...change })).toThrow(ProofError);
    }),
    { numRuns: 150 },
  );
});

test('it is never longer than the single proofs, and has no hash that follows from the claims', async () => {
  for (const [size, indices, oldSizes] of [
    [1000, [3, 4, 700], [512, 900]],
    [777, [], [100]],
    [777, [5], []],
    [8, [0, 1, 2, 3, 4, 5, 6, 7], []],
    [8, [], [8]],
    [9, [], [8, 9]],
  ] as [number, number[], number[]][]) {
    const { proof } = await claimOf(size, indices, oldSizes);
    const single = [
      ...indices.map((i) => tree.path(i, 0, size)),
      ...oldSizes.map((old) => tree.consistency(old, size)),
    ];
    expect(proof.length).toBeLessThanOrEqual(single.flat().length);
    if (single.length === 1) expect(proof).toHaveLength(single[0]!.length);
  }
  expect((await claimOf(8, [0, 1, 2, 3, 4, 5, 6, 7], [])).proof).toEqual([]);
});

test('claims that are out of order, doubled, outside the tree or too many are refused', async () => {
  const claim = await claimOf(10, [2, 5], [3, 7]);
  const { leaves, oldTrees } = claim;
  expect(refusal(() => verifyMulti({ ...claim, leaves: leaves.toReversed() }))).toBe('proof-range');
  expect(refusal(() => verifyMulti({ ...claim, leaves: [leaves[0]!, leaves[0]!] }))).toBe('proof-range');
  expect(refusal(() => verifyMulti({ ...claim, leaves: [{ ...leaves[0]!, index: 10 }] }))).toBe('proof-range');
  expect(refusal(() => verifyMulti({ ...claim, leaves: [{ ...leaves[0]!, index: 0.5 }] }))).toBe('proof-range');
  expect(refusal(() => verifyMulti({ ...claim, oldTrees: oldTrees.toReversed() }))).toBe('proof-range');
  expect(refusal(() => verifyMulti({ ...claim, oldTrees: [{ ...oldTrees[0]!, size: 0 }] }))).toBe('proof-range');
  expect(refusal(() => verifyMulti({ ...claim, oldTrees: [{ ...oldTrees[0]!, size: 11 }] }))).toBe('proof-range');
  expect(refusal(() => verifyMulti({ ...claim, root: new Uint8Array(31) }))).toBe('proof-malformed');
  const many = Array.from({ length: MAX_MULTI_PROOF_CLAIMS + 1 }, (_, index) => ({ index, leafHash: EMPTY_ROOT }));
  expect(refusal(() => verifyMulti({ ...claim, size: 10_000, leaves: many }))).toBe('proof-range');
  expect(await refusalOf(() => proveMulti({ size: 10, indices: [10], oldSizes: [] }, reader))).toBe('proof-range');
});

test('more hashes than the claims can need, and what is no hash, are refused', async () => {
  const claim = await claimOf(10, [2], []);
  expect(refusal(() => verifyMulti({ ...claim, proof: new Array(64).fill(EMPTY_ROOT) }))).toBe('proof-length');
  const notBytes = Array.from(claim.proof[0]!) as unknown as Uint8Array;
  expect(() => verifyMulti({ ...claim, proof: claim.proof.with(0, notBytes) })).toThrow(TypeError);
});

test('an empty tree proves nothing but itself', () => {
  verifyMulti({ size: 0, root: EMPTY_ROOT, leaves: [], oldTrees: [], proof: [] });
  expect(refusal(() => verifyMulti({ size: 0, root: tree.root(1), leaves: [], oldTrees: [], proof: [] }))).toBe(
    'proof-mismatch',
  );
  expect(refusal(() => verifyMulti({ size: 0, root: EMPTY_ROOT, leaves: [], oldTrees: [], proof: [EMPTY_ROOT] }))).toBe(
    'proof-length',
  );
});
