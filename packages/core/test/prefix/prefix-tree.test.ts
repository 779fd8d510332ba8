import { createHash } from 'node:crypto';
import {
  EMPTY_PREFIX_ROOT,
  type PrefixLeaf,
  PrefixTree,
  prefixRoot,
  verifyAbsence,
  verifyPresence,
} from '@vitrine/core';
import { ReferencePrefixTree, SeededRandom } from '@vitrine/testkit';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { distinctLeaves, flat, sorted, turned } from './support.ts';

const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));
const sha256 = (...parts: Uint8Array[]): Uint8Array =>
  new Uint8Array(createHash('sha256').update(Buffer.concat(parts)).digest());
const leafOf = (key: Uint8Array): PrefixLeaf => ({ key, valueHash: sha256(key) });

function randomLeaves(count: number, seed: number): PrefixLeaf[] {
  const random = new SeededRandom(seed);
  return Array.from({ length: count }, () => leafOf(random.bytes(32)));
}

describe('the root of a prefix tree', () => {
  const [a, b, c] = [hex('00'.repeat(32)), hex('40'.padEnd(64, '0')), hex('ff'.repeat(32))].map(leafOf) as [
    PrefixLeaf,
    PrefixLeaf,
    PrefixLeaf,
  ];
  const leaf = ({ key, valueHash }: PrefixLeaf): Uint8Array => sha256(Uint8Array.of(2), key, valueHash);
  const node = (left: Uint8Array, right: Uint8Array): Uint8Array => sha256(Uint8Array.of(3), left, right);

  test('is 32 zero bytes without keys', () => {
    expect(prefixRoot([])).toEqual(new Uint8Array(32));
    expect(new PrefixTree(flat([])).root).toEqual(EMPTY_PREFIX_ROOT);
  });

  test('is the leaf of the only key, whatever the key', () => {
    for (const only of [a, b, c]) expect(prefixRoot([only])).toEqual(leaf(only));
  });

  test('has a node for each bit that several keys share, and none for the bits of one key', () => {
    expect(prefixRoot([a, c])).toEqual(node(leaf(a), leaf(c)));
    expect(prefixRoot([a, b])).toEqual(node(node(leaf(a), leaf(b)), EMPTY_PREFIX_ROOT));
    expect(prefixRoot([a, b, c])).toEqual(node(node(leaf(a), leaf(b)), leaf(c)));
  });

  test('is the one of the recursive definition, in one pass and from the flat form', () => {
    fc.assert(
      fc.property(distinctLeaves(40), (leaves) => {
        const expected = new ReferencePrefixTree(leaves).root();
        expect(prefixRoot(sorted(leaves))).toEqual(expected);
        expect(new PrefixTree(flat(sorted(leaves))).root).toEqual(expected);
      }),
    );
  });

  test.each([31, 32, 33, 63, 64, 65, 1000, 3000])('of %i keys is the one of the recursive definition', (count) => {
    const leaves = randomLeaves(count, count);
    const expected = new ReferencePrefixTree(leaves).root();
    expect(prefixRoot(sorted(leaves))).toEqual(expected);
    expect(new PrefixTree(flat(sorted(leaves))).root).toEqual(expected);
  });

  test('is the same when all keys but one stand in one corner of the tree', () => {
    const corner = randomLeaves(150, 7).map(({ key }) =>
      leafOf(new Uint8Array([...new Uint8Array(25), ...key.subarray(25)])),
    );
    const leaves = sorted([...corner, c]);
    const expected = new ReferencePrefixTree(leaves).root();
    const tree = new PrefixTree(flat(leaves));
    expect(prefixRoot(leaves)).toEqual(expected);
    expect(tree.root).toEqual(expected);
    for (const { key, valueHash } of leaves) verifyPresence({ root: expected, key, valueHash, proof: tree.prove(key) });
  });

  test('does not depend on what the caller does with a leaf afterwards', () => {
    const leaves = sorted(randomLeaves(50, 3));
    function* overwritten(): Generator<PrefixLeaf> {
      const [key, valueHash] = [new Uint8Array(32), new Uint8Array(32)];
      for (const next of leaves) {
        key.set(next.key);
        valueHash.set(next.valueHash);
        yield { key, valueHash };
      }
    }
    expect(prefixRoot(overwritten())).toEqual(prefixRoot(leaves));
  });

  test.each([
    ['keys that are out of order', [b, a]],
    ['keys that are out of order in their last bit', [leafOf(turned(a.key, 255)), a]],
    ['a key that is there twice', [a, b, b]],
    ['a key that is there twice with another record', [a, { ...a, valueHash: b.valueHash }]],
  ])('refuses %s', (_, leaves) => {
    expect(() => prefixRoot(leaves)).toThrow(RangeError);
    expect(() => new PrefixTree(flat(leaves))).toThrow(RangeError);
  });

  test('refuses keys that are out of order far apart', () => {
    const leaves = sorted(randomLeaves(500, 1));
    const swapped = leaves.with(10, leaves[400]!).with(400, leaves[10]!);
    expect(() => new PrefixTree(flat(swapped))).toThrow(RangeError);
    expect(() => new PrefixTree(flat([...leaves.slice(1), leaves[0]!]))).toThrow(RangeError);
  });

  test('refuses what is not 32 bytes', () => {
    const short = new Uint8Array(31);
    const long = new Uint8Array(33);
    for (const wrong of [short, long]) {
      expect(() => prefixRoot([{ ...a, key: wrong }])).toThrow(RangeError);
      expect(() => prefixRoot([{ ...a, valueHash: wrong }])).toThrow(RangeError);
      expect(() => new PrefixTree({ keys: wrong, valueHashes: wrong })).toThrow(RangeError);
      expect(() => new PrefixTree({ keys: a.key, valueHashes: wrong })).toThrow(RangeError);
      expect(() => new PrefixTree(flat([a])).prove(wrong)).toThrow(RangeError);
      expect(() => new PrefixTree(flat([a])).get(wrong)).toThrow(RangeError);
    }
  });
});

describe('a prefix tree', () => {
  test('proves as the recursive definition has it, whether a key is there or not', () => {
    fc.assert(
      fc.property(distinctLeaves(40), distinctLeaves(5), (leaves, others) => {
        const reference = new ReferencePrefixTree(leaves);
        const tree = new PrefixTree(flat(sorted(leaves)));
        for (const { key } of [...leaves, ...others]) expect(tree.prove(key)).toEqual(reference.prove(key));
      }),
    );
  });

  test('proves each of its keys and the absence of each neighbour', () => {
    const leaves = sorted(randomLeaves(700, 5));
    const tree = new PrefixTree(flat(leaves));
    const { root } = tree;
    const reference = new ReferencePrefixTree(leaves);
    for (const { key, valueHash } of leaves) {
      const proof = tree.prove(key);
      verifyPresence({ root, key, valueHash, proof });
      for (const bit of [0, 8, 9, 10, 11, 255]) {
        const other = turned(key, bit);
        verifyAbsence({ root, key: other, proof: tree.prove(other) });
      }
    }
    for (const { key } of leaves.slice(0, 20)) expect(tree.prove(key)).toEqual(reference.prove(key));
  });

  test('finds the records of its keys and no others', () => {
    fc.assert(
      fc.property(distinctLeaves(40), fc.integer({ min: 0, max: 255 }), (leaves, bit) => {
        const tree = new PrefixTree(flat(sorted(leaves)));
        const records = new Map(leaves.map(({ key, valueHash }) => [`${key}`, valueHash]));
        expect(tree.count).toBe(leaves.length);
        for (const { key } of leaves) {
          expect(tree.get(key)).toEqual(records.get(`${key}`));
          expect(tree.get(turned(key, bit))).toEqual(records.get(`${turned(key, bit)}`));
        }
      }),
    );
  });

  test('gives out bytes of its own', () => {
    const leaves = sorted(randomLeaves(200, 9));
    const tree = new PrefixTree(flat(leaves));
    const { key } = leaves[0]!;
    const { root } = tree;
    const proof = tree.prove(key);
    tree.root.fill(0);
    tree.get(key)!.fill(0);
    const second = tree.prove(key);
    for (const sibling of second.siblings) sibling.fill(0);
    second.leaf!.key.fill(0);
    second.leaf!.valueHash.fill(0);
    expect(tree.root).toEqual(root);
    expect(tree.prove(key)).toEqual(proof);
  });
});
