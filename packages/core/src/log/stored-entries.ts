import { setImmediate } from 'node:timers/promises';
import { equalBytes } from '../bytes/equal.ts';
import { CoreError } from '../error.ts';
import type { VerifierKey } from '../note/vkey.ts';
import { parseBundle } from '../tile/entry-bundle.ts';
import { TILE_WIDTH, tileWidth } from '../tile/tile.ts';
import { HASH_SIZE, leafHash as hashLeaf } from '../tree/hash.ts';
import { admissionKey, type LogView } from './admission.ts';
import { decodeIndex, leafKey } from './known-leaves.ts';
import { corruptEntry } from './open-tree.ts';
import type { Store } from './store.ts';
import type { StoreReader } from './store-reader.ts';

/** Tiles that are read at a time to search them: a store that is far away wants several. */
const SCANNED_AT_ONCE = 16;

/** What {@link StoredEntries} reads from. */
export interface StoredLog {
  readonly store: Store;
  readonly reader: StoreReader;
  readonly key: VerifierKey;
  /** Whether the same entry can be in the log twice. */
  readonly duplicates: boolean;
  /** Entries in the store. */
  size(): number;
}

/** What a log has in its store, each entry checked against its leaf hash. Reads also while the log is being closed. */
export class StoredEntries implements LogView {
  readonly #log: StoredLog;

  constructor(log: StoredLog) {
    this.#log = log;
  }

  get origin(): string {
    return this.key.keyName;
  }

  get key(): VerifierKey {
    return this.#log.key;
  }

  get size(): number {
    return this.#log.size();
  }

  async entry(index: number): Promise<Uint8Array> {
    this.#checkIndex(index);
    const slot = index % TILE_WIDTH;
    const bundle = await this.#log.store.readBundle(Math.floor(index / TILE_WIDTH), slot + 1);
    const entry = parseBundle(bundle, slot + 1)[slot]!;
    if (!equalBytes(hashLeaf(entry), await this.leafHash(index))) throw corruptEntry(index);
    return entry;
  }

  /**
   * The entries from `start` up to but without `end`, which the log has.
   *
   * @param beforeRead called before the store is asked
   * @throws CoreError `log-corrupt`
   */
  async *entries(start: number, end: number, beforeRead: () => void): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const { entry } of this.leaves(start, end, beforeRead)) yield entry;
  }

  /** As {@link entries}, with their leaf hashes: views. */
  async *leaves(
    start: number,
    end: number,
    beforeRead: () => void = () => {},
  ): AsyncGenerator<{ entry: Uint8Array; leafHash: Uint8Array }, void, undefined> {
    for (let at = start; at < end; ) {
      beforeRead();
      const index = Math.floor(at / TILE_WIDTH);
      const width = tileWidth('entries', index, end);
      const bundle = parseBundle(await this.#log.store.readBundle(index, width), width);
      const tile = await this.#log.reader.tile(0, index, width);
      for (let slot = at % TILE_WIDTH; slot < width; slot++, at++) {
        const entry = bundle[slot]!;
        const leafHash = tile.hash(slot);
        if (!equalBytes(hashLeaf(entry), leafHash)) throw corruptEntry(at);
        yield { entry, leafHash };
      }
      // The store answers within one turn of the event loop, and others want one too.
      if (index % 16 === 15) await setImmediate();
    }
  }

  /** The first items of a tile or a bundle, which the log has. @throws CoreError `log-corrupt` */
  async tile(level: number | 'entries', index: number, width: number): Promise<Uint8Array> {
    const tile = await this.#log.reader.tile(level === 'entries' ? 0 : level, index, width);
    if (level !== 'entries') return tile.bytes.slice(0, width * HASH_SIZE);
    const bundle = await this.#log.store.readBundle(index, width);
    parseBundle(bundle, width).forEach((entry, slot) => {
      if (!equalBytes(hashLeaf(entry), tile.hash(slot))) throw corruptEntry(index * TILE_WIDTH + slot);
    });
    return bundle;
  }

  async leafHash(index: number): Promise<Uint8Array> {
    this.#checkIndex(index);
    const slot = index % TILE_WIDTH;
    return new Uint8Array((await this.#log.reader.tile(0, Math.floor(index / TILE_WIDTH), slot + 1)).hash(slot));
  }

  async indexOf(leafHash: Uint8Array): Promise<number | undefined> {
    if (leafHash.length !== HASH_SIZE) throw new RangeError(`a leaf hash is ${HASH_SIZE} bytes`);
    if (this.#log.duplicates) return this.scanFor(leafHash);
    const [value] = await this.#log.store.readDerived([leafKey(leafHash)]);
    if (value === undefined) return undefined;
    const index = decodeIndex(value);
    if (index >= this.size || !equalBytes(await this.leafHash(index), leafHash)) {
      throw new CoreError('log-corrupt', `the log finds a leaf at index ${index}, where it is not: check it with fsck`);
    }
    return index;
  }

  async derived(key: Uint8Array): Promise<Uint8Array | undefined> {
    const [value] = await this.#log.store.readDerived([admissionKey(key)]);
    return value && new Uint8Array(value);
  }

  #checkIndex(index: number): void {
    if (!Number.isSafeInteger(index) || index < 0 || index >= this.size) {
      throw new CoreError('log-range', `the log has ${this.size} entries, and none at index ${index}`);
    }
  }

  /** The first index with a leaf hash, found by reading all of them; undefined if there is none. @throws CoreError `log-corrupt` */
  async scanFor(leafHash: Uint8Array): Promise<number | undefined> {
    const { size } = this;
    for (let first = 0; first * TILE_WIDTH < size; first += SCANNED_AT_ONCE) {
      const left = Math.ceil(size / TILE_WIDTH) - first;
      const indices = Array.from({ length: Math.min(SCANNED_AT_ONCE, left) }, (_, i) => first + i);
      const read = (index: number): Promise<Uint8Array> =>
        this.#log.store.readTile(0, index, tileWidth(0, index, size));
      for (const [i, tile] of (await Promise.all(indices.map(read))).entries()) {
        for (let at = 0; at < tile.length; at += HASH_SIZE) {
          if (equalBytes(tile.subarray(at, at + HASH_SIZE), leafHash)) return (first + i) * TILE_WIDTH + at / HASH_SIZE;
        }
      }
      // As in `leaves`.
      await setImmediate();
    }
    return undefined;
  }
}
