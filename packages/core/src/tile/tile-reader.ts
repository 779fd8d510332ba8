import { equalBytes } from '../bytes/equal.ts';
import { CoreError, ProofError } from '../error.ts';
import { EMPTY_ROOT, HASH_SIZE, leafHash } from '../tree/hash.ts';
import type { HashReader, Node } from '../tree/hash-reader.ts';
import { coveringNodes, foldHashes } from '../tree/interval.ts';
import { MAX_BUNDLE_SIZE, parseBundle } from './entry-bundle.ts';
import { formatTilePath, partialTiles, TILE_WIDTH, type Tile, tileWidth } from './tile.ts';
import { TileHashes, tileOfNode } from './tile-hashes.ts';

/**
 * Resolves to what is at `path` below the log's prefix, or to undefined if nothing is there: status 404, or a file that
 * does not exist (`ENOENT`). It must not throw then: a log may delete a partial tile once its full tile exists.
 */
export type FetchTile = (path: string) => Promise<Uint8Array | undefined>;

/** Keeps tiles between readers. What comes out of it is authenticated just like what comes from the network. */
export interface TileCache {
  get(path: string): Promise<Uint8Array | undefined>;
  /** Called with authenticated tiles only. */
  set(path: string, tile: Uint8Array): Promise<void>;
}

// Expanded tiles take 16 kB each.
const MAX_KEPT_TILES = 1024;

const isIndex = (n: number): boolean => Number.isSafeInteger(n) && n >= 0;

/**
 * Reads the hashes and entries of one tree from its tiles, over anything that can fetch a path.
 *
 * Not a byte of a tile is used before it is authenticated. The partial tiles are the tree's right edge: together they
 * must give the checkpoint's root, so all of them are fetched first. Every full tile must then hash to its place in the
 * tile above it, which was authenticated in the same way. An entry must hash to its place in the tile of leaves.
 *
 * Pass it to `proveInclusion` and its siblings, for any size up to the reader's.
 */
export class TileReader implements HashReader {
  readonly size: number;
  readonly root: Uint8Array;
  readonly #fetch: FetchTile;
  readonly #cache: TileCache | undefined;
  readonly #tiles = new Map<string, Promise<TileHashes>>();
  #edge: Promise<Map<number, TileHashes>> | undefined;

  /**
   * @param options.size and `root`: those of one verified checkpoint
   * @throws CoreError `tile-mismatch` for a tree without leaves that has another root than the empty one
   */
  constructor({
    size,
    root,
    fetchTile,
    cache,
  }: { size: number; root: Uint8Array; fetchTile: FetchTile; cache?: TileCache }) {
    if (!Number.isSafeInteger(size) || size < 0) throw new RangeError(`size must be a safe integer, not ${size}`);
    if (root.length !== HASH_SIZE) throw new RangeError(`root must be ${HASH_SIZE} bytes`);
    // There are no tiles to find it out from.
    if (size === 0 && !equalBytes(root, EMPTY_ROOT)) {
      throw new CoreError('tile-mismatch', 'the root of the tree without leaves is the hash of the empty string');
    }
    this.size = size;
    this.root = new Uint8Array(root);
    this.#fetch = fetchTile;
    this.#cache = cache;
  }

  /**
   * @throws ProofError `proof-range` for a node outside the tree
   * @throws CoreError `tile-missing`, `tile-malformed` for a tile of a wrong size, `tile-mismatch` for one that is not of
   * this tree
   */
  async readHashes(nodes: readonly Node[]): Promise<Uint8Array[]> {
    for (const { level, index } of nodes) {
      if (!isIndex(level) || !isIndex(index) || (index + 1) * 2 ** level > this.size) {
        throw new ProofError('proof-range', `node ${index} of level ${level} is not in a tree of ${this.size} leaves`);
      }
    }
    return Promise.all(
      nodes.map(async (node) => {
        const { level, index } = tileOfNode(node);
        // A copy: what the caller does with it must not reach the tile.
        return (await this.#tile(level, index)).node(node).slice();
      }),
    );
  }

  /**
   * The hashes of one tile, as many as the tree has of it, on end.
   *
   * @throws CoreError as {@link readHashes}
   */
  async readTile(level: number, index: number): Promise<Uint8Array> {
    const width = isIndex(level) && isIndex(index) ? tileWidth(level, index, this.size) : 0;
    if (width === 0) {
      throw new ProofError('proof-range', `tile ${index} of level ${level} is not in a tree of ${this.size} leaves`);
    }
    return (await this.#tile(level, index)).bytes.slice();
  }

  /**
   * The entries of one bundle, as many as the tree has of it: 256, or fewer in the last.
   *
   * @throws CoreError as {@link readHashes}; `bundle-malformed` for a bundle that does not hold them
   */
  async readBundle(index: number): Promise<Uint8Array[]> {
    const width = isIndex(index) ? tileWidth('entries', index, this.size) : 0;
    if (width === 0) throw new ProofError('proof-range', `bundle ${index} is not in a tree of ${this.size} leaves`);
    const leaves = this.#tile(0, index);
    const [entries] = await Promise.all([this.#fetchBundle(index, width), leaves]);
    const hashes = await leaves;
    entries.forEach((entry, slot) => {
      if (!equalBytes(leafHash(entry), hashes.hash(slot))) {
        throw new CoreError('tile-mismatch', `entry ${index * TILE_WIDTH + slot} does not hash to its leaf`);
      }
    });
    return entries;
  }

  async #fetchBundle(index: number, width: number): Promise<Uint8Array[]> {
    const partial = await this.#fetchBounded({ level: 'entries', index, width }, MAX_BUNDLE_SIZE);
    if (partial !== undefined) return parseBundle(new Uint8Array(partial), width);
    const full = await this.#fetchFull({ level: 'entries', index, width }, MAX_BUNDLE_SIZE);
    return parseBundle(new Uint8Array(full), TILE_WIDTH).slice(0, width);
  }

  /** A tile that was authenticated against the one above it, and so on up to the root. */
  #tile(level: number, index: number): Promise<TileHashes> {
    const width = tileWidth(level, index, this.size);
    if (width < TILE_WIDTH) return this.#edgeTiles().then((tiles) => tiles.get(level)!);
    const key = `${level}/${index}`;
    let tile = this.#tiles.get(key);
    if (tile === undefined) {
      tile = this.#fullTile(level, index);
      // A failure is not kept: the next call may find a server that answers.
      tile.catch(() => this.#tiles.delete(key));
      if (this.#tiles.size >= MAX_KEPT_TILES) this.#tiles.delete(this.#tiles.keys().next().value!);
      this.#tiles.set(key, tile);
    }
    return tile;
  }

  async #fullTile(level: number, index: number): Promise<TileHashes> {
    const tile = { level, index, width: TILE_WIDTH };
    const parent = this.#tile(level + 1, Math.floor(index / TILE_WIDTH));
    const fetched = this.#fetchHashes(tile, true);
    // Both are under way; whichever fails first must not leave the other unheard.
    const [above, { bytes, fromCache }] = await Promise.all([parent, fetched]);
    const expected = above.hash(index % TILE_WIDTH);
    let hashes = new TileHashes(bytes);
    let cached = fromCache;
    if (fromCache && !equalBytes(hashes.root(), expected)) {
      cached = false;
      hashes = new TileHashes((await this.#fetchHashes(tile, false)).bytes);
    }
    if (!equalBytes(hashes.root(), expected)) {
      throw new CoreError('tile-mismatch', `${formatTilePath(tile)} does not hash to its place in the tile above it`);
    }
    if (!cached) await this.#keep(formatTilePath(tile), hashes.bytes);
    return hashes;
  }

  #edgeTiles(): Promise<Map<number, TileHashes>> {
    if (this.#edge === undefined) {
      this.#edge = this.#fetchEdge();
      this.#edge.catch(() => {
        this.#edge = undefined;
      });
    }
    return this.#edge;
  }

  async #fetchEdge(): Promise<Map<number, TileHashes>> {
    const tiles = partialTiles(this.size);
    const fetchAll = (useCache: boolean) => Promise.all(tiles.map((tile) => this.#fetchHashes(tile, useCache)));
    let fetched = await fetchAll(true);
    let edge = this.#verifiedEdge(fetched);
    if (edge === undefined && fetched.some(({ fromCache }) => fromCache)) {
      fetched = await fetchAll(false);
      edge = this.#verifiedEdge(fetched);
    }
    if (edge === undefined) {
      const paths = tiles.map(formatTilePath).join(', ');
      throw new CoreError(
        'tile-mismatch',
        `${paths} do not hash to the checkpoint's root: at least one of them is not of this tree`,
      );
    }
    await Promise.all(
      fetched.map(({ tile, bytes, fromCache }) => (fromCache ? undefined : this.#keep(formatTilePath(tile), bytes))),
    );
    return edge;
  }

  /** The partial tiles by level, if together they give the root. */
  #verifiedEdge(fetched: readonly { tile: Tile; bytes: Uint8Array }[]): Map<number, TileHashes> | undefined {
    const tiles = new Map(fetched.map(({ tile, bytes }) => [tile.level as number, new TileHashes(bytes)]));
    const hashes = coveringNodes({ start: 0, end: this.size }).map((node) =>
      tiles.get(tileOfNode(node).level)!.node(node),
    );
    return equalBytes(foldHashes(hashes), this.root) ? tiles : undefined;
  }

  /** A cache that fails is one that has nothing: the log can still be read. */
  async #cached(path: string): Promise<Uint8Array | undefined> {
    try {
      return await this.#cache?.get(path);
    } catch {
      return undefined;
    }
  }

  async #keep(path: string, authenticated: Uint8Array): Promise<void> {
    try {
      await this.#cache?.set(path, authenticated.slice());
    } catch {
      // As above: what was read is good, whether or not it can be kept.
    }
  }

  async #fetchHashes(tile: Tile, useCache: boolean): Promise<{ tile: Tile; bytes: Uint8Array; fromCache: boolean }> {
    const length = tile.width * HASH_SIZE;
    const cached = useCache ? await this.#cached(formatTilePath(tile)) : undefined;
    if (cached?.length === length) return { tile, bytes: new Uint8Array(cached), fromCache: true };
    const fetched = await this.#fetchBounded(tile, length);
    const bytes = fetched ?? (await this.#fetchFull(tile, TILE_WIDTH * HASH_SIZE));
    const expected = fetched === undefined ? TILE_WIDTH * HASH_SIZE : length;
    if (bytes.length !== expected) {
      throw new CoreError('tile-malformed', `${formatTilePath(tile)} has ${bytes.length} bytes instead of ${expected}`);
    }
    // A copy, which slice() of a Buffer is not: whoever fetched must not be able to change what was authenticated.
    return { tile, bytes: new Uint8Array(bytes.subarray(0, length)), fromCache: false };
  }

  /** Logs may delete a partial tile once the full one exists. https://c2sp.org/tlog-tiles#partial-tiles */
  async #fetchFull(tile: Tile, limit: number): Promise<Uint8Array> {
    const full = tile.width < TILE_WIDTH ? await this.#fetchBounded({ ...tile, width: TILE_WIDTH }, limit) : undefined;
    if (full === undefined) throw new CoreError('tile-missing', `the log does not have ${formatTilePath(tile)}`);
    return full;
  }

  async #fetchBounded(tile: Tile, limit: number): Promise<Uint8Array | undefined> {
    const bytes = await this.#fetch(formatTilePath(tile));
    if (bytes !== undefined && bytes.length > limit) {
      throw new CoreError('tile-malformed', `${formatTilePath(tile)} has ${bytes.length} bytes, more than ${limit}`);
    }
    return bytes;
  }
}
