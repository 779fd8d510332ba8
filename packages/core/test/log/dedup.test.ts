import { Latch, MemoryStore, ReferenceTree, SeededRandom } from '@vitrine/testkit';
import { describe, expect, test } from 'vitest';
import { fsck } from '../../src/log/fsck.ts';
import type { Log } from '../../src/log/log.ts';
import { MAX_COMMIT_BYTES, MAX_COMMIT_ENTRIES } from '../../src/log/sequencer.ts';
import { leafHash } from '../../src/tree/hash.ts';
import { collect, createLog, entriesOf, entryOf, expectLog, openLog, utf8 } from './fixtures.ts';

const indicesOf = async (batches: AsyncIterable<Iterable<{ index: number }>>): Promise<number[]> =>
  (await collect(batches)).flatMap((batch) => [...batch].map(({ index }) => index));

describe('an entry that the log has already', () => {
  test('gets its old index and a checkpoint that covers it, and is not stored again', async () => {
    const { store, log } = await createLog();
    for (const entry of entriesOf(3)) await log.append(entry);
    const commits = store.commits.length;
    const again = await log.append(entryOf(1));
    expect(again).toEqual({ index: 1, leafHash: leafHash(entryOf(1)), checkpoint: log.checkpoint().note });
    expect(store.commits.length).toBe(commits);
    await expectLog(log, entriesOf(3));
  });

  test('is found within one commit', async () => {
    const { log } = await createLog();
    const entries = [0, 1, 0, 2, 1, 1, 0].map(entryOf);
    expect(await indicesOf(log.appendAll(entries))).toEqual([0, 1, 0, 2, 1, 1, 0]);
    await expectLog(log, entriesOf(3));
  });

  test('is found after reopening', async () => {
    const { disk, log } = await createLog();
    for (const entry of entriesOf(300)) log.append(entry).catch(() => {});
    await log[Symbol.asyncDispose]();
    const { log: reopened } = await openLog(disk);
    expect((await reopened.append(entryOf(299))).index).toBe(299);
    expect(await indicesOf(reopened.appendAll([300, 7, 301, 300].map(entryOf)))).toEqual([300, 7, 301, 300]);
    await expectLog(reopened, entriesOf(302));
  });

  test('is one entry for a hundred callers at once', async () => {
    const { log } = await createLog();
    await log.append(entryOf(0));
    const appended = await Promise.all(Array.from({ length: 100 }, () => log.append(entryOf(1))));
    expect(new Set(appended.map(({ index }) => index))).toEqual(new Set([1]));
    await expectLog(log, entriesOf(2));
  });

  test('is found in the commit that is being written', async () => {
    const { store, log } = await createLog();
    const latch = new Latch();
    store.plan('commit', { before: latch });
    const first = log.append(entryOf(0));
    await latch.reached;
    const again = [log.append(entryOf(0)), log.append(entryOf(1)), log.append(entryOf(0))];
    latch.open();
    expect((await first).index).toBe(0);
    expect((await Promise.all(again)).map(({ index }) => index)).toEqual([0, 1, 0]);
    await expectLog(log, entriesOf(2));
  });

  // Two full commits at once: the second is prepared while the first is being written.
  describe('in a commit before it that is not durable yet', () => {
    const full = entriesOf(MAX_COMMIT_ENTRIES, 10);
    const appendEach = (log: Log, entries: readonly Uint8Array[]): Promise<number[]> =>
      Promise.all(entries.map(async (entry) => (await log.append(entry)).index));

    test('is found there', async () => {
      const { store, log } = await createLog();
      const latch = new Latch();
      store.plan('commit', { before: latch });
      const first = appendEach(log, full);
      const second = appendEach(log, [...full.slice(1), entryOf(0)]);
      await latch.reached;
      for (let i = 0; i < 10; i++) await new Promise(setImmediate);
      expect(log.size).toBe(0);
      latch.open();
      expect(await first).toEqual(full.map((_, i) => i));
      expect(await second).toEqual([...full.slice(1).map((_, i) => i + 1), full.length]);
      await expectLog(log, [...full, entryOf(0)]);
    });

    test('is found although that becomes durable while the store is asked', async () => {
      const { store, log } = await createLog();
      await log.append(entryOf(0));
      const [committing, reading] = [new Latch(), new Latch()];
      store.plan('commit', { before: committing });
      // Each commit has an entry for which the store must be asked.
      store.plan('readDerived', { before: reading }, 1);
      const first = appendEach(log, [entryOf(0), ...full.slice(1)]);
      const second = appendEach(log, [entryOf(0), ...full]);
      await Promise.all([committing.reached, reading.reached]);
      committing.open();
      expect(await first).toEqual(full.map((_, i) => i));
      reading.open();
      expect(await second).toEqual([0, full.length, ...full.slice(1).map((_, i) => i + 1)]);
      await expectLog(log, [entryOf(0), ...full.slice(1), full[0]!]);
    });

    test('is found although that becomes durable while all leaves are read', async () => {
      const SIZE = 60_000;
      const perCommit = Math.floor(MAX_COMMIT_BYTES / SIZE);
      const large = Array.from({ length: perCommit }, (_, i) => new Uint8Array(SIZE).fill(i));
      // A log looks leaves up one by one until it has done that for one in 32 of what it holds: here in the second commit.
      const stored = entriesOf(perCommit * 48);
      const { disk, log } = await createLog();
      await collect(log.appendAll(stored));
      await log[Symbol.asyncDispose]();

      const { store, log: reopened } = await openLog(disk);
      const [committing, reading] = [new Latch(), new Latch()];
      store.plan('commit', { before: committing });
      store.plan('readTile', { before: reading });
      const first = appendEach(reopened, large);
      const last = new Uint8Array(SIZE).fill(perCommit);
      const second = appendEach(reopened, [...large.toReversed(), last, entryOf(7)]);
      await Promise.all([committing.reached, reading.reached]);
      committing.open();
      expect(await first).toEqual(large.map((_, i) => stored.length + i));
      reading.open();
      const { length } = stored;
      expect(await second).toEqual([...large.map((_, i) => length + i).reverse(), length + perCommit, 7]);
      expect(reopened.size).toBe(length + perCommit + 1);
    });
  });

  test('is found among many, however they are appended', async () => {
    const random = new SeededRandom(3);
    const { disk, log } = await createLog();
    const known = new Map<number, number>();
    const entries: Uint8Array[] = [];
    let current = log;
    for (let round = 0; round < 60; round++) {
      const numbers = Array.from({ length: 1 + random.below(60) }, () => random.below(1000));
      for (const number of numbers) {
        if (known.has(number)) continue;
        known.set(number, entries.length);
        entries.push(entryOf(number));
      }
      const expected = numbers.map((number) => known.get(number));
      const actual =
        random.below(2) === 0
          ? await indicesOf(current.appendAll(numbers.map(entryOf)))
          : (await Promise.all(numbers.map((number) => current.append(entryOf(number))))).map(({ index }) => index);
      expect(actual).toEqual(expected);
      if (random.below(8) > 0) continue;
      await current[Symbol.asyncDispose]();
      ({ log: current } = await openLog(disk));
    }
    await expectLog(current, entries);
  });

  test('is found in a log of more entries than one part of the filter takes', { timeout: 120_000 }, async () => {
    const SIZE = 70_000;
    const { disk, store, log } = await createLog();
    const entries = Array.from({ length: SIZE }, (_, i) => utf8(`${i}`));
    const first = await indicesOf(log.appendAll(entries));
    expect(first).toEqual(entries.map((_, i) => i));
    const commits = store.commits.length;
    expect(commits).toBeLessThan(SIZE / 1000);
    expect(await indicesOf(log.appendAll(entries))).toEqual(first);
    expect(store.commits.length).toBe(commits);
    const { root } = log;
    await log[Symbol.asyncDispose]();

    const { store: reopenedStore, log: reopened } = await openLog(disk);
    const mixed = Array.from({ length: SIZE }, (_, i) => utf8(`${2 * i}`));
    const indices = await indicesOf(reopened.appendAll(mixed));
    expect(indices).toEqual(mixed.map((_, i) => (2 * i < SIZE ? 2 * i : SIZE / 2 + i)));
    expect(reopened.size).toBe(SIZE * 1.5);
    const all = [...entries, ...mixed.slice(SIZE / 2)];
    const tree = new ReferenceTree(all);
    expect(root).toEqual(tree.root(SIZE));
    expect(reopened.root).toEqual(tree.root(all.length));
    for (const index of [0, 65_535, 65_536, 69_999, 70_000, all.length - 1]) {
      expect((await reopened.proveInclusion(index)).proof).toEqual(tree.path(index, 0, all.length));
    }
    expect((await reopened.proveConsistency(65_537)).proof).toEqual(tree.consistency(65_537, all.length));
    await reopened[Symbol.asyncDispose]();
    expect(reopenedStore.commits.length).toBeGreaterThan(0);
    expect((await fsck(await MemoryStore.open(disk))).size).toBe(all.length);
  });
});

describe('a log that allows duplicates', () => {
  test('stores an entry as often as it is given', async () => {
    const { disk, log } = await createLog({ duplicates: true });
    expect((await log.append(entryOf(0))).index).toBe(0);
    expect((await log.append(entryOf(0))).index).toBe(1);
    expect(await indicesOf(log.appendAll([0, 1, 1].map(entryOf)))).toEqual([2, 3, 4]);
    const many = await Promise.all(Array.from({ length: 20 }, () => log.append(entryOf(1))));
    expect(many.map(({ index }) => index)).toEqual(many.map((_, i) => 5 + i));
    await log[Symbol.asyncDispose]();
    const { log: reopened } = await openLog(disk);
    expect(reopened.description.duplicates).toBe(true);
    await expectLog(reopened, [0, 0, 0, ...Array.from({ length: 22 }, () => 1)].map(entryOf));
    expect(disk.derived.size).toBe(0);
  });

  test('finds the first of equal entries', async () => {
    const { log } = await createLog({ duplicates: true });
    const numbers = Array.from({ length: 600 }, (_, i) => i % 590);
    await collect(log.appendAll(numbers.map(entryOf)));
    for (const number of [0, 5, 255, 256, 589]) expect(await log.indexOf(leafHash(entryOf(number)))).toBe(number);
    expect(await log.indexOf(leafHash(entryOf(590)))).toBeUndefined();
  });

  test('lets others have a turn while it looks for one', async () => {
    const { log } = await createLog({ duplicates: true });
    await collect(log.appendAll(entriesOf(3 * 16 * 256)));
    let turns = 0;
    let isDone = false;
    const turn = (): void => {
      turns++;
      if (!isDone) setImmediate(turn);
    };
    turn();
    expect(await log.indexOf(new Uint8Array(32))).toBeUndefined();
    isDone = true;
    expect(turns).toBeGreaterThan(3);
  });
});
