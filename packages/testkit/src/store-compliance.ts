import { EMPTY_ROOT, equalBytes, formatBundle, HASH_SIZE, MAX_ENTRY_SIZE, TILE_WIDTH } from '@vitrine/core';
import type { PublishedCheckpoints, Store } from '@vitrine/core/log';
import { afterEach, describe, expect, test } from 'vitest';
import { derivedCompliance } from './derived-compliance.ts';
import { SeededRandom } from './random.ts';
import { all, concat, expectCode, Growth, type StorePlace, utf8 } from './store-fixtures.ts';

/** What the suite has to know of a kind of store. */
export interface StoreHarness {
  place(): Promise<StorePlace>;
  /** Whether a place that is open refuses to be opened again; if not, racing commits conflict. */
  readonly isExclusive: boolean;
}

const DESCRIPTION = new TextEncoder().encode('{"any":"bytes"}\n\0\xff');

/** Everything that `Store` promises, as tests. Every backend runs them. */
export function storeCompliance(name: string, { place: newPlace, isExclusive }: StoreHarness): void {
  describe(`${name} as a store`, () => {
    const opened: Store[] = [];
    const places: StorePlace[] = [];

    afterEach(async () => {
      for (const store of opened.splice(0)) await store[Symbol.asyncDispose]();
      for (const place of places.splice(0)) await place.remove();
    });

    async function empty(): Promise<StorePlace> {
      const place = await newPlace();
      places.push(place);
      return place;
    }

    async function create(place: StorePlace): Promise<Store> {
      const store = await place.create(DESCRIPTION);
      opened.push(store);
      return store;
    }

    async function open(place: StorePlace): Promise<Store> {
      const store = await place.open();
      opened.push(store);
      return store;
    }

    async function fresh(): Promise<{ place: StorePlace; store: Store; growth: Growth }> {
      const place = await empty();
      return { place, store: await create(place), growth: new Growth() };
    }

    async function reopen(place: StorePlace, store: Store): Promise<Store> {
      await store[Symbol.asyncDispose]();
      return open(place);
    }

    describe('creating and opening', () => {
      test('a new store has the empty tree, no checkpoints and no derived keys', async () => {
        const { store } = await fresh();
        expect(await store.readHead()).toEqual({ head: { size: 0, root: EMPTY_ROOT }, checkpoints: {} });
        expect(await all(store, new Uint8Array())).toEqual([]);
        await expectCode(store.readTile(0, 0, 1), 'store-corrupt');
        await expectCode(store.readBundle(0, 1), 'store-corrupt');
      });

      test('the description comes back byte for byte, before and after reopening', async () => {
        const { place, store } = await fresh();
        expect(await store.description()).toEqual(DESCRIPTION);
        expect(await (await reopen(place, store)).description()).toEqual(DESCRIPTION);
      });

      test('what is not there cannot be opened, and is not created by trying', async () => {
        const place = await empty();
        await expectCode(place.open(), 'store-missing');
        await expectCode(place.open(), 'store-missing');
      });

      test('a place that has a store refuses another one, and keeps the one it has', async () => {
        const { place, store, growth } = await fresh();
        await growth.grow(store, 3);
        await expectCode(place.create(DESCRIPTION), 'store-exists');
        await store[Symbol.asyncDispose]();
        await expectCode(place.create(DESCRIPTION), 'store-exists');
        await growth.expectIn(await open(place));
      });

      if (isExclusive) {
        test('a store that is open cannot be opened again until it is closed', async () => {
          const { place, store, growth } = await fresh();
          await expectCode(place.open(), 'store-locked');
          await growth.grow(store, 1);
          await growth.expectIn(await reopen(place, store));
        });
      } else {
        test('of two open stores that commit behind one head, one wins and the other conflicts', async () => {
          const { place, store, growth } = await fresh();
          const other = await open(place);
          const [first, second] = [growth.next(2), growth.next(3)];
          const results = await Promise.allSettled([store.commit(first), other.commit(second)]);
          expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
          growth.apply(results[0].status === 'fulfilled' ? first : second);
          await growth.expectIn(await open(place));
        });
      }

      test('a closed store refuses everything, and closing it again is harmless', async () => {
        const { store, growth } = await fresh();
        await growth.grow(store, 1);
        await store[Symbol.asyncDispose]();
        await store[Symbol.asyncDispose]();
        await expectCode(store.readHead(), 'store-closed');
        await expectCode(store.readTile(0, 0, 1), 'store-closed');
        await expectCode(store.readBundle(0, 1), 'store-closed');
        await expectCode(store.readDerived([utf8('key')]), 'store-closed');
        await expectCode(all(store, new Uint8Array()), 'store-closed');
        await expectCode(store.commit(growth.next(1)), 'store-closed');
        await expectCode(store.publish({ signed: utf8('note') }), 'store-closed');
      });
    });

    describe('tiles and entry bundles', () => {
      // Every remainder and both sides of a boundary; they add up to more than three tiles.
      const SIZES = [1, 1, 2, 5, 17, 64, 100, 65, 1, 1, 254, 2, 256, 33];

      test('segments add up to tiles and bundles of which every width is a slice', async () => {
        const { place, store, growth } = await fresh();
        for (const size of SIZES) await growth.grow(store, size);
        const check = async (one: Store): Promise<void> => {
          for (let width = 1; width <= TILE_WIDTH; width++) {
            expect(equalBytes(await one.readTile(0, 0, width), concat(growth.hashes.slice(0, width)))).toBe(true);
            expect(equalBytes(await one.readBundle(0, width), formatBundle(growth.entries.slice(0, width)))).toBe(true);
          }
          await growth.expectIn(one);
        };
        await check(store);
        await check(await reopen(place, store));
      });

      test('all of it can be read after each commit, too wide a read is refused', async () => {
        const { store, growth } = await fresh();
        for (const size of SIZES.slice(0, 9)) {
          await growth.grow(store, size);
          await growth.expectIn(store);
        }
      });

      test('one commit can fill several tiles', async () => {
        const { place, store, growth } = await fresh();
        await growth.grow(store, 3);
        await growth.grow(store, 1000);
        await growth.expectIn(await reopen(place, store));
      });

      test('levels and indices do not run into each other', async () => {
        const { place, store, growth } = await fresh();
        const random = new SeededRandom(2);
        const commit = growth.next(1);
        // Indices that differ in each byte of a fixed-width encoding, and the highest level that a path can name.
        const positions = [0, 63].flatMap((level) =>
          [1, 2, 255, 256, 65_536, 2 ** 32, 2 ** 44].map((index) => ({ level, index })),
        );
        const tiles = positions.map((position) => ({ ...position, start: 0, bytes: random.bytes(HASH_SIZE) }));
        const bundles = positions
          .slice(0, 7)
          .map(({ index }) => ({ index, start: 0, bytes: formatBundle([random.bytes(9)]) }));
        await store.commit({ ...commit, tiles: [...commit.tiles, ...tiles], bundles: [...commit.bundles, ...bundles] });
        const reopened = await reopen(place, store);
        for (const { level, index, bytes } of tiles) expect(await reopened.readTile(level, index, 1)).toEqual(bytes);
        for (const { index, bytes } of bundles) expect(await reopened.readBundle(index, 1)).toEqual(bytes);
        await expectCode(reopened.readTile(1, 1, 1), 'store-corrupt');
        await expectCode(reopened.readBundle(3, 1), 'store-corrupt');
      });

      test('a bundle of the largest entries fits', async () => {
        const { place, store, growth } = await fresh();
        const entries = Array.from({ length: TILE_WIDTH }, (_, i) => new Uint8Array(MAX_ENTRY_SIZE).fill(i));
        const [commit, bytes] = [growth.next(TILE_WIDTH), formatBundle(entries)];
        await store.commit({ ...commit, bundles: [{ index: 0, start: 0, bytes }] });
        const check = async (one: Store): Promise<void> => {
          expect(equalBytes(await one.readBundle(0, TILE_WIDTH), bytes)).toBe(true);
          expect(equalBytes(await one.readBundle(0, 255), bytes.subarray(0, 255 * (2 + MAX_ENTRY_SIZE)))).toBe(true);
        };
        await check(store);
        await check(await reopen(place, store));
      });

      test('what a caller does to its arrays after a commit, or to what it read, changes nothing', async () => {
        const { store, growth } = await fresh();
        const commit = growth.next(7);
        growth.apply(commit);
        growth.head = { ...commit.head, root: commit.head.root.slice() };
        growth.derived.splice(0, 7, ...growth.derived.map(([key, value]) => [key.slice(), value.slice()] as const));
        await store.commit(commit);
        for (const { bytes } of [...commit.tiles, ...commit.bundles]) bytes.fill(0);
        for (const pair of commit.derived) for (const bytes of pair) bytes.fill(0);
        (await store.readTile(0, 0, 7)).fill(0);
        (await store.readBundle(0, 7)).fill(0);
        for (const value of await store.readDerived(growth.derived.map(([key]) => key))) value!.fill(9);
        await growth.expectIn(store);
      });
    });
    derivedCompliance({ fresh, reopen });

    describe('committing', () => {
      test('a commit is visible once it resolves, and after reopening', async () => {
        const { place, store, growth } = await fresh();
        await growth.grow(store, 10);
        await growth.expectIn(store);
        const reopened = await reopen(place, store);
        await growth.expectIn(reopened);
        await growth.grow(reopened, 10);
        await growth.expectIn(await reopen(place, reopened));
      });

      test('another size or another root than the expected one is a conflict, which leaves no trace', async () => {
        const { place, store, growth } = await fresh();
        await growth.grow(store, 5);
        const commit = growth.next(4, [[utf8('trace'), utf8('left')]]);
        const { size, root } = commit.expected;
        const others = [
          { size: size - 1, root },
          { size: size + 1, root },
          { size, root: root.map((byte, i) => (i === 31 ? byte ^ 1 : byte)) },
          { size: 0, root: EMPTY_ROOT },
        ];
        let one = store;
        for (const expected of others) {
          await expectCode(one.commit({ ...commit, expected }), 'store-conflict');
          await growth.expectIn(one);
          one = await reopen(place, one);
          await growth.expectIn(one);
        }
        await one.commit(commit);
        growth.apply(commit);
        await growth.expectIn(one);
      });

      test('of two commits at once behind one head, one wins and the other conflicts', async () => {
        const { place, store, growth } = await fresh();
        await growth.grow(store, 5);
        const commits = [growth.next(2), growth.next(3)] as const;
        const results = await Promise.allSettled(commits.map((commit) => store.commit(commit)));
        expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
        const refused = results.find((result) => result.status === 'rejected')!;
        expect(refused.reason).toMatchObject({ code: 'store-conflict' });
        growth.apply(commits[results[0]!.status === 'fulfilled' ? 0 : 1]);
        await growth.expectIn(await reopen(place, store));
      });

      test('a commit that fails and was dropped leaves no trace', async () => {
        const { place, store, growth } = await fresh();
        await growth.grow(store, 300);
        place.breakNext(store, 'commit', 'dropped');
        await expectCode(store.commit(growth.next(300)), 'store-io');
        const reopened = await reopen(place, store);
        await growth.expectIn(reopened);
        await growth.grow(reopened, 300);
        await growth.expectIn(reopened);
      });

      test('a commit that fails and was applied is whole after reopening', async () => {
        const { place, store, growth } = await fresh();
        await growth.grow(store, 300);
        const commit = growth.next(300);
        place.breakNext(store, 'commit', 'applied');
        await expectCode(store.commit(commit), 'store-io');
        growth.apply(commit);
        const reopened = await reopen(place, store);
        await growth.expectIn(reopened);
        await growth.grow(reopened, 300);
        await growth.expectIn(reopened);
      });

      test.for(['commit', 'publish'] as const)(
        'after a %s that failed nothing is written until the store is reopened',
        async (operation) => {
          const { place, store, growth } = await fresh();
          await growth.grow(store, 1);
          place.breakNext(store, operation, 'dropped');
          const failing =
            operation === 'commit' ? store.commit(growth.next(1)) : store.publish({ signed: utf8('lost') });
          await expectCode(failing, 'store-io');
          await expectCode(store.commit(growth.next(1)), 'store-closed');
          await expectCode(store.publish({ signed: utf8('note') }), 'store-closed');
          const reopened = await reopen(place, store);
          await growth.expectIn(reopened);
          expect((await reopened.readHead()).checkpoints).toEqual({});
          await growth.grow(reopened, 1);
          await reopened.publish({ signed: utf8('note') });
          expect((await reopened.readHead()).checkpoints).toEqual({ signed: utf8('note') });
        },
      );
    });

    describe('publishing', () => {
      const [one, two, three] = [utf8('one\n'), utf8('two\n'), utf8('three\n')];

      async function expectCheckpoints(store: Store, checkpoints: PublishedCheckpoints): Promise<void> {
        expect((await store.readHead()).checkpoints).toEqual(checkpoints);
      }

      test('a checkpoint replaces the one of its name and leaves the other', async () => {
        const { place, store, growth } = await fresh();
        await growth.grow(store, 2);
        await store.publish({ signed: one });
        await expectCheckpoints(store, { signed: one });
        await store.publish({ cosigned: two });
        await expectCheckpoints(store, { signed: one, cosigned: two });
        await store.publish({ signed: three });
        await expectCheckpoints(store, { signed: three, cosigned: two });
        await store.publish({ signed: one, cosigned: three });
        await store.publish({});
        await growth.expectIn(store);
        const reopened = await reopen(place, store);
        await expectCheckpoints(reopened, { signed: one, cosigned: three });
        await growth.expectIn(reopened);
      });

      test('commits leave checkpoints alone', async () => {
        const { place, store, growth } = await fresh();
        await store.publish({ signed: one, cosigned: two });
        await growth.grow(store, 300);
        await expectCheckpoints(store, { signed: one, cosigned: two });
        await expectCheckpoints(await reopen(place, store), { signed: one, cosigned: two });
      });

      test('a publication that fails and was applied is there after reopening', async () => {
        const { place, store } = await fresh();
        await store.publish({ signed: one });
        place.breakNext(store, 'publish', 'applied');
        await expectCode(store.publish({ signed: two }), 'store-io');
        await expectCheckpoints(await reopen(place, store), { signed: two });
      });

      test('a publication that fails and was dropped leaves the checkpoint before it', async () => {
        const { place, store } = await fresh();
        await store.publish({ signed: one });
        place.breakNext(store, 'publish', 'dropped');
        await expectCode(store.publish({ signed: two }), 'store-io');
        await expectCheckpoints(await reopen(place, store), { signed: one });
      });
    });
  });
}
