import { createHash } from 'node:crypto';
import {
  isSubtree,
  proveConsistency,
  proveInclusion,
  proveSubtreeConsistency,
  proveSubtreeInclusion,
  treeRoot,
} from '@vitrine/core';
import { isReferenceSubtree, ReferenceTree } from '@vitrine/testkit';
import { describe, expect, test } from 'vitest';
import { entriesOf, referenceReader, refusalOf } from './support.ts';

const tree = new ReferenceTree(entriesOf(300));
const reader = referenceReader(tree);
// Comparing arrays of bytes takes vitest a hundred times longer than comparing texts.
const text = (hashes: readonly Uint8Array[]): string => Buffer.concat(hashes).toString('hex');

test('inclusion proofs are those of RFC 6962 for every leaf of every tree of up to 300 leaves', async () => {
  for (let size = 1; size <= 300; size++) {
    for (let index = 0; index < size; index++) {
      expect(text(await proveInclusion(index, size, reader))).toBe(text(tree.path(index, 0, size)));
    }
  }
});

test('consistency proofs are those of RFC 6962 for every pair of trees of up to 300 leaves', async () => {
  for (let size = 0; size <= 300; size++) {
    for (let old = 0; old <= size; old++) {
      expect(text(await proveConsistency(old, size, reader))).toBe(text(tree.consistency(old, size)));
    }
  }
});

test('what is not in the tree cannot be proven', async () => {
  expect(await refusalOf(() => proveInclusion(5, 5, reader))).toBe('proof-range');
  expect(await refusalOf(() => proveInclusion(-1, 5, reader))).toBe('proof-range');
  expect(await refusalOf(() => proveInclusion(0.5, 5, reader))).toBe('proof-range');
  expect(await refusalOf(() => proveConsistency(6, 5, reader))).toBe('proof-range');
  expect(await refusalOf(() => proveSubtreeConsistency({ start: 3, end: 5 }, 9, reader))).toBe('proof-range');
  expect(await refusalOf(() => proveSubtreeConsistency({ start: 8, end: 10 }, 9, reader))).toBe('proof-range');
  expect(await refusalOf(() => proveSubtreeInclusion(7, { start: 8, end: 10 }, reader))).toBe('proof-range');
  expect(await refusalOf(() => proveSubtreeInclusion(4, { start: 3, end: 5 }, reader))).toBe('proof-range');
});

// draft-ietf-plants-merkle-tree-certs, appendix "Subtree Test Vectors": the hashes of all outputs for trees of up to 130
// leaves, whose entries are the single bytes 0, 1, 2, ...
describe('the accumulated test vectors of draft-ietf-plants-merkle-tree-certs', () => {
  const vectors = new ReferenceTree(Array.from({ length: 131 }, (_, i) => Uint8Array.of(i)));
  const vectorReader = referenceReader(vectors);
  const hex = (hash: Uint8Array): string => Buffer.from(hash).toString('hex');
  const subtrees = (most: number): [number, number][] => {
    const found: [number, number][] = [];
    for (let end = 0; end <= most; end++)
      for (let start = 0; start <= end; start++) if (isSubtree({ start, end })) found.push([start, end]);
    return found;
  };

  test('subtree hashes', async () => {
    const accumulated = createHash('sha256');
    for (const [start, end] of subtrees(130)) {
      expect(isReferenceSubtree(start, end)).toBe(true);
      const shifted = {
        readHashes: (nodes: readonly { level: number; index: number }[]) =>
          vectorReader.readHashes(nodes.map(({ level, index }) => ({ level, index: index + start / 2 ** level }))),
      };
      accumulated.update(`[${start}, ${end}) ${hex(await treeRoot(end - start, shifted))}\n`);
    }
    expect(accumulated.digest('hex')).toBe('b82806ad4265bb151c1119c0f4db437bb4d1a1f887b3a7fba1cd4ebf552e3e81');
  });

  test('subtree inclusion proofs', async () => {
    const accumulated = createHash('sha256');
    for (const [start, end] of subtrees(130)) {
      for (let index = start; index < end; index++) {
        const proof = await proveSubtreeInclusion(index, { start, end }, vectorReader);
        accumulated.update(`${[`${index} [${start}, ${end})`, ...proof.map(hex)].join(' ')}\n`);
      }
    }
    expect(accumulated.digest('hex')).toBe('ac2a8f989e44d99e399db448050ff5f19757df53cfb716aa81015d3955d8163f');
  });

  test('subtree consistency proofs', async () => {
    const accumulated = createHash('sha256');
    for (let n = 0; n <= 130; n++) {
      for (const [start, end] of subtrees(n)) {
        const proof = await proveSubtreeConsistency({ start, end }, n, vectorReader);
        accumulated.update(`${[`[${start}, ${end}) ${n}`, ...proof.map(hex)].join(' ')}\n`);
      }
    }
    expect(accumulated.digest('hex')).toBe('10fa99b37bf9bf9ffa26b412fbd98bd75363256d0b75d61bc4538b9c9c5a0a74');
  });
});
