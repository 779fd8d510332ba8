import { equalBytes } from '../bytes/equal.ts';
import { CoreError } from '../error.ts';
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
  readonly #reading = new Map<string, Promise<TileHashes>>();

  /** @param size leaves that the store has now */
  constructor(store: Store, size: () => number) {
    this.#store = store;
    this.#size = size;
  }

  async readHashes(nodes: readonly Node[]): Promise<Uint8Array[]> {
    return Promise.all(
      nodes.map(async (node) => {
        const { level, index } = tileOfNode(node);
        const slots = 2 ** (node.level - TILE_HEIGHT * level);
        const width = ((node.index * slots) % TILE_WIDTH) + slots;
        // A copy, because proofs leave the log and tiles stay.
        return (await this.tile(level, index, width)).node(node).slice();
      }),
    );
  }

  /**
   * A tile with at least its first `width` hashes. A full tile is checked against the hash of it in the tile above; the
   * others are the right edge of the tree, which was checked against the root when the log was opened.
   *
   * @throws CoreError `log-corrupt`
   */
  async tile(level: number, index: number, width: number): Promise<TileHashes> {
    const key = `${level}/${index}`;
    const kept = this.#tiles.get(key);
    if (kept !== undefined && kept.width >= width) return kept;
    const whole = Math.max(width, tileWidth(level, index, this.#size()));
    // Several proofs, and several hashes of one, want the same tiles at once.
    const name = `${key}.${whole}`;
    let reading = this.#reading.get(name);
    if (reading === undefined) {
      reading = this.#read(level, index, whole).finally(() => this.#reading.delete(name));
      this.#reading.set(name, reading);
    }
    return reading;
  }

  async #read(level: number, index: number, width: number): Promise<TileHashes> {
    const tile = new TileHashes(await this.#store.readTile(level, index, width));
    if (tile.width === TILE_WIDTH) {
      const slot = index % TILE_WIDTH;
      const above = await this.tile(level + 1, Math.floor(index / TILE_WIDTH), slot + 1);
      if (!equalBytes(above.hash(slot), tile.root())) {
        throw new CoreError(
          'log-corrupt',
          `tile ${index} of level ${level} does not hash to its parent: check the log with fsck`,
        );
      }
    }
    const key = `${level}/${index}`;
    this.#tiles.delete(key);
    if (this.#tiles.size >= MAX_KEPT_TILES) this.#tiles.delete(this.#tiles.keys().next().value!);
    this.#tiles.set(key, tile);
    return tile;
  }
}
