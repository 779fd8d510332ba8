import {
  EMPTY_ROOT,
  formatBundle,
  formatTilePath,
  leafHash,
  parseTilePath,
  proveConsistency,
  proveInclusion,
  type TileCache,
  TileReader,
  treeRoot,
} from '@vitrine/core';
import { ReferenceTree } from '@vitrine/testkit';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { entriesOf, refusalOf } from '../tree/support.ts';

const LARGEST = 70_000;
const entries = entriesOf(LARGEST);
const tree = new ReferenceTree(entries);

/** Serves the tiles of the tree of `size` leaves, computed from the reference tree; remembers what was fetched. */
class Server {
  readonly fetched: string[] = [];
  readonly replaced = new Map<string, Uint8Array | undefined>();
  readonly size: number;

  constructor(size: number) {
    this.size = size;
  }

  fetchTile = async (path: string): Promise<Uint8Array | undefined> => {
    this.fetched.push(path);
    if (this.replaced.has(path)) return this.replaced.get(path);
    return this.tile(path);
  };

  tile(path: string): Uint8Array | undefined {
    const { level, index, width } = parseTilePath(path);
    const leaves = level === 'entries' ? 1 : 256 ** level;
    if ((index * 256 + width) * leaves > this.size) return undefined;
    const items = Array.from({ length: width }, (_, i) => index * 256 + i);
    if (level === 'entries') return formatBundle(items.map((i) => entries[i]!));
    return Buffer.concat(items.map((i) => tree.hash(i * leaves, (i + 1) * leaves)));
  }

  reader(cache?: TileCache): TileReader {
    const base = { size: this.size, root: tree.root(this.size), fetchTile: this.fetchTile };
    return new TileReader(cache === undefined ? base : { ...base, cache });
  }
}

class MapCache implements TileCache {
  readonly tiles = new Map<string, Uint8Array>();
  async get(path: string): Promise<Uint8Array | undefined> {
    return this.tiles.get(path);
  }
  async set(path: string, tile: Uint8Array): Promise<void> {
    this.tiles.set(path, tile);
  }
}

const flipped = (bytes: Uint8Array, at: number): Uint8Array => Uint8Array.from(bytes).with(at, bytes[at]! ^ 1);

describe('what is in the tiles', () => {
  test.each([1, 2, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537, LARGEST])(
    'a tree of %i leaves is proven from its tiles',
    async (size) => {
      const reader = new Server(size).reader();
      expect(await treeRoot(size, reader)).toEqual(tree.root(size));
      for (const index of new Set([0, 1, size >> 1, size - 1].filter((i) => i < size))) {
        expect(await proveInclusion(index, size, reader)).toEqual(tree.path(index, 0, size));
      }
      for (const old of new Set([0, 1, size >> 1, size - 1, size])) {
        expect(await proveConsistency(old, size, reader)).toEqual(tree.consistency(old, size));
      }
    },
  );

  test('random proofs, of earlier sizes too, are those of the reference tree', async () => {
    const reader = new Server(LARGEST).reader();
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: LARGEST }), fc.nat(), async (size, seed) => {
        const index = seed % size;
        expect(await proveInclusion(index, size, reader)).toEqual(tree.path(index, 0, size));
        expect(await proveConsistency(index, size, reader)).toEqual(tree.consistency(index, size));
      }),
      { numRuns: 60 },
    );
  });

  test('entries are read and hash to their leaves', async () => {
    const reader = new Server(70_000).reader();
    expect((await reader.readBundle(0)).map((entry) => Buffer.from(entry).toString())).toEqual(
      entries.slice(0, 256).map((entry) => Buffer.from(entry).toString()),
    );
    expect(await reader.readBundle(273)).toHaveLength(112);
    expect(await refusalOf(() => reader.readBundle(274))).toBe('proof-range');
  });

  test('an empty tree has the empty root, and no tiles', async () => {
    const server = new Server(0);
    expect(await treeRoot(0, server.reader())).toEqual(EMPTY_ROOT);
    expect(server.fetched).toEqual([]);
    expect(await refusalOf(() => server.reader().readHashes([{ level: 0, index: 0 }]))).toBe('proof-range');
  });

  test('a node outside the tree is refused before anything is fetched', async () => {
    const server = new Server(300);
    expect(await refusalOf(() => server.reader().readHashes([{ level: 0, index: 300 }]))).toBe('proof-range');
    expect(await refusalOf(() => server.reader().readHashes([{ level: 8, index: 1 }]))).toBe('proof-range');
    expect(server.fetched).toEqual([]);
  });

  test('each tile is fetched once, also by many readers of one reader at once', async () => {
    const server = new Server(LARGEST);
    const reader = server.reader();
    await Promise.all(Array.from({ length: 50 }, (_, i) => proveInclusion(i * 1000, LARGEST, reader)));
    expect(new Set(server.fetched).size).toBe(server.fetched.length);
  });
});

describe('a server that lies', () => {
  test('no bit of any tile can be changed: every tile on every path is authenticated up to the root', async () => {
    // CVE-2026-56865: Go's client left the first full tiles unchecked where the tree had fewer partial tiles than it
    // counted. So every tile that any proof fetches is changed once, in trees with one, two and three partial tiles.
    for (const size of [255, 256, 300, 65_536, 65_537, LARGEST]) {
      for (const index of [0, Math.min(255, size - 1), 256 % size, (size - 1) >> 1, size - 1]) {
        const honest = new Server(size);
        await proveInclusion(index, size, honest.reader());
        for (const path of new Set(honest.fetched)) {
          const lying = new Server(size);
          const tile = lying.tile(path)!;
          for (const at of [0, tile.length >> 1, tile.length - 1]) {
            lying.replaced.set(path, flipped(tile, at));
            expect(await refusalOf(() => proveInclusion(index, size, lying.reader())), `${path} of ${size}`).toBe(
              'tile-mismatch',
            );
          }
        }
      }
    }
  });

  test('no hash is taken from a tile before it is authenticated', async () => {
    // CVE-2026-56864: hashes taken from unauthenticated bytes. The lie is outside of what the proof needs, in the
    // same tile: a reader that looks before it checks would hand out the honest hashes beside it.
    const lying = new Server(1000);
    lying.replaced.set('tile/0/000', flipped(lying.tile('tile/0/000')!, 200 * 32));
    expect(await refusalOf(() => lying.reader().readHashes([{ level: 0, index: 3 }]))).toBe('tile-mismatch');
    expect(await lying.reader().readHashes([{ level: 0, index: 300 }])).toEqual([tree.leafHash(300)]);
  });

  test('a tile of another place is refused', async () => {
    const lying = new Server(1000);
    lying.replaced.set('tile/0/000', lying.tile('tile/0/001'));
    expect(await refusalOf(() => lying.reader().readHashes([{ level: 0, index: 3 }]))).toBe('tile-mismatch');
  });

  test("a whole tree that is consistent in itself and not the checkpoint's is refused", async () => {
    const other = new ReferenceTree(entriesOf(300).reverse());
    const server = new Server(300);
    const reader = new TileReader({ size: 300, root: other.root(300), fetchTile: server.fetchTile });
    expect(await refusalOf(() => reader.readHashes([{ level: 0, index: 3 }]))).toBe('tile-mismatch');
    const empty = { size: 0, root: tree.root(1), fetchTile: server.fetchTile };
    expect(await refusalOf(async () => new TileReader(empty))).toBe('tile-mismatch');
  });

  test('tiles of a wrong length are refused, and more bytes than a tile has are not looked at', async () => {
    for (const length of [0, 31, 8191, 8193]) {
      const lying = new Server(1000);
      lying.replaced.set('tile/0/000', new Uint8Array(length));
      expect(await refusalOf(() => lying.reader().readHashes([{ level: 0, index: 3 }]))).toBe('tile-malformed');
    }
  });

  test('an entry that does not hash to its leaf is refused, and so is a bundle that is none', async () => {
    const lying = new Server(300);
    const bundle = lying.tile('tile/entries/000')!;
    lying.replaced.set('tile/entries/000', flipped(bundle, bundle.length - 1));
    expect(await refusalOf(() => lying.reader().readBundle(0))).toBe('tile-mismatch');
    lying.replaced.set('tile/entries/000', bundle.subarray(0, -1));
    expect(await refusalOf(() => lying.reader().readBundle(0))).toBe('bundle-malformed');
    lying.replaced.set('tile/entries/000', undefined);
    expect(await refusalOf(() => lying.reader().readBundle(0))).toBe('tile-missing');
    lying.replaced.set('tile/entries/000', new Uint8Array(256 * 65_537 + 1));
    expect(await refusalOf(() => lying.reader().readBundle(0))).toBe('tile-malformed');
  });

  test('who changes the bytes after handing them over changes nothing', async () => {
    const server = new Server(300);
    const handed: Uint8Array[] = [];
    const fetchTile = async (path: string): Promise<Uint8Array | undefined> => {
      const tile = await server.fetchTile(path);
      if (tile !== undefined) handed.push(tile);
      return tile;
    };
    const reader = new TileReader({ size: 300, root: tree.root(300), fetchTile });
    await reader.readHashes([{ level: 0, index: 3 }]);
    const [entry] = await reader.readBundle(0);
    for (const tile of handed) tile.fill(0);
    expect(await reader.readHashes([{ level: 0, index: 4 }])).toEqual([tree.leafHash(4)]);
    expect(leafHash(entry!)).toEqual(tree.leafHash(0));
  });

  test('a failure is not remembered: the next call asks again', async () => {
    const server = new Server(300);
    server.replaced.set('tile/0/000', flipped(server.tile('tile/0/000')!, 0));
    const reader = server.reader();
    expect(await refusalOf(() => reader.readHashes([{ level: 0, index: 3 }]))).toBe('tile-mismatch');
    server.replaced.clear();
    expect(await reader.readHashes([{ level: 0, index: 3 }])).toEqual([tree.leafHash(3)]);
    server.replaced.set('tile/0/001.p/44', new Uint8Array(44 * 32));
    const second = server.reader();
    expect(await refusalOf(() => second.readHashes([{ level: 0, index: 299 }]))).toBe('tile-mismatch');
    server.replaced.clear();
    expect(await second.readHashes([{ level: 0, index: 299 }])).toEqual([tree.leafHash(299)]);
  });
});

describe('partial tiles', () => {
  test('a log that deleted them is read from the full tiles', async () => {
    // The log has grown since: the checkpoint is of 300 entries, the tiles are of 600.
    const grown = new Server(600);
    grown.replaced.set('tile/0/001.p/44', undefined);
    grown.replaced.set('tile/entries/001.p/44', undefined);
    const reader = new TileReader({ size: 300, root: tree.root(300), fetchTile: grown.fetchTile });
    expect(await proveInclusion(299, 300, reader)).toEqual(tree.path(299, 0, 300));
    expect(await reader.readBundle(1)).toHaveLength(44);
    expect(grown.fetched).toContain('tile/0/001');
  });

  test('one whose full tile is not there either is missing', async () => {
    const server = new Server(300);
    server.replaced.set('tile/0/001.p/44', undefined);
    expect(await refusalOf(() => server.reader().readHashes([{ level: 0, index: 3 }]))).toBe('tile-missing');
    const full = new Server(300);
    full.replaced.set('tile/0/000', undefined);
    expect(await refusalOf(() => full.reader().readHashes([{ level: 0, index: 3 }]))).toBe('tile-missing');
  });

  test('the hashes behind those that the checkpoint covers are not used', async () => {
    const grown = new Server(600);
    grown.replaced.set('tile/0/001.p/44', undefined);
    grown.replaced.set('tile/0/001', flipped(grown.tile('tile/0/001')!, 44 * 32));
    const reader = new TileReader({ size: 300, root: tree.root(300), fetchTile: grown.fetchTile });
    expect(await reader.readHashes([{ level: 0, index: 299 }])).toEqual([tree.leafHash(299)]);
    expect(await refusalOf(() => reader.readHashes([{ level: 0, index: 300 }]))).toBe('proof-range');
  });
});

describe('a cache', () => {
  test('spares the network what was authenticated', async () => {
    const cache = new MapCache();
    const first = new Server(70_000);
    const proof = await proveInclusion(5, 70_000, first.reader(cache));
    expect([...cache.tiles.keys()].sort()).toEqual([...new Set(first.fetched)].sort());
    const second = new Server(70_000);
    expect(await proveInclusion(5, 70_000, second.reader(cache))).toEqual(proof);
    expect(second.fetched).toEqual([]);
  });

  test('is not trusted: what it got wrong is fetched and replaced', async () => {
    for (const path of ['tile/0/000', 'tile/1/000', 'tile/0/273.p/112', 'tile/1/001.p/17', 'tile/2/000.p/1']) {
      const cache = new MapCache();
      const server = new Server(70_000);
      const proof = await proveInclusion(5, 70_000, server.reader(cache));
      const honest = cache.tiles.get(path)!;
      for (const wrong of [flipped(honest, 7), honest.subarray(1), new Uint8Array(0)]) {
        cache.tiles.set(path, wrong);
        server.fetched.length = 0;
        expect(await proveInclusion(5, 70_000, server.reader(cache))).toEqual(proof);
        expect(server.fetched).toContain(path);
        expect(cache.tiles.get(path)).toEqual(honest);
      }
    }
  });

  test('never gets a tile that was refused', async () => {
    const cache = new MapCache();
    const lying = new Server(1000);
    lying.replaced.set('tile/0/000', flipped(lying.tile('tile/0/000')!, 0));
    await refusalOf(() => lying.reader(cache).readHashes([{ level: 0, index: 3 }]));
    expect(cache.tiles.has('tile/0/000')).toBe(false);
    const edge = new Server(1000);
    edge.replaced.set('tile/0/003.p/232', new Uint8Array(232 * 32));
    const other = new MapCache();
    await refusalOf(() => edge.reader(other).readHashes([{ level: 0, index: 3 }]));
    expect([...other.tiles.keys()]).toEqual([]);
  });
});

describe('what belongs to whom', () => {
  test('who changes an answer changes no later one', async () => {
    const reader = new Server(1000).reader();
    for (const index of [3, 999]) {
      const [hash] = await reader.readHashes([{ level: 0, index }]);
      hash!.fill(0);
      expect(await reader.readHashes([{ level: 0, index }])).toEqual([tree.leafHash(index)]);
    }
  });

  test('a cache that changes its memory, or what it was given, changes no answer', async () => {
    const cache = new MapCache();
    await proveInclusion(3, 1000, new Server(1000).reader(cache));
    const cached = new Server(1000).reader(cache);
    await cached.readHashes([{ level: 0, index: 3 }]);
    for (const tile of cache.tiles.values()) tile.fill(0);
    expect(await cached.readHashes([{ level: 0, index: 4 }])).toEqual([tree.leafHash(4)]);
    const spoiling: TileCache = {
      get: async () => undefined,
      set: async (_, tile) => {
        tile.fill(0);
      },
    };
    const spoiled = new Server(1000).reader(spoiling);
    expect(await spoiled.readHashes([{ level: 0, index: 3 }])).toEqual([tree.leafHash(3)]);
    expect(await spoiled.readHashes([{ level: 0, index: 999 }])).toEqual([tree.leafHash(999)]);
  });

  test('a cache that fails is as good as none', async () => {
    const failing: TileCache = {
      get: () => Promise.reject(new Error('quota')),
      set: () => Promise.reject(new Error('quota')),
    };
    expect(await proveInclusion(3, 1000, new Server(1000).reader(failing))).toEqual(tree.path(3, 0, 1000));
  });

  test('positions that are none are refused before anything is fetched', async () => {
    const server = new Server(1000);
    const reader = server.reader();
    for (const bad of [-1, 0.5, Number.NaN, 2 ** 53]) {
      expect(await refusalOf(() => reader.readBundle(bad))).toBe('proof-range');
      expect(await refusalOf(() => reader.readHashes([{ level: 0, index: bad }]))).toBe('proof-range');
      expect(await refusalOf(() => reader.readHashes([{ level: bad, index: 0 }]))).toBe('proof-range');
    }
    expect(server.fetched).toEqual([]);
  });
});

test('tiles are asked for by paths of tlog-tiles only', async () => {
  const server = new Server(70_000);
  await proveInclusion(69_999, 70_000, server.reader());
  for (const path of server.fetched) expect(formatTilePath(parseTilePath(path))).toBe(path);
});
