import {
  appendLeaf,
  type CompactRange,
  EMPTY_RANGE,
  EMPTY_ROOT,
  equalBytes,
  extendRange,
  rangeRoot,
} from '@vitrine/core';
import { ReferenceTree } from '@vitrine/testkit';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { entriesOf } from './support.ts';

const tree = new ReferenceTree(entriesOf(2000));
const leaves = (start: number, end: number): Uint8Array => {
  const bytes = new Uint8Array((end - start) * 32);
  for (let i = start; i < end; i++) bytes.set(tree.leafHash(i), (i - start) * 32);
  return bytes;
};

test('a tree grown leaf by leaf has the root of the reference tree at every size up to 300', () => {
  let range: CompactRange = EMPTY_RANGE;
  expect(rangeRoot(range)).toEqual(EMPTY_ROOT);
  for (let size = 1; size <= 300; size++) {
    range = appendLeaf(range, tree.leafHash(size - 1));
    expect(range.size).toBe(size);
    expect(rangeRoot(range)).toEqual(tree.root(size));
  }
});

test('a tree grown in steps of any length gives each perfect node exactly once, at its place', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 600 }), { maxLength: 8 }), (steps) => {
      let range: CompactRange = EMPTY_RANGE;
      const seen = new Set<string>();
      for (const step of steps) {
        if (range.size + step > 2000) break;
        const extended = extendRange(range, leaves(range.size, range.size + step));
        range = extended.range;
        for (const { level, start, hashes } of extended.levels) {
          for (let i = 0; i * 32 < hashes.length; i++) {
            const width = 2 ** level;
            expect(
              equalBytes(hashes.slice(i * 32, i * 32 + 32), tree.hash((start + i) * width, (start + i + 1) * width)),
            ).toBe(true);
            expect(seen.has(`${level}/${start + i}`)).toBe(false);
            seen.add(`${level}/${start + i}`);
          }
        }
        expect(rangeRoot(range)).toEqual(tree.root(range.size));
      }
      let perfect = 0;
      for (let width = 1; width <= range.size; width *= 2) perfect += Math.floor(range.size / width);
      expect(seen.size).toBe(perfect);
    }),
    { numRuns: 60 },
  );
});

test('a part of a hash is no leaf', () => {
  expect(() => extendRange(EMPTY_RANGE, new Uint8Array(33))).toThrow(RangeError);
});
