import { HASH_SIZE, nodeHashInto } from '../tree/hash.ts';
import type { Node } from '../tree/hash-reader.ts';
import { TILE_HEIGHT, TILE_WIDTH } from './tile.ts';

/** The tile that holds a node of the tree, or the hashes that it is computed from. */
export function tileOfNode({ level, index }: Node): { level: number; index: number } {
  const tileLevel = Math.floor(level / TILE_HEIGHT);
  const height = level % TILE_HEIGHT;
  return { level: tileLevel, index: Math.floor((index * 2 ** height) / TILE_WIDTH) };
}

/** A tile's hashes with all perfect nodes above them, each computed once. */
export class TileHashes {
  /** Row k has the nodes of height k: 256 of height 0 in a full tile, down to its root of height 8. */
  readonly #rows: Uint8Array[];

  /** @param bytes the tile: 1 to 256 hashes, on end */
  constructor(bytes: Uint8Array) {
    this.#rows = [bytes];
    for (let row = bytes; row.length >= 2 * HASH_SIZE; ) {
      const parents = new Uint8Array(Math.floor(row.length / (2 * HASH_SIZE)) * HASH_SIZE);
      for (let at = 0; at < parents.length; at += HASH_SIZE) nodeHashInto(row, 2 * at, parents, at);
      this.#rows.push(parents);
      row = parents;
    }
  }

  /** Hashes in the tile. */
  get width(): number {
    return this.#rows[0]!.length / HASH_SIZE;
  }

  /** The tile as it was given. */
  get bytes(): Uint8Array {
    return this.#rows[0]!;
  }

  /** The hash of a node that {@link tileOfNode} finds in this tile. */
  node({ level, index }: Node): Uint8Array {
    const height = level % TILE_HEIGHT;
    return this.#at(height, index % 2 ** (TILE_HEIGHT - height));
  }

  /** The hash at `slot`, 0 to 255. */
  hash(slot: number): Uint8Array {
    return this.#at(0, slot);
  }

  /** The root of a full tile, which is a hash of the tile above it. */
  root(): Uint8Array {
    return this.#at(TILE_HEIGHT, 0);
  }

  #at(height: number, position: number): Uint8Array {
    const row = this.#rows[height];
    const at = position * HASH_SIZE;
    if (row === undefined || at + HASH_SIZE > row.length) {
      throw new RangeError(`a tile of width ${this.width} has no node ${position} of height ${height}`);
    }
    return row.subarray(at, at + HASH_SIZE);
  }
}
