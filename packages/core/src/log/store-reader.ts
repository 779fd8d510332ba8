import { TILE_HEIGHT, TILE_WIDTH, tileWidth } from '../tile/tile.ts';
import { TileHashes, tileOfNode } from '../tile/tile-hashes.ts';
import type { HashReader, Node } from '../tree/hash-reader.ts';
import type { Store } from './store.ts';

// 16 kB each.
const MAX_KEPT_TILES = 512;

/** The hashes of a log's own tree, from its store. */
export class StoreReader implements HashReader {
  readonly #store: Store;
  readonly #size: () => number;
  readonly #tiles = new Map<string, TileHashes>();

  /** @param size leaves that the store has now */
  constructor(store: Store, size: () => number) {
    this.#store = store;
    this.#size = size;
  }

  async readHashes(nodes: readonly Node[]): Promise<Uint8Array[]> {
    const hashes: Uint8Array[] = [];
    for (const node of nodes) {
      const { level, index } = tileOfNode(node);
      const slots = 2 ** (node.level - TILE_HEIGHT * level);
      const width = ((node.index * slots) % TILE_WIDTH) + slots;
      // A copy, because proofs leave the log and tiles stay.
      hashes.push((await this.tile(level, index, width)).node(node).slice());
    }
    return hashes;
  }

  /** A tile with at least its first `width` hashes. */
  async tile(level: number, index: number, width: number): Promise<TileHashes> {
    const key = `${level}/${index}`;
    const kept = this.#tiles.get(key);
    if (kept !== undefined && kept.width >= width) return kept;
    const whole = Math.max(width, tileWidth(level, index, this.#size()));
    const tile = new TileHashes(await this.#store.readTile(level, index, whole));
    this.#tiles.delete(key);
    if (this.#tiles.size >= MAX_KEPT_TILES) this.#tiles.delete(this.#tiles.keys().next().value!);
    this.#tiles.set(key, tile);
    return tile;
  }
}
