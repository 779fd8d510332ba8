import { equalBytes } from '../bytes/equal.ts';
import { CoreError } from '../error.ts';
import { TILE_WIDTH, tileWidth } from '../tile/tile.ts';
import { HASH_SIZE } from '../tree/hash.ts';
import { LeafFilter } from './leaf-filter.ts';
import { LeafTable } from './leaf-table.ts';
import type { Commit, Store } from './store.ts';

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
    let index = 0;
    // Without a BigInt, which would cost more than all the rest.
    for (let i = 0; i < 8; i++) index = index * 256 + value[i]!;
    if (Number.isSafeInteger(index)) return index;
  }
  throw new CoreError('log-corrupt', 'the index of a leaf hash is damaged: check the log with fsck');
}

/** The derived keys of new leaves: made while they are written, because thousands of small arrays would wait for that. */
export function leafIndices(leafHashes: Uint8Array, start: number): Commit['derived'] {
  return {
    *[Symbol.iterator]() {
      for (let i = 0; i * HASH_SIZE < leafHashes.length; i++) {
        yield [leafKey(leafHashes.subarray(i * HASH_SIZE, (i + 1) * HASH_SIZE)), encodeIndex(start + i)] as const;
      }
    },
  };
}

/** The leaves of a commit that is not durable yet. */
interface PendingLeaves {
  readonly leafHashes: Uint8Array;
  readonly table: LeafTable;
  readonly indices: readonly number[];
}

/** Which leaves a log without duplicates has: those in its store, and those that are on their way there. */
export class KnownLeaves {
  readonly #store: Store;
  /** Oldest first. */
  readonly #pending: PendingLeaves[] = [];
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
    const indices: number[] = new Array(count).fill(-1);
    const filter = await this.#filterFor(count, storedSize);

    // In memory first: a commit that becomes durable while the store is asked is forgotten here.
    const asked: number[] = [];
    for (let i = 0; i < count; i++) {
      if (filter !== undefined && !filter.mayHave(leafHashes, i * HASH_SIZE)) continue;
      indices[i] = this.#pendingIndex(leafHashes, i * HASH_SIZE);
      if (indices[i] === -1) asked.push(i);
    }
    const hashAt = (i: number): Uint8Array => leafHashes.subarray(i * HASH_SIZE, (i + 1) * HASH_SIZE);
    const values = asked.length === 0 ? [] : await this.#store.readDerived(asked.map((i) => leafKey(hashAt(i))));
    for (let j = 0; j < asked.length; j++) {
      if (values[j] === undefined) continue;
      const index = decodeIndex(values[j]!);
      // Not below `storedSize`: a commit may have become durable meanwhile.
      await this.#checkIndex(hashAt(asked[j]!), index, size);
      indices[asked[j]!] = index;
    }

    const fresh: number[] = [];
    const table = new LeafTable(leafHashes);
    for (let i = 0; i < count; i++) {
      if (indices[i] !== -1) continue;
      const twin = table.find(leafHashes, i * HASH_SIZE);
      if (twin !== -1) {
        indices[i] = indices[twin]!;
        continue;
      }
      indices[i] = size + fresh.length;
      fresh.push(i);
      table.add(i);
      filter?.add(leafHashes, i * HASH_SIZE);
    }
    this.#pending.push({ leafHashes, table, indices });
    return { indices, fresh };
  }

  /** The oldest commit under way is durable. */
  settled(): void {
    this.#pending.shift();
  }

  #pendingIndex(hashes: Uint8Array, offset: number): number {
    for (const { table, indices } of this.#pending) {
      const position = table.find(hashes, offset);
      if (position !== -1) return indices[position]!;
    }
    return -1;
  }

  async #filterFor(count: number, storedSize: number): Promise<LeafFilter | undefined> {
    if (this.#filter !== undefined) return this.#filter;
    this.#lookups += count;
    if (this.#lookups < storedSize * LOOKUPS_PER_LEAF) return undefined;
    const filter = new LeafFilter();
    for (const { leafHashes } of this.#pending) {
      for (let at = 0; at < leafHashes.length; at += HASH_SIZE) filter.add(leafHashes, at);
    }
    for (let index = 0; index * TILE_WIDTH < storedSize; index++) {
      const tile = await this.#store.readTile(0, index, tileWidth(0, index, storedSize));
      for (let at = 0; at < tile.length; at += HASH_SIZE) filter.add(tile, at);
    }
    this.#filter = filter;
    return filter;
  }

  /** An index that is wrong would be a lie to whoever appends the entry again. */
  async #checkIndex(leafHash: Uint8Array, index: number, size: number): Promise<void> {
    const tile = Math.floor(index / TILE_WIDTH);
    const slot = index % TILE_WIDTH;
    const width = tileWidth(0, tile, size);
    const found = slot < width ? await this.#store.readTile(0, tile, slot + 1) : undefined;
    if (found === undefined || !equalBytes(found.subarray(slot * HASH_SIZE), leafHash)) {
      throw new CoreError(
        'log-corrupt',
        `the log finds an entry at index ${index}, where it is not: check it with fsck`,
      );
    }
  }
}
