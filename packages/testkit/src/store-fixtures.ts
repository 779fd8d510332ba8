import { CoreError, EMPTY_ROOT, equalBytes, formatBundle, HASH_SIZE, TILE_WIDTH } from '@vitrine/core';
import type { Commit, Head, Store } from '@vitrine/core/log';
import { expect } from 'vitest';
import type { Fault } from './fault-store.ts';
import { SeededRandom } from './random.ts';

/** A key that was derived from entries, and its value. */
export type Pair = readonly [key: Uint8Array, value: Uint8Array];

/** Where one store can be: empty at first. */
export interface StorePlace {
  create(description: Uint8Array): Promise<Store>;
  open(): Promise<Store>;
  /** Makes the next commit, or publication, of a store that is open here fail. */
  breakNext(store: Store, operation: 'commit' | 'publish', fault: Fault): void;
  remove(): Promise<void>;
}

/** A made-up log: its hashes and roots are random, because a store must not care. */
export class Growth {
  readonly entries: Uint8Array[] = [];
  readonly hashes: Uint8Array[] = [];
  readonly derived: Pair[] = [];
  head: Head = { size: 0, root: EMPTY_ROOT };
  readonly #random = new SeededRandom(1);

  /** What appends `count` entries with `extra` derived pairs; {@link apply} says that it happened. */
  next(count: number, extra: readonly Pair[] = []): Commit & { derived: readonly Pair[] } {
    const { size } = this.head;
    const random = this.#random;
    const entries = Array.from({ length: count }, () => random.bytes(1 + random.below(40)));
    const hashes = Array.from({ length: count }, () => random.bytes(HASH_SIZE));
    const parts: { index: number; start: number; from: number; to: number }[] = [];
    for (let from = 0; from < count; ) {
      const start = (size + from) % TILE_WIDTH;
      const to = Math.min(count, from + TILE_WIDTH - start);
      parts.push({ index: Math.floor((size + from) / TILE_WIDTH), start, from, to });
      from = to;
    }
    return {
      expected: this.head,
      head: { size: size + count, root: random.bytes(HASH_SIZE) },
      tiles: parts.map(({ index, start, from, to }) => ({
        level: 0,
        index,
        start,
        bytes: concat(hashes.slice(from, to)),
      })),
      bundles: parts.map(({ index, start, from, to }) => ({
        index,
        start,
        bytes: formatBundle(entries.slice(from, to)),
      })),
      derived: [...hashes.map((hash, i) => [hash, Uint8Array.of(i)] as const), ...extra],
    };
  }

  apply(commit: Commit): void {
    this.head = commit.head;
    for (const { bytes } of commit.tiles) {
      for (let at = 0; at < bytes.length; at += HASH_SIZE) this.hashes.push(bytes.slice(at, at + HASH_SIZE));
    }
    for (const { bytes } of commit.bundles) {
      for (let at = 0, end = 0; at < bytes.length; at = end) {
        end = at + 2 + bytes[at]! * 256 + bytes[at + 1]!;
        this.entries.push(bytes.slice(at + 2, end));
      }
    }
    this.derived.push(...commit.derived);
  }

  async grow(store: Store, count: number, extra: readonly Pair[] = []): Promise<void> {
    const commit = this.next(count, extra);
    await store.commit(commit);
    this.apply(commit);
  }

  /** That the store has exactly this. */
  async expectIn(store: Store): Promise<void> {
    expect((await store.readHead()).head).toEqual(this.head);
    for (let start = 0, index = 0; start < this.head.size; start += TILE_WIDTH, index++) {
      const end = Math.min(this.head.size, start + TILE_WIDTH);
      const tile = await store.readTile(0, index, end - start);
      expect(equalBytes(tile, concat(this.hashes.slice(start, end)))).toBe(true);
      const bundle = await store.readBundle(index, end - start);
      expect(equalBytes(bundle, formatBundle(this.entries.slice(start, end)))).toBe(true);
      if (end - start === TILE_WIDTH) continue;
      await expectCode(store.readTile(0, index, end - start + 1), 'store-corrupt');
      await expectCode(store.readBundle(index, end - start + 1), 'store-corrupt');
    }
    const keys = this.derived.map(([key]) => key);
    expect(await store.readDerived(keys)).toEqual(this.derived.map(([, value]) => value));
    expect(await all(store, new Uint8Array())).toEqual(sorted(this.derived));
  }
}

export const concat = (parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));
export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
export const sorted = (pairs: readonly Pair[]): Pair[] => [...pairs].sort(([a], [b]) => Buffer.compare(a, b));

/** All pairs below a prefix. */
export async function all(store: Store, prefix: Uint8Array, after?: Uint8Array): Promise<Pair[]> {
  const pairs: Pair[] = [];
  for await (const pair of store.derived(prefix, after)) pairs.push(pair);
  return pairs;
}

/** That it is refused with a CoreError of one of these codes. */
export async function expectCode(promise: Promise<unknown>, ...codes: string[]): Promise<void> {
  const error = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(error).toBeInstanceOf(CoreError);
  expect(codes).toContain((error as CoreError).code);
}

/** What the tests of one kind of store begin with. */
export interface StoreFixtures {
  /** A store that is empty, its place, and what grows in it. */
  fresh(): Promise<{ readonly place: StorePlace; readonly store: Store; readonly growth: Growth }>;
  /** The same store, closed and opened again. */
  reopen(place: StorePlace, store: Store): Promise<Store>;
}
