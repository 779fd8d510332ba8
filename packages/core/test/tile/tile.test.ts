import { formatTilePath, parseTilePath, partialTiles, tileWidth } from '@vitrine/core';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { refusal } from '../tree/support.ts';

test('paths are those of tlog-tiles', () => {
  expect(formatTilePath({ level: 0, index: 0, width: 256 })).toBe('tile/0/000');
  expect(formatTilePath({ level: 0, index: 1_234_067, width: 256 })).toBe('tile/0/x001/x234/067');
  expect(formatTilePath({ level: 1, index: 999, width: 255 })).toBe('tile/1/999.p/255');
  expect(formatTilePath({ level: 'entries', index: 1000, width: 1 })).toBe('tile/entries/x001/000.p/1');
  expect(formatTilePath({ level: 63, index: 5, width: 256 })).toBe('tile/63/005');
});

test('a tree of 70,000 leaves has the tiles that tlog-tiles counts', () => {
  expect(partialTiles(70_000)).toEqual([
    { level: 0, index: 273, width: 112 },
    { level: 1, index: 1, width: 17 },
    { level: 2, index: 0, width: 1 },
  ]);
  expect(tileWidth(0, 272, 70_000)).toBe(256);
  expect(tileWidth(0, 273, 70_000)).toBe(112);
  expect(tileWidth(0, 274, 70_000)).toBe(0);
  expect(tileWidth('entries', 273, 70_000)).toBe(112);
  expect(tileWidth(1, 0, 70_000)).toBe(256);
  // A tree of 256 leaves is one full tile and one partial tile above it.
  expect(partialTiles(256)).toEqual([{ level: 1, index: 0, width: 1 }]);
  expect(partialTiles(0)).toEqual([]);
});

test('each tile has one path, and each path of a tile is read', () => {
  const tiles = fc.record({
    level: fc.oneof(fc.integer({ min: 0, max: 63 }), fc.constant('entries' as const)),
    index: fc.maxSafeNat(),
    width: fc.integer({ min: 1, max: 256 }),
  });
  fc.assert(
    fc.property(tiles, (tile) => {
      expect(parseTilePath(formatTilePath(tile))).toEqual(tile);
    }),
  );
});

test.each([
  ['', 'nothing'],
  ['tile/0/0', 'too few digits'],
  ['tile/0/0000', 'too many digits'],
  ['tile/00/000', 'a level with a leading zero'],
  ['tile/64/000', 'a level above 63'],
  ['tile/-1/000', 'a negative level'],
  ['tile/0/x000/000', 'a needless group'],
  ['tile/0/001/234', 'a group without x'],
  ['tile/0/x001/x234', 'a last group with x'],
  ['tile/0/000.p/0', 'a width of 0'],
  ['tile/0/000.p/256', 'a partial tile of full width'],
  ['tile/0/000.p/01', 'a width with a leading zero'],
  ['tile/0/000.p/', 'no width'],
  ['tile/0/000/', 'a slash at the end'],
  ['/tile/0/000', 'a slash in front'],
  ['tile/data/000', 'another name than entries'],
  ['tile/0/x999/x999/x999/x999/x999/999', 'an index beyond 2^53 - 1'],
  ['tile/0/../../etc/passwd', 'a way out'],
])('%j is no path of a tile: %s', (path) => {
  expect(refusal(() => parseTilePath(path))).toBe('tile-malformed');
});

test('coordinates that no tile has are a mistake of the caller', () => {
  for (const tile of [
    { level: -1, index: 0, width: 1 },
    { level: 64, index: 0, width: 1 },
    { level: 0.5, index: 0, width: 1 },
    { level: 0, index: -1, width: 1 },
    { level: 0, index: 2 ** 53, width: 1 },
    { level: 0, index: 0, width: 0 },
    { level: 0, index: 0, width: 257 },
  ]) {
    expect(() => formatTilePath(tile)).toThrow(RangeError);
  }
});
