import { describe, expect, test } from 'vitest';
import { CoreError } from '../../src/error.ts';
import { parseManifest } from '../../src/log/level-manifest.ts';
import { utf8 } from './fixtures.ts';
import { added, FIRST, FULL, fragment, LAST, MIDDLE, varint } from './level-files.ts';

// Real manifests are read by the tests of tables. Those here are made by hand, for what a small database does not show.

const bytesOf = (text: string): number[] => [text.length, ...utf8(text)];
const removed = (number: number): number[] => [6, 0, number];
const full = (...edit: number[]): Buffer => fragment(FULL, Uint8Array.from(edit));
const parse = (...parts: Uint8Array[]): number[] => [...parseManifest(Buffer.concat(parts)).keys()];

/** A tag that says nothing of tables, with as many bytes behind it. */
const comparator = (size: number): number[] => [1, ...varint(size), ...new Array<number>(size).fill(0x20)];

/** Records as LevelDB writes them, into blocks of 32 KiB. */
function journal(records: readonly Uint8Array[]): Uint8Array {
  const parts: Uint8Array[] = [];
  let left = 32_768;
  for (const record of records) {
    let at = 0;
    for (let isFirst = true; isFirst || at < record.length; isFirst = false) {
      if (left < 7) {
        parts.push(new Uint8Array(left));
        left = 32_768;
      }
      const size = Math.min(record.length - at, left - 7);
      const isLast = at + size === record.length;
      const type = isFirst ? (isLast ? FULL : FIRST) : isLast ? LAST : MIDDLE;
      parts.push(fragment(type, record.subarray(at, at + size)));
      left -= 7 + size;
      at += size;
    }
  }
  return Buffer.concat(parts);
}

describe('parseManifest', () => {
  test('gives the tables that were added and not removed, with their sizes', () => {
    const first = full(1, ...bytesOf('leveldb.BytewiseComparator'), 2, 5, 9, 0, 3, 6, 4, 0xff, 0x7f, ...added(3));
    const second = full(5, 1, ...bytesOf('key'), ...removed(3), ...added(5), ...added(7));
    const moved = full(...removed(5), 7, 1, 5, 0x80, 1, 0, 0);
    expect(parseManifest(Buffer.concat([first, second, moved]))).toEqual(
      new Map([
        [7, 128],
        [5, 128],
      ]),
    );
    expect(parse()).toEqual([]);
  });

  test('puts records together that stand in several blocks, whatever is left of the first', () => {
    const long = Uint8Array.from([...added(1), ...comparator(70_000), ...added(2)]);
    for (let left = 0; left < 20; left++) {
      // Header, tag and length take 11 bytes.
      const filler = Uint8Array.from(comparator(32_768 - left - 11));
      expect(parse(journal([filler, long, Uint8Array.from(added(3))]))).toEqual([1, 2, 3]);
    }
  });

  test('leaves out a record that was being written', () => {
    const whole = journal([Uint8Array.from(added(1))]);
    const next = full(...added(2));
    for (let cut = 0; cut < next.length; cut++) expect(parse(whole, next.subarray(0, cut))).toEqual([1]);
    expect(parse(whole, fragment(FIRST, Uint8Array.from(added(2))))).toEqual([1]);
    expect(parse(whole, Buffer.alloc(1000))).toEqual([1]);
  });

  test('finds every flipped bit that does not make the last record one that was being written', () => {
    const bytes = Buffer.concat([full(...added(1)), full(...added(2))]);
    for (let bit = 0; bit < 8 * bytes.length; bit++) {
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      let found: number[] | undefined;
      try {
        found = parse(bytes);
      } catch (error) {
        expect(error).toMatchObject({ name: 'CoreError', code: 'store-corrupt' });
      }
      // A length that reaches behind the end.
      if (found !== undefined) expect(found).toEqual(bit >> 3 < bytes.length / 2 ? [] : [1]);
      bytes[bit >> 3]! ^= 1 << (bit & 7);
    }
  });

  test.for<[string, number[]]>([
    ['a tag that is unknown', [8, 1]],
    ['a key that is cut off', [7, 0, 1, 2, 3, 0x61]],
    ['a number that is cut off', [3, 0x80]],
    ['a number that is no safe integer', [3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]],
  ])('refuses %s, and says where', ([, edit]) => {
    const bytes = journal([Uint8Array.from(added(1)), Uint8Array.from(edit)]);
    expect(() => parse(bytes)).toThrow(CoreError);
    expect(() => parse(bytes)).toThrow(/offset 16/);
  });
});
