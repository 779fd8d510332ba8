import { EMPTY_ROOT, leafHash, nodeHash } from '@vitrine/core';
import { expect, test } from 'vitest';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

test('the empty tree has the hash of the empty string as its root', () => {
  expect(hex(EMPTY_ROOT)).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
});

test('the hashes of a leaf and of a node begin with different bytes', () => {
  // Computed with coreutils: printf '\x00' | sha256sum, and printf '\x01' followed by 64 zero bytes.
  expect(hex(leafHash(new Uint8Array(0)))).toBe('6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d');
  const zero = new Uint8Array(32);
  const both = new Uint8Array(64);
  expect(hex(nodeHash(zero, zero))).not.toBe(hex(leafHash(both)));
});

test('entries longer than a log takes can still be hashed', () => {
  const long = new Uint8Array(100_000).fill(7);
  expect(leafHash(long)).toHaveLength(32);
  expect(hex(leafHash(long.subarray(0, 65_535)))).not.toBe(hex(leafHash(long.subarray(0, 65_536))));
});

test('a node is made of two whole hashes', () => {
  expect(() => nodeHash(new Uint8Array(31), new Uint8Array(32))).toThrow(RangeError);
  expect(() => nodeHash(new Uint8Array(32), new Uint8Array(33))).toThrow(RangeError);
});
