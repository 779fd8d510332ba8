import { TILE_HEIGHT, TILE_WIDTH } from '../tile/tile.ts';
import { type CompactRange, extendRange, type NewHashes, rangeRoot } from '../tree/compact-range.ts';
import { HASH_SIZE } from '../tree/hash.ts';
import type { EntryBatch } from './entry-batch.ts';
import type { Commit, Head, TileSegment } from './store.ts';

/** A tree with new entries behind its leaves, and what a store writes of them. */
export interface GrownTree {
  readonly range: CompactRange;
  readonly commit: Pick<Commit, 'expected' | 'head' | 'tiles' | 'bundles'>;
}

/** Puts entries behind the leaves of a tree. */
export function growTree(before: CompactRange, entries: EntryBatch): GrownTree {
  const { range, levels } = extendRange(before, entries.leafHashes);
  return {
    range,
    commit: {
      expected: headOf(before),
      head: headOf(range),
      tiles: levels.filter(({ level }) => level % TILE_HEIGHT === 0).flatMap(tileSegments),
      bundles: entries.segments(before.size),
    },
  };
}

/** The head of the tree that a range stands for. */
export function headOf(range: CompactRange): Head {
  return { size: range.size, root: rangeRoot(range) };
}

/** Splits a level's new hashes where tiles end. */
function tileSegments({ level, start, hashes }: NewHashes): TileSegment[] {
  const segments: TileSegment[] = [];
  const count = hashes.length / HASH_SIZE;
  for (let from = 0; from < count; ) {
    const slot = (start + from) % TILE_WIDTH;
    const to = Math.min(count, from + TILE_WIDTH - slot);
    segments.push({
      level: level / TILE_HEIGHT,
      index: Math.floor((start + from) / TILE_WIDTH),
      start: slot,
      bytes: hashes.subarray(from * HASH_SIZE, to * HASH_SIZE),
    });
    from = to;
  }
  return segments;
}
