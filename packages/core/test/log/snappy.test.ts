import { describe, expect, test } from 'vitest';
import { CoreError } from '../../src/error.ts';
import { decompressSnappy } from '../../src/log/snappy.ts';
import { utf8 } from './fixtures.ts';

const text = (...parts: (number | string)[]): string =>
  Buffer.from(decompressSnappy(stream(...parts), 1000)).toString('latin1');

const stream = (...parts: (number | string)[]): Uint8Array =>
  Buffer.concat(parts.map((part) => (typeof part === 'string' ? utf8(part) : Uint8Array.of(part))));

describe('decompressSnappy', () => {
  test('takes nothing, literals and copies with offsets of each size', () => {
    expect(text(0)).toBe('');
    expect(text(3, 2 << 2, 'abc')).toBe('abc');
    expect(text(8, 3 << 2, 'abcd', 1, 4)).toBe('abcdabcd');
    expect(text(5, 3 << 2, 'abcd', 2, 3, 0)).toBe('abcdb');
    expect(text(6, 3 << 2, 'abcd', (1 << 2) | 3, 4, 0, 0, 0)).toBe('abcdab');
  });

  test('goes on copying what it copied', () => {
    expect(text(12, 0, 'x', (10 << 2) | 2, 1, 0)).toBe('x'.repeat(12));
    expect(text(9, 1 << 2, 'ab', (3 << 2) | 1, 2)).toBe('ababababa');
  });

  test('takes literals whose size stands in bytes of its own', () => {
    const long = 'y'.repeat(300);
    expect(text(61, 60 << 2, 60, long.slice(0, 61))).toBe(long.slice(0, 61));
    expect(text(0xac, 2, 61 << 2, 43, 1, long)).toBe(long);
    expect(text(0xac, 2, 62 << 2, 43, 1, 0, long)).toBe(long);
    expect(text(0xac, 2, 63 << 2, 43, 1, 0, 0, long)).toBe(long);
  });

  test.for<[string, (number | string)[]]>([
    ['nothing at all', []],
    ['a size without an end', [0x80]],
    ['a size with a needless byte', [0x83, 0, 2 << 2, 'abc']],
    ['a size above the limit', [0xe9, 7]],
    ['a size that does not fit into an integer', [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]],
    ['a literal that is cut off', [3, 2 << 2, 'ab']],
    ['a literal whose size is cut off', [3, 61 << 2, 2]],
    ['a literal of 4 GiB', [3, 63 << 2, 0xff, 0xff, 0xff, 0xff, 'abc']],
    ['more than it says', [2, 2 << 2, 'abc']],
    ['less than it says', [4, 2 << 2, 'abc']],
    ['a copy of more than it says', [7, 3 << 2, 'abcd', 1, 4]],
    ['a copy from before the beginning', [8, 3 << 2, 'abcd', 1, 5]],
    ['a copy from nowhere', [8, 3 << 2, 'abcd', 1, 0]],
    ['a copy that is cut off', [8, 3 << 2, 'abcd', 1]],
    ['something behind its end', [3, 2 << 2, 'abc', 0, 'd']],
  ])('refuses %s', ([, parts]) => {
    expect(() => decompressSnappy(stream(...parts), 1000)).toThrow(CoreError);
  });
});
