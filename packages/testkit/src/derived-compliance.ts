import { equalBytes } from '@vitrine/core';
import type { Store } from '@vitrine/core/log';
import { describe, expect, test } from 'vitest';
import { all, type StoreFixtures, sorted, utf8 } from './store-fixtures.ts';

/** What `Store` promises of the keys that are derived from entries. */
export function derivedCompliance({ fresh, reopen }: StoreFixtures): void {
  describe('derived keys', () => {
    const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

    test('a value is found by its key alone, and an unknown key has none', async () => {
      const { place, store, growth } = await fresh();
      await growth.grow(store, 1, [
        [bytes(1), utf8('one')],
        [bytes(1, 0), utf8('one, zero')],
        [utf8('empty'), new Uint8Array()],
        [utf8('large'), new Uint8Array(100_000).fill(7)],
      ]);
      const check = async (one: Store): Promise<void> => {
        const keys = [bytes(1, 0), bytes(2), bytes(1), utf8('empty'), utf8('large'), bytes(1)];
        const values = await one.readDerived(keys);
        const large = new Uint8Array(100_000).fill(7);
        expect(values.splice(4, 1).map((value) => equalBytes(value!, large))).toEqual([true]);
        expect(values).toEqual([utf8('one, zero'), undefined, utf8('one'), new Uint8Array(), utf8('one')]);
        expect(await one.readDerived([])).toEqual([]);
      };
      await check(store);
      await check(await reopen(place, store));
    });

    test('a later commit gives a key another value', async () => {
      const { place, store, growth } = await fresh();
      await growth.grow(store, 1, [[utf8('key'), utf8('old')]]);
      growth.derived.pop();
      await growth.grow(store, 1, [[utf8('key'), utf8('new')]]);
      await growth.expectIn(await reopen(place, store));
    });

    test('a later commit removes a key, whether it is there or not, and what is removed can come again', async () => {
      const { place, store, growth } = await fresh();
      await growth.grow(store, 1, [
        [utf8('key'), utf8('value')],
        [utf8('other'), utf8('stays')],
        [utf8('empty'), utf8('')],
      ]);
      const commit = growth.next(1);
      await store.commit({ ...commit, removed: [utf8('key'), utf8('empty'), utf8('never there')] });
      growth.apply(commit);
      growth.derived.splice(
        0,
        growth.derived.length,
        ...growth.derived.filter(([key]) => !['key', 'empty'].includes(new TextDecoder().decode(key))),
      );
      const reopened = await reopen(place, store);
      await growth.expectIn(reopened);
      expect(await reopened.readDerived([utf8('key'), utf8('empty'), utf8('other')])).toEqual([
        undefined,
        undefined,
        utf8('stays'),
      ]);
      await growth.grow(reopened, 1, [[utf8('key'), utf8('again')]]);
      await growth.expectIn(reopened);
    });

    test('a commit can change derived keys alone, and the head stays', async () => {
      const { place, store, growth } = await fresh();
      await growth.grow(store, 300, [[utf8('key'), utf8('old')]]);
      growth.derived.pop();
      const { head } = growth;
      const pairs = [[utf8('more'), utf8('new')]] as const;
      await store.commit({ expected: head, head, tiles: [], bundles: [], derived: pairs, removed: [utf8('key')] });
      growth.derived.push(...pairs);
      await growth.expectIn(await reopen(place, store));
    });

    test('a prefix gives its keys, in the order of their bytes, and no other', async () => {
      const { store, growth } = await fresh();
      const keys = [
        bytes(0x10),
        bytes(0x10, 0),
        bytes(0x10, 0, 0),
        bytes(0x10, 0x7f),
        bytes(0x10, 0x80),
        bytes(0x10, 0xff),
        bytes(0x10, 0xff, 0),
        bytes(0x10, 0xff, 0xff),
        bytes(0x11),
        bytes(0xff),
        bytes(0xff, 0xff),
        bytes(0xff, 0xff, 1),
      ];
      const pairs = keys.map((key, i) => [key, bytes(i)] as const);
      await store.commit({ ...growth.next(1), derived: [...pairs].reverse() });
      const prefixes = [bytes(), bytes(0x10), bytes(0x10, 0), bytes(0x10, 0xff), bytes(0xff), bytes(0xff, 0xff)];
      for (const prefix of prefixes) {
        const expected = pairs.filter(([key]) => prefix.every((byte, i) => key[i] === byte));
        expect(expected.length).toBeGreaterThan(0);
        expect(await all(store, prefix)).toEqual(expected);
        for (const [i, [key]] of expected.entries()) {
          expect(await all(store, prefix, key)).toEqual(expected.slice(i + 1));
        }
        // It need not be there.
        const between = bytes(...prefix, 0, 0x7f);
        const behind = expected.filter(([key]) => Buffer.compare(key, between) > 0);
        expect(await all(store, prefix, between)).toEqual(behind);
      }
      expect(await all(store, bytes(0x12))).toEqual([]);
      expect(await all(store, bytes(0xff, 0xff, 0xff))).toEqual([]);
    });

    test('many keys come in order, and the caller can stop in the middle', async () => {
      const { store, growth } = await fresh();
      for (let i = 0; i < 5; i++) await growth.grow(store, 700);
      expect(await all(store, new Uint8Array())).toEqual(sorted(growth.derived));
      for await (const [key] of store.derived(new Uint8Array())) {
        expect(key).toEqual(sorted(growth.derived)[0]![0]);
        break;
      }
      await growth.grow(store, 1);
      await growth.expectIn(store);
    });
  });
}
