import { setImmediate } from 'node:timers/promises';
import { CoreError } from '../error.ts';
import { indexEntryOf } from '../log-index/index-entry.ts';
import type { IndexMapping } from '../log-index/index-mapping.ts';
import { parseBundle } from '../tile/entry-bundle.ts';
import { TILE_WIDTH, tileWidth } from '../tile/tile.ts';
import { HASH_SIZE } from '../tree/hash.ts';
import type { DerivedPair } from './admission.ts';
import { checkVersion } from './check-version.ts';
import { IndexTree } from './index-tree.ts';
import { type IndexExtension, type IndexedEntry, Indexer } from './indexer.ts';
import { mapKey } from './map-key.ts';
import type { Store } from './store.ts';

/** What an index entry must have said, and what was derived with it. */
export interface ReplayedVersion {
  readonly version: number;
  readonly extension: IndexExtension;
}

/** What an {@link IndexReplay} is made of. */
export interface IndexReplayOptions {
  readonly store: Store;
  readonly mapping: IndexMapping;
  /** Entries of the log. */
  readonly size: number;
  /** What this version and earlier ones replaced is not kept. */
  readonly collected: number;
  readonly onProgress?: ((done: number) => void) | undefined;
}

/**
 * Derives an index from the entries of a log again, in memory, and compares every index entry with it. Memory grows with the
 * streams and subjects, and with what is kept of older versions.
 */
export class IndexReplay {
  /** The nodes and records that a store has to have, by key. */
  readonly kept: Map<string, DerivedPair> = new Map();
  readonly #options: IndexReplayOptions;

  constructor(options: IndexReplayOptions) {
    this.#options = options;
  }

  /**
   * Goes through the log's entries.
   *
   * @throws CoreError `log-corrupt` that names the first index entry that is wrong
   */
  async *run(): AsyncGenerator<ReplayedVersion, void, undefined> {
    const { mapping, size, collected } = this.#options;
    const read = async (keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> =>
      keys.map((key) => this.kept.get(mapKey(key))?.[1]);
    const indexer = new Indexer({ mapping, tree: new IndexTree(read), read, at: undefined });
    let start = 0;
    let entries: IndexedEntry[] = [];
    for await (const { entry, leafHash } of this.#entries()) {
      const found = indexEntryOf(entry);
      if (found === undefined) {
        entries.push({ entry, leafHash });
        continue;
      }
      const version = start + entries.length;
      const extension = await checkVersion(indexer, { entries, start, found }, wrong);
      for (const pair of extension.versioned) this.kept.set(mapKey(pair[0]), pair);
      if (version <= collected) for (const key of extension.replaced) this.kept.delete(mapKey(key));
      yield { version, extension };
      start = version + 1;
      entries = [];
    }
    if (start !== size)
      throw new CoreError('log-corrupt', `the log does not end with an index entry: ${size - start} follow it`);
  }

  async *#entries(): AsyncGenerator<IndexedEntry, void, undefined> {
    const { store, size, onProgress } = this.#options;
    for (let index = 0; index * TILE_WIDTH < size; index++) {
      const width = tileWidth('entries', index, size);
      const hashes = await store.readTile(0, index, width);
      const bundle = parseBundle(await store.readBundle(index, width), width);
      for (const [slot, entry] of bundle.entries()) {
        yield { entry, leafHash: hashes.slice(slot * HASH_SIZE, (slot + 1) * HASH_SIZE) };
      }
      onProgress?.(index * TILE_WIDTH + width);
      // The store answers within one turn of the event loop, and a signal or a progress bar needs others.
      await setImmediate();
    }
  }
}

const wrong = (message: string): CoreError => new CoreError('log-corrupt', message);
