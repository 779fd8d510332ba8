import { Latch } from '@vitrine/testkit';
import { describe, expect, test } from 'vitest';
import { equalBytes } from '../../src/bytes/equal.ts';
import { MAX_COMMIT_BYTES, MAX_COMMIT_ENTRIES } from '../../src/log/sequencer.ts';
import { leafHash } from '../../src/tree/hash.ts';
import { collect, createLog, entriesOf, entryOf, errorOf, expectCode, expectLog, openLog } from './fixtures.ts';

/** Counts what is taken from it, fails after `failAfter` entries, and knows whether it was closed. */
class Source implements AsyncIterable<Uint8Array> {
  taken = 0;
  isClosed = false;
  readonly #count: number;
  readonly #failAfter: number;

  constructor(count: number, failAfter = Number.POSITIVE_INFINITY) {
    this.#count = count;
    this.#failAfter = failAfter;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    try {
      while (this.taken < this.#count) {
        if (this.taken === this.#failAfter) throw new Error('the input broke off');
        yield entryOf(this.taken++);
      }
    } finally {
      this.isClosed = true;
    }
  }
}

describe('appending an iterable', () => {
  test('yields every entry once, in order, in batches whose checkpoints cover them', async () => {
    const { log } = await createLog();
    const SIZE = 2 * MAX_COMMIT_ENTRIES + 100;
    let next = 0;
    for await (const batch of log.appendAll(new Source(SIZE))) {
      expect(batch.length).toBeLessThanOrEqual(MAX_COMMIT_ENTRIES);
      const { size } = await log.publish(batch.checkpoint);
      const appended = [...batch];
      expect(appended.length).toBe(batch.length);
      for (const { index, leafHash: hash, checkpoint } of appended) {
        expect(checkpoint).toBe(batch.checkpoint);
        if (index !== next) expect(index).toBe(next);
        if (index % 500 === 0) expect(hash).toEqual(leafHash(entryOf(index)));
        next++;
      }
      expect(size).toBeGreaterThanOrEqual(next);
    }
    expect(next).toBe(SIZE);
    expect(log.size).toBe(SIZE);
  });

  test('takes arrays and other plain iterables, and nothing at all', async () => {
    const { store, log } = await createLog();
    expect(await collect(log.appendAll([]))).toEqual([]);
    expect(store.commits.length).toBe(0);
    await collect(log.appendAll(new Set([entryOf(0), entryOf(1)])));
    await collect(log.appendAll(new Source(4)));
    await expectLog(log, entriesOf(4));
  });

  test('splits commits by bytes as well', async () => {
    const { store, log } = await createLog();
    const large = Array.from({ length: 100 }, (_, i) => new Uint8Array(65_535).fill(i));
    await collect(log.appendAll(large));
    const stored = await collect(log.entries());
    expect(stored.length).toBe(large.length);
    expect(stored.every((entry, i) => equalBytes(entry, large[i]!))).toBe(true);
    for (const { bundles } of store.commits) {
      expect(bundles.reduce((sum, { bytes }) => sum + bytes.length, 0)).toBeLessThan(MAX_COMMIT_BYTES + 65_536);
    }
  });

  test('reads no further ahead than a few commits, however slow its caller is', async () => {
    const { log } = await createLog();
    const source = new Source(1_000_000);
    const batches = log.appendAll(source);
    expect(source.taken).toBe(0);
    let yielded = 0;
    for (let i = 0; i < 5; i++) {
      const { value } = await batches.next();
      yielded += value?.length ?? 0;
      for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
      expect(source.taken - yielded).toBeLessThanOrEqual(4 * MAX_COMMIT_ENTRIES + 1);
    }
    await batches.return();
    expect(source.isClosed).toBe(true);
  });

  test('reads no further ahead than a few commits, however slow the store is', async () => {
    const { store, log } = await createLog();
    const latch = new Latch();
    store.plan('commit', { before: latch });
    const source = new Source(10 * MAX_COMMIT_ENTRIES);
    const appending = collect(log.appendAll(source));
    await latch.reached;
    for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate);
    expect(source.taken).toBeLessThanOrEqual(4 * MAX_COMMIT_ENTRIES + 1);
    latch.open();
    await appending;
    expect(log.size).toBe(10 * MAX_COMMIT_ENTRIES);
  });

  test.for([0, 1, 100, MAX_COMMIT_ENTRIES, 3 * MAX_COMMIT_ENTRIES + 7])(
    'that fails after %i entries appends and yields those, and then fails',
    async (count) => {
      const { disk, log } = await createLog();
      const source = new Source(1_000_000, count);
      const indices: number[] = [];
      const error = await errorOf(
        (async () => {
          for await (const batch of log.appendAll(source)) indices.push(...[...batch].map(({ index }) => index));
        })(),
      );
      expect(error.message).toBe('the input broke off');
      expect(indices).toEqual(Array.from({ length: count }, (_, i) => i));
      expect(source.isClosed).toBe(true);
      // That was not the log's failure.
      expect((await log.append(entryOf(count))).index).toBe(count);
      await log[Symbol.asyncDispose]();
      const { log: reopened } = await openLog(disk);
      expect(reopened.size).toBe(count + 1);
    },
  );

  test.for([
    ['entry-empty', new Uint8Array()],
    ['entry-too-large', new Uint8Array(65_536)],
  ] as const)('with an entry that is refused as %s appends and yields those before it', async ([code, bad]) => {
    const { log } = await createLog();
    const batches: number[] = [];
    const appending = (async () => {
      for await (const batch of log.appendAll([...entriesOf(300), bad, entryOf(300)])) batches.push(batch.length);
    })();
    await expectCode(appending, code);
    expect(batches).toEqual([300]);
    await expectLog(log, entriesOf(300));
  });

  test('that its caller leaves early is closed, and what was read from it is a prefix of the log', async () => {
    const { disk, log } = await createLog();
    const source = new Source(1_000_000);
    for await (const batch of log.appendAll(source)) {
      expect(batch.length).toBe(MAX_COMMIT_ENTRIES);
      break;
    }
    expect(source.isClosed).toBe(true);
    await log[Symbol.asyncDispose]();
    const { log: reopened } = await openLog(disk);
    expect(reopened.size).toBeGreaterThanOrEqual(MAX_COMMIT_ENTRIES);
    expect(reopened.size).toBeLessThanOrEqual(source.taken);
    expect(await reopened.entry(reopened.size - 1)).toEqual(entryOf(reopened.size - 1));
    expect((await reopened.append(entryOf(reopened.size))).index).toBe(reopened.size - 1);
  });

  test('goes on beside single appends, each with an index of its own', async () => {
    const { log } = await createLog();
    const single = entriesOf(500, 1_000_000);
    const [batches, appended] = await Promise.all([
      collect(log.appendAll(new Source(MAX_COMMIT_ENTRIES + 500))),
      Promise.all(single.map((entry) => log.append(entry))),
    ]);
    const all = [...batches.flatMap((batch) => [...batch]), ...appended];
    expect(new Set(all.map(({ index }) => index)).size).toBe(all.length);
    expect(log.size).toBe(all.length);
    for (const { index, leafHash: hash } of all.slice(0, 50)) expect(await log.leafHash(index)).toEqual(hash);
    for (const [i, { index }] of appended.entries()) expect(await log.entry(index)).toEqual(single[i]);
  });

  test('whose store fails rejects with the store’s error, closes the iterable, and has yielded what is durable', async () => {
    const { disk, store, log } = await createLog();
    store.plan('commit', { fault: 'dropped' }, 2);
    const source = new Source(1_000_000);
    let yielded = 0;
    const appending = (async () => {
      for await (const batch of log.appendAll(source)) yielded += batch.length;
    })();
    const error = await expectCode(appending, 'store-io');
    expect(error.message).toContain('injected');
    expect(source.isClosed).toBe(true);
    expect(source.taken).toBeLessThan(8 * MAX_COMMIT_ENTRIES);
    const { log: reopened } = await openLog(disk);
    expect(reopened.size).toBe(2 * MAX_COMMIT_ENTRIES);
    expect(yielded).toBe(reopened.size);
  });
});

describe('group commit', () => {
  test('a thousand callers at once share a few commits', async () => {
    const { store, log } = await createLog();
    const appended = await Promise.all(entriesOf(1000).map((entry) => log.append(entry)));
    expect(appended.map(({ index }) => index)).toEqual(Array.from({ length: 1000 }, (_, i) => i));
    expect(store.commits.length).toBeLessThanOrEqual(3);
    await expectLog(log, entriesOf(1000));
  });

  test('whoever calls while a commit is being written goes into the next one, all together', async () => {
    const { store, log } = await createLog();
    const latch = new Latch();
    store.plan('commit', { before: latch });
    const first = log.append(entryOf(0));
    await latch.reached;
    const appending: Promise<{ checkpoint: Uint8Array }>[] = [];
    for (let i = 1; i <= 200; i++) {
      appending.push(log.append(entryOf(i)));
      if (i % 20 === 0) await new Promise(setImmediate);
    }
    expect(store.commits.length).toBe(1);
    latch.open();
    const appended = await Promise.all(appending);
    expect(store.commits.length).toBe(2);
    expect(new Set(appended.map(({ checkpoint }) => Buffer.from(checkpoint).toString())).size).toBe(1);
    expect((await first).index).toBe(0);
    await expectLog(log, entriesOf(201));
  });

  test('callers that append one entry after the other share commits with each other', async () => {
    const { store, log } = await createLog();
    const CALLERS = 50;
    const EACH = 20;
    const caller = async (number: number): Promise<void> => {
      for (let i = 0; i < EACH; i++) await log.append(entryOf(number * EACH + i));
    };
    await Promise.all(Array.from({ length: CALLERS }, (_, number) => caller(number)));
    expect(log.size).toBe(CALLERS * EACH);
    expect(store.commits.length).toBeLessThanOrEqual(2 * EACH);
  });

  test('a commit with nothing new does not happen', async () => {
    const { store, log } = await createLog();
    await collect(log.appendAll(entriesOf(10)));
    const [commits, published] = [store.commits.length, store.published.length];
    await Promise.all([...entriesOf(10), ...entriesOf(10)].map((entry) => log.append(entry)));
    await collect(log.appendAll(entriesOf(10)));
    expect([store.commits.length, store.published.length]).toEqual([commits, published]);
  });
});
