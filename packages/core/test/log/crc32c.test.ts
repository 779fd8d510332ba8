import { SeededRandom } from '@vitrine/testkit';
import { expect, test } from 'vitest';
import { crc32c } from '../../src/log/crc32c.ts';
import { utf8 } from './fixtures.ts';

// RFC 3720 appendix B.4, and the check value of the catalogue of parametrised CRC algorithms.
test.for<[Uint8Array, number]>([
  [new Uint8Array(32), 0x8a9136aa],
  [new Uint8Array(32).fill(0xff), 0x62a8ab43],
  [Uint8Array.from({ length: 32 }, (_, i) => i), 0x46dd794e],
  [Uint8Array.from({ length: 32 }, (_, i) => 31 - i), 0x113fdb5c],
  [utf8('123456789'), 0xe3069283],
  [new Uint8Array(0), 0],
])('The CRC-32C of a published vector is right (%#)', ([bytes, expected]) => {
  expect(crc32c(bytes)).toBe(expected);
});

test('It is that of the definition, bit by bit, for every length and alignment', () => {
  const random = new SeededRandom(1);
  const bytes = random.bytes(100);
  for (let start = 0; start < 9; start++) {
    for (let end = start; end <= bytes.length; end++) {
      let expected = 0xffffffff;
      for (const byte of bytes.subarray(start, end)) {
        expected ^= byte;
        for (let bit = 0; bit < 8; bit++) expected = (expected >>> 1) ^ (expected & 1 ? 0x82f63b78 : 0);
      }
      expect(crc32c(bytes.subarray(start, end))).toBe(~expected >>> 0);
    }
  }
});

test('It can be computed in parts', () => {
  const bytes = new SeededRandom(2).bytes(50);
  for (let at = 0; at <= bytes.length; at++) {
    expect(crc32c(bytes.subarray(at), crc32c(bytes.subarray(0, at)))).toBe(crc32c(bytes));
  }
});
