import { formatBundle, MAX_ENTRY_SIZE, parseBundle } from '@vitrine/core';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { refusal } from '../tree/support.ts';

test('each entry stands after its length in two bytes', () => {
  const bundle = formatBundle([Uint8Array.of(7), new Uint8Array(258).fill(9)]);
  expect([...bundle.subarray(0, 6)]).toEqual([0, 1, 7, 1, 2, 9]);
  expect(bundle).toHaveLength(3 + 260);
});

test('what is written is read, whatever the entries', () => {
  const entries = fc.array(fc.uint8Array({ minLength: 1, maxLength: 600 }), { maxLength: 256 });
  fc.assert(
    fc.property(entries, (list) => {
      expect(parseBundle(formatBundle(list), list.length)).toEqual(list);
    }),
    { numRuns: 50 },
  );
});

test('the largest entry fits, a larger and an empty one are refused', () => {
  expect(parseBundle(formatBundle([new Uint8Array(MAX_ENTRY_SIZE)]), 1)[0]).toHaveLength(65_535);
  expect(refusal(() => formatBundle([new Uint8Array(65_536)]))).toBe('entry-too-large');
  expect(refusal(() => formatBundle([new Uint8Array(0)]))).toBe('entry-empty');
});

test('another number of entries, bytes left over and torn entries are refused', () => {
  const bundle = formatBundle([Uint8Array.of(1, 2), Uint8Array.of(3)]);
  expect(refusal(() => parseBundle(bundle, 1))).toBe('bundle-malformed');
  expect(refusal(() => parseBundle(bundle, 3))).toBe('bundle-malformed');
  expect(refusal(() => parseBundle(Uint8Array.of(...bundle, 0), 2))).toBe('bundle-malformed');
  expect(refusal(() => parseBundle(bundle.subarray(0, -1), 2))).toBe('bundle-malformed');
  expect(refusal(() => parseBundle(Uint8Array.of(0), 1))).toBe('bundle-malformed');
  expect(refusal(() => parseBundle(Uint8Array.of(0, 0), 1))).toBe('bundle-malformed');
});
