import { CoreError } from '../error.ts';

/** Levels of the tree that one level of tiles spans. https://c2sp.org/tlog-tiles#merkle-tree */
export const TILE_HEIGHT = 8;

/** Hashes in a full tile, and entries in a full entry bundle. */
export const TILE_WIDTH = 256;

/** Highest tile level that a path can name. */
const MAX_TILE_LEVEL = 63;

/**
 * One tile of hashes, or of entries where the level is `entries` (an entry bundle).
 *
 * `width` is 1 to 256; below 256 the tile is partial, and a prefix of the full tile.
 */
export interface Tile {
  readonly level: number | 'entries';
  readonly index: number;
  readonly width: number;
}

/**
 * Hashes in the tile `index` of `level` in the tree of `size` leaves: 256 for a full one, 0 if the tree does not have it.
 */
export function tileWidth(level: number | 'entries', index: number, size: number): number {
  const hashes = Math.floor(size / TILE_WIDTH ** (level === 'entries' ? 0 : level));
  return Math.max(0, Math.min(TILE_WIDTH, hashes - index * TILE_WIDTH));
}

/** The partial tiles of a tree of `size` leaves, from the leaves up: its right edge, and none for an empty tree. */
export function partialTiles(size: number): (Tile & { level: number })[] {
  const tiles: (Tile & { level: number })[] = [];
  for (let level = 0, hashes = size; hashes > 0; level++, hashes = Math.floor(hashes / TILE_WIDTH)) {
    const width = hashes % TILE_WIDTH;
    if (width > 0) tiles.push({ level, index: Math.floor(hashes / TILE_WIDTH), width });
  }
  return tiles;
}

/**
 * The path of a tile below a log's prefix, for example `tile/0/x001/x234/067.p/112` or `tile/entries/000`.
 *
 * @throws RangeError for a level, index or width that no tile has
 */
export function formatTilePath({ level, index, width }: Tile): string {
  if (level !== 'entries' && !(Number.isInteger(level) && level >= 0 && level <= MAX_TILE_LEVEL)) {
    throw new RangeError(`a tile's level is 0 to ${MAX_TILE_LEVEL}, not ${level}`);
  }
  if (!Number.isSafeInteger(index) || index < 0) throw new RangeError(`a tile's index is not ${index}`);
  if (!Number.isInteger(width) || width < 1 || width > TILE_WIDTH) {
    throw new RangeError(`a tile's width is 1 to ${TILE_WIDTH}, not ${width}`);
  }
  const digits = String(index);
  const groups = digits.padStart(Math.ceil(digits.length / 3) * 3, '0').match(/.{3}/g)!;
  const path = groups.map((group, i) => (i < groups.length - 1 ? `x${group}` : group)).join('/');
  return `tile/${level}/${path}${width < TILE_WIDTH ? `.p/${width}` : ''}`;
}

const PATH = /^tile\/(entries|[0-9]{1,2})\/((?:x[0-9]{3}\/){0,5}[0-9]{3})(?:\.p\/([0-9]{1,3}))?$/;

/**
 * Reads a path that {@link formatTilePath} writes, and no other.
 *
 * @throws CoreError `tile-malformed`
 */
export function parseTilePath(path: string): Tile {
  const match = PATH.exec(path);
  if (match !== null) {
    const level = match[1] === 'entries' ? ('entries' as const) : Number(match[1]);
    const index = Number(match[2]!.replaceAll(/[x/]/g, ''));
    const width = match[3] === undefined ? TILE_WIDTH : Number(match[3]);
    const tile = { level, index, width };
    const inRange =
      (level === 'entries' || level <= MAX_TILE_LEVEL) &&
      Number.isSafeInteger(index) &&
      width >= 1 &&
      width <= TILE_WIDTH;
    // Leading zeroes, needless groups and a `.p/256` are other spellings of one tile: only one is taken.
    if (inRange && formatTilePath(tile) === path) return tile;
  }
  throw new CoreError('tile-malformed', `"${path.slice(0, 100)}" is not the path of a tile`);
}
