import { type Fault, FaultStore, Latch, MemoryDisk, MemoryStore } from '@vitrine/testkit';
import { describe, expect, test } from 'vitest';
import { fsck } from '../../src/log/fsck.ts';
import { Log } from '../../src/log/log.ts';
import { MAX_COMMIT_ENTRIES } from '../../src/log/sequencer.ts';
import {
  CheckpointHistory,
  createLog,
  entriesOf,
  entryOf,
  expectCode,
  expectLog,
  openLog,
  SIGNER,
} from './fixtures.ts';

const turns = async (count: number): Promise<void> => {
  for (let i = 0; i < count; i++) await new Promise(setImmediate);
};

/** A disk as it is now, whatever happens to the one that it is a copy of. */
function snapshot(disk: MemoryDisk): MemoryDisk {
  return Object.assign(new MemoryDisk(), structuredClone({ ...disk }));
}

async function check(disk: MemoryDisk): Promise<void> {
  await fsck(await MemoryStore.open(disk));
}

describe('a commit that fails', () => {
  test.for(['dropped', 'applied'] as Fault[])(
    'and was %s: the caller gets the store’s error, later calls log-failed, reopening recovers',
    async (fault) => {
      const history = new CheckpointHistory();
      const { disk, store, log } = await createLog();
      for (const entry of entriesOf(5)) history.see((await log.append(entry)).checkpoint);
      store.plan('commit', { fault });
      const error = await expectCode(log.append(entryOf(5)), 'store-io');
      expect(error.message).toContain(`injected: the commit was ${fault}`);
      const later = await expectCode(log.append(entryOf(6)), 'log-failed');
      expect(later.cause).toBe(error);
      await expectCode(log.append(entryOf(0)), 'log-failed');
      // What was there can be read on.
      await expectLog(log, entriesOf(5));
      expect(log.checkpoint().size).toBe(5);
      await log[Symbol.asyncDispose]();
      history.seeAll(store);

      const { store: reopenedStore, log: reopened } = await openLog(disk);
      expect(reopened.size).toBe(fault === 'applied' ? 6 : 5);
      // A retry gives the index that the entry has, once.
      expect((await reopened.append(entryOf(5))).index).toBe(5);
      expect((await reopened.append(entryOf(6))).index).toBe(6);
      await expectLog(reopened, entriesOf(7));
      history.seeAll(reopenedStore);
      history.see(reopened.checkpoint().note);
      history.expectOf(entriesOf(7));
      await reopened[Symbol.asyncDispose]();
      await check(disk);
    },
  );

  test.for(['dropped', 'applied'] as Fault[])(
    'and was %s fails everybody who waits: those in it, those prepared behind it, those queued',
    async (fault) => {
      const { disk, store, log } = await createLog();
      const latch = new Latch();
      store.plan('commit', { before: latch, fault });
      const prepared = entriesOf(2 * MAX_COMMIT_ENTRIES + 10);
      const appending = prepared.map((entry) => log.append(entry));
      await latch.reached;
      const queued = entriesOf(20, prepared.length).map((entry) => log.append(entry));
      const settled = Promise.allSettled([...appending, ...queued]);
      latch.open();
      const codes = (await settled).map((result) => (result.status === 'rejected' ? result.reason.code : 'resolved'));
      expect(new Set(codes.slice(0, MAX_COMMIT_ENTRIES))).toEqual(new Set(['store-io']));
      for (const code of codes) expect(['store-io', 'log-failed']).toContain(code);
      await log[Symbol.asyncDispose]();
      const { log: reopened } = await openLog(disk);
      expect(reopened.size).toBe(fault === 'applied' ? MAX_COMMIT_ENTRIES : 0);
      expect((await reopened.append(prepared[0]!)).index).toBe(0);
      await reopened[Symbol.asyncDispose]();
      await check(disk);
    },
  );

  test('does not take back what was acknowledged before it', async () => {
    const { disk, store, log } = await createLog();
    store.plan('commit', { fault: 'applied' }, 3);
    const acknowledged = new Map<number, Uint8Array>();
    for (let i = 0; i < 10; i++) {
      const entry = entryOf(i);
      await log.append(entry).then(
        ({ index }) => acknowledged.set(index, entry),
        () => {},
      );
    }
    expect(acknowledged.size).toBe(3);
    const { log: reopened } = await openLog(disk);
    for (const [index, entry] of acknowledged) expect(await reopened.entry(index)).toEqual(entry);
  });

  test('because another process was faster is a conflict; the loser signs nothing and recovers by reopening', async () => {
    const { disk, store, log } = await createLog();
    await log.append(entryOf(0));
    const { store: otherStore, log: other } = await openLog(disk);
    const latch = new Latch();
    store.plan('commit', { before: latch });
    const losing = log.append(entryOf(1));
    await latch.reached;
    expect((await other.append(entryOf(2))).index).toBe(1);
    latch.open();
    await expectCode(losing, 'store-conflict');
    await expectCode(log.append(entryOf(3)), 'log-failed');
    await log[Symbol.asyncDispose]();
    await other[Symbol.asyncDispose]();

    const { store: reopenedStore, log: reopened } = await openLog(disk);
    expect((await reopened.append(entryOf(1))).index).toBe(2);
    await expectLog(reopened, [0, 2, 1].map(entryOf));
    const history = new CheckpointHistory();
    for (const one of [store, otherStore, reopenedStore]) history.seeAll(one);
    history.expectOf([0, 2, 1].map(entryOf));
  });

  test('never makes two checkpoints of one size, however many processes race', async () => {
    const { disk, log: first } = await createLog();
    await first[Symbol.asyncDispose]();
    const history = new CheckpointHistory();
    const acknowledged = new Map<number, Uint8Array>();
    let number = 0;
    for (let round = 0; round < 20; round++) {
      const racers = await Promise.all(Array.from({ length: 3 }, () => openLog(disk)));
      await Promise.all(
        racers.flatMap(({ log }) =>
          Array.from({ length: 5 }, async () => {
            const entry = entryOf(number++);
            const appended = await log.append(entry).catch(() => undefined);
            if (appended === undefined) return;
            expect(acknowledged.get(appended.index) ?? entry).toEqual(entry);
            acknowledged.set(appended.index, entry);
            history.see(appended.checkpoint);
          }),
        ),
      );
      for (const { store, log } of racers) {
        await log[Symbol.asyncDispose]();
        history.seeAll(store);
      }
    }
    const { log } = await openLog(disk);
    const entries: Uint8Array[] = [];
    for await (const entry of log.entries()) entries.push(entry);
    expect(acknowledged.size).toBeGreaterThan(0);
    for (const [index, entry] of acknowledged) expect(entries[index]).toEqual(entry);
    history.expectOf(entries);
  });
});

describe('a publication that fails', () => {
  test.for(['dropped', 'applied'] as Fault[])(
    'and was %s: the entry is durable and acknowledged, later appends fail, reopening signs the same again',
    async (fault) => {
      const { disk, store, log } = await createLog();
      await log.append(entryOf(0));
      await turns(5);
      store.plan('publish', { fault });
      const { index, checkpoint } = await log.append(entryOf(1));
      expect(index).toBe(1);
      await turns(5);
      await expectCode(log.append(entryOf(2)), 'store-closed');
      await expectCode(log.append(entryOf(3)), 'log-failed');
      await expectCode(log.publish(checkpoint), 'store-io');
      await expectCode(log[Symbol.asyncDispose](), 'store-io');
      await expectCode(store.readHead(), 'store-closed');

      const { log: reopened } = await openLog(disk);
      await expectLog(reopened, entriesOf(2));
      expect(reopened.checkpoint().note).toEqual(checkpoint);
      await reopened[Symbol.asyncDispose]();
      expect(disk.checkpoints.signed).toEqual(checkpoint);
      await check(disk);
    },
  );

  test('while the log is being opened with its key keeps it from being appended to, and not from being read', async () => {
    const { disk, log } = await createLog();
    const older = log.checkpoint().note;
    await log.append(entryOf(0));
    await log[Symbol.asyncDispose]();
    disk.checkpoints = { signed: older };
    await expectCode(
      openLog(disk, (store) => store.plan('publish', { fault: 'dropped' })),
      'store-io',
    );
    await expectLog(await Log.open(await MemoryStore.open(disk)), entriesOf(1));
    expect((await openLog(disk)).log.checkpoint().note).toEqual(log.checkpoint().note);
  });
});

describe('a crash', () => {
  /** The checkpoint of the same two entries where nothing happened. */
  async function undisturbed(): Promise<Uint8Array> {
    const { log } = await createLog();
    await log.append(entryOf(0));
    return (await log.append(entryOf(1))).checkpoint;
  }

  test('before the head is stored leaves the log as it was', async () => {
    const { disk, store, log } = await createLog();
    const { checkpoint } = await log.append(entryOf(0));
    const latch = new Latch();
    store.plan('commit', { before: latch });
    log.append(entryOf(1)).catch(() => {});
    await latch.reached;
    const { log: reopened } = await openLog(snapshot(disk));
    await expectLog(reopened, entriesOf(1));
    expect(reopened.checkpoint().note).toEqual(checkpoint);
    latch.open();
  });

  test('after the head is stored and before it is signed gives the same checkpoint, byte for byte', async () => {
    const { disk, store, log } = await createLog();
    await log.append(entryOf(0));
    const latch = new Latch();
    store.plan('commit', { after: latch });
    const appending = log.append(entryOf(1));
    await latch.reached;
    const crashed = snapshot(disk);
    expect(crashed.head.size).toBe(2);
    const { log: reopened } = await openLog(crashed);
    latch.open();
    const { checkpoint } = await appending;
    expect(reopened.checkpoint().note).toEqual(checkpoint);
    expect(checkpoint).toEqual(await undisturbed());
    await expectLog(reopened, entriesOf(2));
    await reopened[Symbol.asyncDispose]();
    expect(crashed.checkpoints.signed).toEqual(checkpoint);
  });

  test('while the head is being signed gives the same checkpoint', async () => {
    const latch = new Latch();
    let signatures = 0;
    const signer = {
      ...SIGNER,
      sign: async (message: Uint8Array) => {
        if (++signatures === 3) await latch.pass();
        return SIGNER.sign(message);
      },
    };
    const { disk, log } = await createLog({ signer });
    await log.append(entryOf(0));
    const appending = log.append(entryOf(1));
    await latch.reached;
    const { log: reopened } = await openLog(snapshot(disk));
    latch.open();
    expect(reopened.checkpoint().note).toEqual((await appending).checkpoint);
    expect(reopened.checkpoint().note).toEqual(await undisturbed());
  });

  test.for(['before', 'after'] as const)(
    'after it is signed and %s that is stored gives the same checkpoint',
    async (when) => {
      const { disk, store, log } = await createLog();
      await log.append(entryOf(0));
      await turns(5);
      const latch = new Latch();
      store.plan('publish', { [when]: latch });
      const { checkpoint } = await log.append(entryOf(1));
      await latch.reached;
      const crashed = snapshot(disk);
      const { log: reopened } = await openLog(crashed);
      expect(reopened.checkpoint().note).toEqual(checkpoint);
      expect(checkpoint).toEqual(await undisturbed());
      latch.open();
      await log[Symbol.asyncDispose]();
      await reopened[Symbol.asyncDispose]();
      expect(crashed.checkpoints).toEqual(disk.checkpoints);
    },
  );

  test('of the signer fails the append, keeps the entry, and reopening signs it', async () => {
    const { disk, log } = await createLog({
      signer: {
        ...SIGNER,
        sign: (message) => {
          if (new TextDecoder().decode(message).includes('\n2\n')) throw new Error('the agent is gone');
          return SIGNER.sign(message);
        },
      },
    });
    await log.append(entryOf(0));
    await expect(log.append(entryOf(1))).rejects.toThrow('the agent is gone');
    await expectCode(log.append(entryOf(2)), 'log-failed');
    expect(log.checkpoint().size).toBe(1);
    const { log: reopened } = await openLog(disk);
    await expectLog(reopened, entriesOf(2));
    expect(reopened.checkpoint().note).toEqual(await undisturbed());
  });
});

describe('slow publications', () => {
  test('do not hold up appending, and the newest checkpoint is the one that stays', async () => {
    const { disk, store, log } = await createLog();
    await turns(5);
    const latch = new Latch();
    store.plan('publish', { before: latch });
    let last!: Uint8Array;
    for (const entry of entriesOf(20)) last = (await log.append(entry)).checkpoint;
    await latch.reached;
    expect(disk.head.size).toBe(20);
    latch.open();
    await log[Symbol.asyncDispose]();
    expect(disk.checkpoints.signed).toEqual(last);
    // That of the empty tree, the first one, and then only the newest.
    expect(store.published.length).toBe(3);
  });

  test('are waited for when the log is closed', async () => {
    const { disk, store, log } = await createLog();
    await turns(5);
    const latch = new Latch();
    store.plan('publish', { before: latch });
    const { checkpoint } = await log.append(entryOf(0));
    let isClosed = false;
    const closing = log[Symbol.asyncDispose]().then(() => {
      isClosed = true;
    });
    await turns(10);
    expect(isClosed).toBe(false);
    latch.open();
    await closing;
    expect(disk.checkpoints.signed).toEqual(checkpoint);
  });
});

describe('reads that fail', () => {
  test('while a commit is prepared fail its callers and leave the log as it was', async () => {
    const { disk, log } = await createLog();
    for (const entry of entriesOf(3)) await log.append(entry);
    await log[Symbol.asyncDispose]();
    const { log: reopened } = await openLog(disk, (store) => store.plan('readDerived', { fault: 'dropped' }));
    await expectCode(reopened.append(entryOf(1)), 'store-io');
    await expectCode(reopened.append(entryOf(1)), 'log-failed');
    await expectLog(reopened, entriesOf(3));
  });

  test('do no harm to a log that only reads', async () => {
    const { store, log } = await createLog();
    for (const entry of entriesOf(3)) await log.append(entry);
    store.plan('readBundle', { fault: 'dropped' });
    await expectCode(log.entry(1), 'store-io');
    expect(await log.entry(1)).toEqual(entryOf(1));
    expect((await log.append(entryOf(3))).index).toBe(3);
  });

  test('while the log is opened leave the store to the caller', async () => {
    const { disk, log } = await createLog();
    await log.append(entryOf(0));
    await log[Symbol.asyncDispose]();
    const store = new FaultStore(await MemoryStore.open(disk));
    store.plan('readTile', { fault: 'dropped' });
    await expectCode(Log.open(store, { signer: SIGNER }), 'store-io');
    await expectLog(await Log.open(store, { signer: SIGNER }), entriesOf(1));
  });
});
