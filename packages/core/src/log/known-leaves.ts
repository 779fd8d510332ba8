import { equalBytes } from '../bytes/equal.ts';
import { CoreError } from '../error.ts';
import { tileWidth, TILE_WIDTH } from '../tile/tile.ts';
import { HASH_SIZE } from '../tree/hash.ts';
import { LeafFilter } from './leaf-filter.ts';
import type { Store } from './store.ts';

/** First byte of the derived keys that lead from a leaf hash to its index. */
export const LEAF_KEY_PREFIX = 0x6c;

// Reading one leaf hash into the filter costs about a fortieth of asking the store for one: once a process has asked more
// often than that, the filter pays.
const LOOKUPS_PER_LEAF = 1 / 32;

/** The derived key of a leaf. */
export function leafKey(leafHash: Uint8Array): Uint8Array {
  const key = new Uint8Array(1 + HASH_SIZE);
  key[0] = LEAF_KEY_PREFIX;
  key.set(leafHash, 1);
  return key;
}

/** An index as a derived value: 8 bytes, big-endian. */
export function encodeIndex(index: number): Uint8Array {
  const bytes = new Uint8Array(8);
  const high = Math.floor(index / 2 ** 32);
  const low = index >>> 0;
  for (let i = 0; i < 4; i++) {
    bytes[i] = (high >>> (24 - 8 * i)) & 0xff;
    bytes[4 + i] = (low >>> (24 - 8 * i)) & 0xff;
  }
  return bytes;
}

/** @throws CoreError `log-corrupt` */
export function decodeIndex(value: Uint8Array): number {
  if (value.length === 8) {
    const index = Number(new DataView(value.buffer, value.byteOffset, 8).getBigUint64(0));
    if (Number.isSafeInteger(index)) return index;
  }
  throw new CoreError('log-corrupt', 'the index of a leaf hash is damaged: check the log with fsck');
}

/** Which leaves a log without duplicates has: those in its store, and those that are on their way there. */
export class KnownLeaves {
  readonly #store: Store;
  /** Leaf hashes of commits that are not durable yet, oldest first. Keys are the hashes as latin1 text. */
  readonly #pending: Map<string, number>[] = [];
  #filter: LeafFilter | undefined;
  #lookups = 0;

  constructor(store: Store) {
    this.#store = store;
  }

  /**
   * Finds out which of `leafHashes` are known, and takes note of the others as of a commit under way.
   *
   * @param storedSize leaves that the store has
   * @param size leaves that the log has when all commits under way are done: the index of the first new leaf
   * @returns the index of each leaf, and the positions of those that are new
   */
  async add(leafHashes: Uint8Array, storedSize: number, size: number): Promise<{ indices: number[]; fresh: number[] }> {
    const count = leafHashes.length / HASH_SIZE;
    const text = Buffer.from(leafHashes.buffer, leafHashes.byteOffset, leafHashes.length).toString('latin1');
    const keyAt = (i: number): string => text.slice(i * HASH_SIZE, (i + 1) * HASH_SIZE);

    // In memory first: a commit that becomes durable while the store is asked leaves this map.
    const indices: number[] = new Array(count).fill(-1);
    const added = new Map<string, number>();
    const asked: number[] = [];
    const filter = await this.#filterFor(count, storedSize);
    for (let i = 0; i < count; i++) {
      const key = keyAt(i);
      const pending = this.#pendingIndex(key);
      if (pending !== undefined) indices[i] = pending;
      else if (filter === undefined || filter.mayHave(leafHashes, i * HASH_SIZE)) asked.push(i);
    }
    if (asked.length > 0) {
      const keys = asked.map((i) => leafKey(leafHashes.subarray(i * HASH_SIZE, (i + 1) * HASH_SIZE)));
      const values = await this.#store.readDerived(keys);
      for (let j = 0; j < asked.length; j++) {
        const i = asked[j]!;
        const value = values[j];
        if (value === undefined) continue;
        indices[i] = decodeIndex(value);
        await this.#checkIndex(leafHashes.subarray(i * HASH_SIZE, (i + 1) * HASH_SIZE), indices[i]!, storedSize);
      }
    }
    const fresh: number[] = [];
    for (let i = 0; i < count; i++) {
      if (indices[i]! >= 0) continue;
      const key = keyAt(i);
      const twin = added.get(key);
      if (twin !== undefined) {
        indices[i] = twin;
        continue;
      }
      indices[i] = size + fresh.length;
      added.set(key, indices[i]!);
      fresh.push(i);
      this.#filter?.add(leafHashes, i * HASH_SIZE);
    }
    this.#pending.push(added);
    return { indices, fresh };
  }

  /** The oldest commit under way is durable. */
  settled(): void {
    this.#pending.shift();
  }

  #pendingIndex(key: string): number | undefined {
    for (const leaves of this.#pending) {
      const index = leaves.get(key);
      if (index !== undefined) return index;
    }
    return undefined;
  }

  async #filterFor(count: number, storedSize: number): Promise<LeafFilter | undefined> {
    if (this.#filter !== undefined) return this.#filter;
    this.#lookups += count;
    if (this.#lookups < storedSize * LOOKUPS_PER_LEAF) return undefined;
    const filter = new LeafFilter();
    for (const leaves of this.#pending) {
      for (const key of leaves.keys()) filter.add(Buffer.from(key, 'latin1'), 0);
    }
    for (let index = 0; index * TILE_WIDTH < storedSize; index++) {
      const tile = await this.#store.readTile(0, index, tileWidth(0, index, storedSize));
      for (let at = 0; at < tile.length; at += HASH_SIZE) filter.add(tile, at);
    }
    this.#filter = filter;
    return filter;
  }

  /** An index that is wrong would be a lie to whoever appends the entry again. */
  async #checkIndex(leafHash: Uint8Array, index: number, storedSize: number): Promise<void> {
    const tile = Math.floor(index / TILE_WIDTH);
    const slot = index % TILE_WIDTH;
    const width = tileWidth(0, tile, storedSize);
    const found = slot < width ? await this.#store.readTile(0, tile, slot + 1) : undefined;
    if (found === undefined || !equalBytes(found.subarray(slot * HASH_SIZE), leafHash)) {
      throw new CoreError('log-corrupt', `the log finds an entry at index ${index}, where it is not: check it with fsck`);
    }
  }
}
