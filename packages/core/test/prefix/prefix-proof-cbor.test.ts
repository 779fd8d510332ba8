import {
  type CborValue,
  decodeCbor,
  encodeCbor,
  PrefixTree,
  prefixProofFromCbor,
  prefixProofToCbor,
} from '@vitrine/core';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { refusal } from '../tree/support.ts';
import { distinctLeaves, flat, sorted, turned } from './support.ts';

test('a proof of a prefix tree is the same after CBOR', () => {
  fc.assert(
    fc.property(distinctLeaves(12), fc.integer({ min: 0, max: 255 }), (leaves, bit) => {
      const tree = new PrefixTree(flat(sorted(leaves)));
      for (const key of leaves.flatMap(({ key }) => [key, turned(key, bit)])) {
        const proof = tree.prove(key);
        const encoded = encodeCbor(prefixProofToCbor(proof));
        expect(prefixProofFromCbor(decodeCbor(encoded, 'the proof'))).toEqual(proof);
      }
    }),
  );
});

test('it is written as an array of siblings and a leaf', () => {
  const hash = new Uint8Array(32).fill(0xab);
  const empty = new Uint8Array(0);
  const hex = (value: CborValue): string => Buffer.from(encodeCbor(value)).toString('hex');
  const ab = `5820${'ab'.repeat(32)}`;
  expect(hex(prefixProofToCbor({ siblings: [], leaf: null }))).toBe('8280f6');
  expect(hex(prefixProofToCbor({ siblings: [empty, hash], leaf: null }))).toBe(`828240${ab}f6`);
  expect(hex(prefixProofToCbor({ siblings: [hash], leaf: { key: hash, valueHash: hash } }))).toBe(
    `8281${ab}82${ab}${ab}`,
  );
});

const hash = new Uint8Array(32).fill(1);

test.each<[string, CborValue]>([
  ['no array', 1],
  ['a map', new Map()],
  ['an array of one', [[]]],
  ['an array of three', [[], null, null]],
  ['siblings that are no array', [hash, null]],
  ['a sibling that is a text', [['', hash], null]],
  ['a sibling that is null', [[null, hash], null]],
  ['a sibling of 31 bytes', [[hash.subarray(1)], null]],
  ['a sibling of zeros', [[new Uint8Array(32)], null]],
  ['an empty last sibling', [[new Uint8Array(0)], null]],
  ['a leaf that is no array', [[], hash]],
  ['a leaf of one', [[], [hash]]],
  ['a leaf of three', [[], [hash, hash, hash]]],
  ['a key that is a text', [[], ['key', hash]]],
  ['a key of 31 bytes', [[], [hash.subarray(1), hash]]],
  ['a value hash of 33 bytes', [[], [hash, new Uint8Array(33)]]],
])('%s is no proof', (_, value) => {
  expect(refusal(() => prefixProofFromCbor(value))).toBe('proof-malformed');
});

test('more siblings than a key has bits are refused', () => {
  expect(refusal(() => prefixProofFromCbor([new Array(257).fill(hash), [hash, hash]]))).toBe('proof-length');
  expect(refusal(() => prefixProofFromCbor([new Array(256).fill(hash), null]))).toBe('proof-length');
});
