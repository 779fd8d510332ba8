import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { LevelStore } from '../../src/log/level-store.ts';
import { Log } from '../../src/log/log.ts';
import { formatSignedNote, signNote } from '../../src/note/signed-note.ts';
import { collect, createLog, entriesOf, entryOf, expectCode, expectLog, OPTIONS, openLog, SIGNER } from './fixtures.ts';

describe('arrays that go in', () => {
  test('are copied when they are appended', async () => {
    const { log } = await createLog();
    const entry = entryOf(0);
    const appending = log.append(entry);
    entry.fill(0);
    await appending;
    await expectLog(log, entriesOf(1));
  });

  test('can be one array that an iterable uses again and again', async () => {
    const { log } = await createLog();
    const shared = new Uint8Array(1);
    function* counting(): Generator<Uint8Array> {
      for (let i = 1; i <= 200; i++) {
        shared[0] = i;
        yield shared;
      }
    }
    for await (const _ of log.appendAll(counting())) {
      // Only what the log has in the end matters.
    }
    const stored = await collect(log.entries());
    expect(stored.map(([first]) => first)).toEqual(Array.from({ length: 200 }, (_, i) => i + 1));
  });

  test('that are taken away before the commit harm nobody', async () => {
    const { log } = await createLog();
    const entry = entryOf(0).slice();
    const appending = [log.append(entry), log.append(entryOf(1))];
    structuredClone(entry.buffer, { transfer: [entry.buffer] });
    expect(entry).toHaveLength(0);
    await Promise.all(appending);
    await expectLog(log, entriesOf(2));
  });
});

describe('arrays that come out', () => {
  test('are the caller’s: changing them changes neither the log nor what it stores', async () => {
    const { disk, log } = await createLog();
    const { checkpoint, leafHash } = await log.append(entryOf(0));
    const { note } = log.checkpoint();
    const before = note.slice();
    for (const array of [checkpoint, leafHash, note, log.root, log.checkpoint().root, await log.leafHash(0)])
      array.fill(0);
    for await (const batch of log.appendAll(entriesOf(1))) {
      batch.checkpoint.fill(0);
      for (const appended of batch) appended.leafHash.fill(0);
    }
    expect(log.checkpoint().note).toEqual(before);
    await log[Symbol.asyncDispose]();
    const { log: reopened } = await openLog(disk);
    expect(reopened.checkpoint().note).toEqual(before);
    await expectLog(reopened, entriesOf(1));
  });
});

describe('closing', () => {
  test('is one thing, however often it is asked for', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'vitrine-closing-'));
    try {
      const log = await Log.create((description) => LevelStore.create(join(directory, 'log'), description), OPTIONS);
      const appending = log.append(entryOf(0));
      const first = log[Symbol.asyncDispose]();
      await log[Symbol.asyncDispose]();
      // Whoever waited for the second one can open the log.
      await using reopened = await Log.open(await LevelStore.open(join(directory, 'log')), { signer: SIGNER });
      expect(reopened.size).toBe(1);
      await Promise.all([first, appending]);
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  test('ends appendAll with log-closed', async () => {
    const { log } = await createLog();
    async function* endless(): AsyncGenerator<Uint8Array> {
      for (let i = 0; ; i++) {
        if (i === 5000) void log[Symbol.asyncDispose]();
        yield entryOf(i);
      }
    }
    const appending = (async () => {
      for await (const _ of log.appendAll(endless())) {
        // Until it throws.
      }
    })();
    await expectCode(appending, 'log-closed');
  });
});

test('a checkpoint with extension lines is none of this log, though its key signed it', async () => {
  const { disk, log } = await createLog();
  await log.append(entryOf(0));
  const [origin, size, root] = Buffer.from(log.checkpoint().note).toString().split('\n');
  const extended = formatSignedNote(await signNote(`${origin}\n${size}\n${root}\nmore\n`, [SIGNER]));
  await expectCode(log.publish(extended), 'checkpoint-malformed');
  await log[Symbol.asyncDispose]();
  const { log: reopened } = await openLog(disk);
  expect(reopened.size).toBe(1);
});

test('of those who create a log in one directory at once, one does, and the others touch nothing', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'vitrine-creating-'));
  try {
    const create = (): Promise<Log> => Log.create((description) => LevelStore.create(directory, description), OPTIONS);
    const created = await Promise.allSettled([create(), create(), create()]);
    const logs = created.filter((result) => result.status === 'fulfilled').map(({ value }) => value);
    const refused = created.filter((result) => result.status === 'rejected').map(({ reason }) => reason.code);
    expect(logs).toHaveLength(1);
    expect(refused).toEqual(['store-exists', 'store-exists']);
    await logs[0]!.append(entryOf(0));
    await logs[0]![Symbol.asyncDispose]();
    await using reopened = await Log.open(await LevelStore.open(directory));
    expect(await collect(reopened.entries())).toEqual([entryOf(0)]);
  } finally {
    await rm(directory, { recursive: true });
  }
});
