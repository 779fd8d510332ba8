import type { PrefixLeaf, PrefixLeaves } from '@vitrine/core';
import fc from 'fast-check';

const compare = (a: PrefixLeaf, b: PrefixLeaf): number => Buffer.compare(a.key, b.key);

/** Leaves in the order of their keys. */
export const sorted = (leaves: readonly PrefixLeaf[]): PrefixLeaf[] => [...leaves].sort(compare);

/** Leaves as a `PrefixTree` takes them. */
export function flat(leaves: readonly PrefixLeaf[]): PrefixLeaves {
  const join = (hashes: Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(hashes));
  return { keys: join(leaves.map(({ key }) => key)), valueHashes: join(leaves.map(({ valueHash }) => valueHash)) };
}

/** `key` with one bit turned, counted from the most significant one. */
export function turned(key: Uint8Array, bit: number): Uint8Array {
  const at = Math.floor(bit / 8);
  return key.with(at, key[at]! ^ (0x80 >> (bit % 8)));
}

const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 });

/**
 * Distinct keys, some spread evenly, some alike: those share a prefix of any number of bits with the one before them, 200
 * and more as often as few.
 */
const distinctKeys = (maxLength: number): fc.Arbitrary<Uint8Array[]> =>
  fc.array(fc.tuple(bytes32, fc.option(fc.integer({ min: 0, max: 255 }), { freq: 2 })), { maxLength }).map((seeds) => {
    const keys: Uint8Array[] = [];
    for (const [seed, bit] of seeds) {
      const before = keys.at(-1);
      keys.push(bit === null || before === undefined ? seed : turned(before, bit));
    }
    return [...new Map(keys.map((key) => [Buffer.from(key).toString('hex'), key])).values()];
  });

/** Leaves with distinct keys, in any order. */
export const distinctLeaves = (maxLength: number): fc.Arbitrary<PrefixLeaf[]> =>
  distinctKeys(maxLength).chain((keys) =>
    fc
      .array(bytes32, { minLength: keys.length, maxLength: keys.length })
      .map((values) => keys.map((key, i) => ({ key, valueHash: values[i]! }))),
  );
