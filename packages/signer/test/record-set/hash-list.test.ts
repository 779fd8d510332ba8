import fc from 'fast-check';
import { expect, test } from 'vitest';
import { HashList } from '../../src/record-set/hash-list.ts';

/** Hashes of few different bytes, so that many share long prefixes, which no records can be found for. */
const hashes = fc.array(
  fc.oneof(
    fc.uint8Array({ minLength: 32, maxLength: 32 }),
    fc
      .tuple(fc.integer({ min: 0, max: 31 }), fc.integer({ min: 0, max: 255 }))
      .map(([at, value]) => new Uint8Array(32).with(at, value)),
  ),
  { maxLength: 300, size: 'max' },
);

test('a list of hashes gives the distinct ones in order', () => {
  fc.assert(
    fc.property(hashes, (all) => {
      const list = new HashList();
      for (const hash of all) list.push(hash);
      const expected = [...new Set(all.map((hash) => Buffer.from(hash).toString('hex')))].sort();
      expect(Buffer.from(list.distinct()).toString('hex')).toBe(expected.join(''));
    }),
  );
});

test('a list of hashes that all share 31 bytes is sorted all the same', () => {
  const list = new HashList();
  for (let i = 0; i < 5000; i++) list.push(new Uint8Array(32).with(31, (i * 7) % 256));
  const distinct = list.distinct();
  expect(distinct).toHaveLength(256 * 32);
  for (let i = 0; i < 256; i++) expect(distinct[i * 32 + 31]).toBe(i);
});
