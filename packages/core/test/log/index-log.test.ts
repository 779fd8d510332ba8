import { FaultStore, Latch, MemoryDisk, MemoryStore } from '@vitrine/testkit';
import { describe, expect, test } from 'vitest';
import { encodeCbor } from '../../src/cbor/cbor.ts';
import type { Admission } from '../../src/log/admission.ts';
import { fsck } from '../../src/log/fsck.ts';
import { INDEX_HEAD_KEY, INDEX_KEY_PREFIX, isVersioned } from '../../src/log/index-keys.ts';
import { encodeIndex, leafKey } from '../../src/log/known-leaves.ts';
import { Log } from '../../src/log/log.ts';
import { reindex } from '../../src/log/reindex.ts';
import { MAX_COMMIT_ENTRIES } from '../../src/log/sequencer.ts';
import { verifyStream } from '../../src/log-index/index-claim.ts';
import { formatIndexEntry, indexEntryOf, verifyIndexInclusion } from '../../src/log-index/index-entry.ts';
import type { IndexMapping } from '../../src/log-index/index-mapping.ts';
import { streamKey } from '../../src/log-index/stream.ts';
import { formatCheckpoint } from '../../src/note/checkpoint.ts';
import { formatSignedNote, signNote } from '../../src/note/signed-note.ts';
import { formatBundle } from '../../src/tile/entry-bundle.ts';
import { appendLeaf, EMPTY_RANGE, rangeRoot } from '../../src/tree/compact-range.ts';
import { leafHash } from '../../src/tree/hash.ts';
import {
  collect,
  cosigned,
  createLog,
  errorOf,
  expectCode,
  OPTIONS,
  ORIGIN,
  openLog,
  SIGNER,
  utf8,
} from './fixtures.ts';
import {
  ADMIT_ALL,
  commit,
  createIndexed,
  INDEXED,
  MAPPING,
  openIndexed,
  STREAM,
  statement,
  word,
} from './indexed-fixtures.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

const check = async (disk: MemoryDisk): Promise<number> =>
  (await fsck(await MemoryStore.open(disk), { mapping: MAPPING, admission: ADMIT_ALL })).size;

/** The keys of the index that are stored, in hex. */
const indexKeys = ({ derived }: MemoryDisk): string[] =>
  [...derived.keys()].filter((key) => key.startsWith(hex(Uint8Array.of(INDEX_KEY_PREFIX)))).sort();

/** Publishes the newest checkpoint with a cosignature. */
async function cosignNewest(log: Log): Promise<number> {
  const { note, size } = log.checkpoint();
  await log.publish(await cosigned(note));
  return size;
}

describe('a log with an index', () => {
  test('ends each commit that has entries with one index entry, and makes no others', async () => {
    const refusing: Admission = {
      admit: async (entry) => {
        if (new TextDecoder().decode(entry).includes('bad')) throw new RangeError('refused');
        return [];
      },
    };
    const { log, store } = await createIndexed({ admission: refusing });
    const { index, checkpoint } = await log.append(statement(STREAM, 1));
    expect(index).toBe(0);
    expect(new TextDecoder().decode(checkpoint).split('\n')[1]).toBe('2');
    await commit(log, [statement(STREAM, 2), utf8('nothing'), statement(STREAM, 3)]);
    expect(log.size).toBe(6);
    const entries = await collect(log.entries());
    expect(entries.map((entry) => indexEntryOf(entry)?.size)).toEqual([
      undefined,
      1,
      undefined,
      undefined,
      undefined,
      5,
    ]);
    const commits = store.commits.length;
    // What is there already, and what is refused.
    expect((await log.append(statement(STREAM, 2))).index).toBe(2);
    expect(await errorOf(log.append(utf8('bad')))).toBeInstanceOf(RangeError);
    expect([log.size, store.commits.length]).toEqual([6, commits]);
    const results = await Promise.allSettled([utf8('bad 2'), statement(STREAM, 4)].map((entry) => log.append(entry)));
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
    expect(log.size).toBe(8);
    expect(await log.latest(STREAM)).toMatchObject({ index: 6, position: 3 });
    expect(await log.latestOf(streamKey(STREAM))).toEqual(await log.latest(STREAM));
    expect(await log.latestOf(new Uint8Array(32))).toBeUndefined();
    await expect(log.latestOf(new Uint8Array(31))).rejects.toThrow(RangeError);
    expect(await log.indexOf(leafHash(entries[5]!))).toBe(5);
  });

  test('shows the admission its index entries, and where each entry will be', async () => {
    const sizes: number[] = [];
    const seen: (number | undefined)[] = [];
    const looking: Admission = {
      admit: async (_entry, _leafHash, view) => {
        sizes.push(view.size);
        if (view.size > 0) seen.push(indexEntryOf(await view.entry(view.size - 1))?.size);
        return [];
      },
    };
    const { log, store } = await createIndexed({ admission: looking });
    const latch = new Latch();
    store.plan('commit', { before: latch });
    // A full commit waits for the disk while the next one is judged.
    const all = Array.from({ length: 2 * MAX_COMMIT_ENTRIES }, (_, i) => log.append(statement(STREAM, i)));
    await latch.reached;
    while (sizes.length < MAX_COMMIT_ENTRIES + 1) await new Promise(setImmediate);
    latch.open();
    await Promise.all(all);
    expect(sizes[MAX_COMMIT_ENTRIES]).toBe(MAX_COMMIT_ENTRIES + 1);
    expect(seen[MAX_COMMIT_ENTRIES - 1]).toBe(MAX_COMMIT_ENTRIES);
    expect(log.size).toBe(2 * MAX_COMMIT_ENTRIES + 2);
    expect(await log.latest(STREAM)).toMatchObject({ position: 2 * MAX_COMMIT_ENTRIES - 1 });
  });

  test('goes on with what is on its way into the store', async () => {
    const { disk, log, store } = await createIndexed();
    const latch = new Latch();
    store.plan('commit', { before: latch });
    const streams = Array.from({ length: 500 }, (_, i) => ({ ...STREAM, stream: `p${i}` }));
    const entries = Array.from({ length: 3 * MAX_COMMIT_ENTRIES }, (_, i) => statement(streams[i % 500]!, i));
    const all = commit(log, entries);
    await latch.reached;
    for (let i = 0; i < 50; i++) await new Promise(setImmediate);
    latch.open();
    await all;
    await log[Symbol.asyncDispose]();
    expect(await check(disk)).toBe(entries.length + 3);
  });

  test('is created for statements only, and says what it lacks', async () => {
    const empty = new MemoryDisk();
    const create = (description: Uint8Array): Promise<MemoryStore> => MemoryStore.create(empty, description);
    const raw = Log.create(create, { ...OPTIONS, mapping: MAPPING });
    expect(await errorOf(raw)).toBeInstanceOf(RangeError);
    expect(empty.description).toBeUndefined();

    const { disk, log } = await createIndexed();
    await log.append(statement(STREAM, 1));
    await log[Symbol.asyncDispose]();
    const read = await openLog(disk, undefined, { admission: ADMIT_ALL });
    await expectCode(read.log.append(statement(STREAM, 2)), 'log-index');
    expect(await read.log.latest(STREAM)).toMatchObject({ index: 0 });
    await read.log[Symbol.asyncDispose]();

    const plain = await createLog({ kind: 'statements', admission: ADMIT_ALL });
    await plain.log.append(statement(STREAM, 1));
    for (const ask of [
      () => plain.log.latest(STREAM),
      () => plain.log.proveLatest(STREAM),
      () => plain.log.subject(new Uint8Array(32)),
      () => collect(plain.log.history(STREAM)),
      () => collect(plain.log.streams()),
    ]) {
      await expectCode((async () => ask())(), 'log-index');
    }
    await expectCode(openIndexed(plain.disk), 'log-index');
    await expectCode(fsck(await MemoryStore.open(plain.disk), { mapping: MAPPING }), 'log-index');
    await expectCode(reindex(await MemoryStore.open(plain.disk), MAPPING), 'log-index');
  });

  test('has none if it was made by an earlier version, and goes on without', async () => {
    const { disk, log } = await createLog({ kind: 'statements', admission: ADMIT_ALL });
    await log.append(statement(STREAM, 1));
    await log[Symbol.asyncDispose]();
    const { origin, vkeys } = OPTIONS;
    disk.description = utf8(JSON.stringify({ version: 2, origin, vkeys, kind: 'statements', duplicates: false }));
    const { log: reopened } = await openLog(disk, undefined, { admission: ADMIT_ALL });
    expect(reopened.description.indexed).toBe(false);
    expect((await reopened.append(statement(STREAM, 2))).index).toBe(1);
  });

  test.each([
    ['an index entry', formatIndexEntry({ size: 2, root: new Uint8Array(32) })],
    [
      'an index entry of another version',
      encodeCbor(
        new Map<string, string | number>([
          ['v', 9],
          ['type', 'index'],
        ]),
      ),
    ],
    // Indefinite length, and keys out of order.
    ['an index entry in another encoding', Uint8Array.of(0xbf, 0x64, ...utf8('type'), 0x65, ...utf8('index'), 0xff)],
  ])('takes %s from nobody, of whatever kind it is', async (_, entry) => {
    const { log } = await createIndexed();
    await log.append(statement(STREAM, 1));
    const raw = await createLog();
    const plain = await createLog({ kind: 'statements', admission: ADMIT_ALL });
    for (const one of [log, raw.log, plain.log]) {
      const { size } = one;
      await expectCode(one.append(entry), 'entry-reserved');
      await expectCode(collect(one.appendAll([entry])), 'entry-reserved');
      expect(one.size).toBe(size);
    }
  });

  test('does not say of an empty log that something is absent, because nothing shows it', async () => {
    const { log } = await createIndexed();
    expect(await log.latest(STREAM)).toBeUndefined();
    expect(await log.subject(new Uint8Array(32))).toBeNull();
    expect(await collect(log.streams())).toEqual([]);
    expect(await collect(log.history(STREAM))).toEqual([]);
    await expectCode(log.proveAbsent(STREAM), 'log-range');
    await expectCode(log.proveStreams(), 'log-range');
  });

  test('proves only what holds', async () => {
    const { log } = await createIndexed();
    await log.append(statement(STREAM, 1));
    const other = { ...STREAM, issuer: 'other.example' };
    await expectCode(log.proveLatest(other), 'stream-missing');
    await expectCode(log.proveHistory(other), 'stream-missing');
    await expectCode(log.proveAbsent(STREAM), 'stream-present');
    await expectCode(log.proveHistory(STREAM, 1), 'log-range');
    await expectCode(log.latest(STREAM, 1), 'log-range');
    await expectCode(log.latest(STREAM, 3), 'log-range');
    expect(await collect(log.history(STREAM, 1))).toEqual([]);
  });
});

describe('what is kept of an index', () => {
  test('is as much as the checkpoints need that are kept, and no more', async () => {
    const { disk, log } = await createIndexed();
    const streams = Array.from({ length: 40 }, (_, i) => ({ ...STREAM, stream: `p${i}` }));
    let n = 0;
    const grow = async (commits: number): Promise<void> => {
      for (let i = 0; i < commits; i++) await log.append(statement(streams[n % 40]!, n++));
    };
    const versioned = (): number => indexKeys(disk).filter((key) => isVersioned(Buffer.from(key, 'hex'))).length;
    await grow(200);
    await cosignNewest(log);
    await grow(40);
    const few = versioned();
    await grow(400);
    await cosignNewest(log);
    await grow(40);
    // Only the versions since the cosigned one are there, and as many as one commit in 32 leaves.
    expect(versioned()).toBeLessThan(few + 50);
    await expectCode(log.latest(streams[0]!, 20), 'log-range');

    const size = await cosignNewest(log);
    const before = await log.proveLatest(streams[3]!, size);
    const root = log.root;
    await grow(300);
    expect(versioned()).toBeGreaterThan(few + 300);
    const proven = await log.proveLatest(streams[3]!, size);
    expect(proven).toEqual(before);
    verifyIndexInclusion({ ...proven.index, size, root });
    verifyStream({ ...proven.claim, indexRoot: proven.index.indexRoot });
    expect((await log.latest(streams[3]!))!.record.count).toBeGreaterThan(proven.claim.record.count + 5);
    // Those between the two checkpoints are there as well: a witness may just be looking at one of them.
    expect(await log.latest(streams[3]!, size + 100)).toBeDefined();

    await cosignNewest(log);
    await grow(70);
    expect(versioned()).toBeLessThan(few + 200);
    await expectCode(log.latest(streams[3]!, size), 'log-range');
    await log[Symbol.asyncDispose]();
    expect(await check(disk)).toBe(log.size);
  });

  test('is there for the first cosignature, if that does not take too long', async () => {
    const { disk, log } = await createIndexed();
    const streams = Array.from({ length: 10 }, (_, i) => ({ ...STREAM, stream: `p${i}` }));
    const notes: Uint8Array[] = [];
    let n = 0;
    for (let i = 0; i < 120; i++) {
      await log.append(statement(streams[n % 10]!, n++));
      notes.push(log.checkpoint().note);
    }
    // Witnesses looked at an early tree, and answer now.
    await log.publish(await cosigned(notes[9]!));
    expect((await log.proveLatest(streams[3]!, 20)).claim.record.count).toBe(1);
    for (let i = 0; i < 120; i++) await log.append(statement(streams[n % 10]!, n++));
    expect((await log.proveLatest(streams[3]!, 20)).claim.record.count).toBe(1);
    await log[Symbol.asyncDispose]();
    expect(await check(disk)).toBe(480);
  });

  test('that is gone refuses a cosigned checkpoint, by which nothing could be proven', async () => {
    const { disk, log } = await createIndexed();
    const notes: Uint8Array[] = [];
    for (let round = 0; round < 80; round++) {
      await commit(
        log,
        Array.from({ length: 100 }, (_, i) => statement({ ...STREAM, stream: `p${i}` }, round)),
      );
      notes.push(log.checkpoint().note);
    }
    await expectCode(log.publish(await cosigned(notes[0]!)), 'log-range');
    expect(log.cosignedCheckpoint()).toBeUndefined();
    await log.publish(await cosigned(notes.at(-1)!));
    await log[Symbol.asyncDispose]();
    expect(await check(disk)).toBe(8080);
    // Not only while it remembers.
    const { log: reopened } = await openIndexed(disk);
    await expectCode(reopened.publish(await cosigned(notes[1]!)), 'log-range');
  });

  test('can go while somebody reads it, which is no damage', async () => {
    const { log } = await createIndexed();
    const streams = Array.from({ length: 600 }, (_, i) => ({ ...STREAM, stream: `p${i}` }));
    await commit(
      log,
      streams.map((stream) => statement(stream, 0)),
    );
    await cosignNewest(log);
    const reading = log.streams();
    expect((await reading.next()).done).toBe(false);
    for (let round = 1; round < 40; round++) {
      await commit(
        log,
        streams.map((stream) => statement(stream, round)),
      );
      await cosignNewest(log);
    }
    await expectCode(collect(reading), 'log-range');
  });

  test('goes a part at a time after a long while in which nothing could go', async () => {
    const { disk, log, store } = await createIndexed();
    await log.append(statement(STREAM, 0));
    await cosignNewest(log);
    const streams = Array.from({ length: 3000 }, (_, i) => ({ ...STREAM, stream: `p${i}` }));
    for (let round = 0; round < 12; round++)
      await commit(
        log,
        streams.map((stream) => statement(stream, round)),
      );
    await cosignNewest(log);
    const { commits } = store;
    const before = commits.length;
    for (let i = 0; i < 40; i++) await log.append(statement(STREAM, i + 1));
    const removed = commits.slice(before).map((one) => [...(one.removed ?? [])].length);
    expect(removed.filter((count) => count > 0).length).toBeGreaterThan(1);
    // A version's share is never divided.
    expect(Math.max(...removed)).toBeLessThan(30_000);
    await log[Symbol.asyncDispose]();
    expect(await check(disk)).toBe(log.size);
  });
});

describe('opening a log with an index', () => {
  const filled = async (): Promise<MemoryDisk> => {
    const { disk, log } = await createIndexed();
    for (let i = 0; i < 20; i++) await log.append(statement({ ...STREAM, stream: `p${i % 7}` }, i));
    await log[Symbol.asyncDispose]();
    return disk;
  };

  test.each<[string, (disk: MemoryDisk) => unknown]>([
    ['its head is missing', ({ derived }) => derived.delete(hex(INDEX_HEAD_KEY))],
    ['its head is that of another size', ({ derived }) => derived.set(hex(INDEX_HEAD_KEY), encodeCbor([37, 0]))],
    ['its head is damaged', ({ derived }) => derived.set(hex(INDEX_HEAD_KEY), utf8('nonsense'))],
    [
      'its root is missing',
      ({ derived }) => {
        for (const key of derived.keys()) if (key.startsWith('696e00')) derived.delete(key);
      },
    ],
    [
      'its root is another one',
      ({ derived }) => {
        for (const [key, value] of derived) if (key.startsWith('696e00')) value[value.length - 20]! ^= 1;
      },
    ],
  ])('is refused where %s, and the index can be derived again', async (_, damage) => {
    const disk = await filled();
    const keys = new Map(disk.derived);
    damage(disk);
    await expectCode(openIndexed(disk), 'log-corrupt');
    await expectCode(check(disk), 'log-corrupt');
    await reindex(await MemoryStore.open(disk), MAPPING);
    expect(await check(disk)).toBe(40);
    const { log } = await openIndexed(disk);
    expect(await log.latest({ ...STREAM, stream: 'p5' })).toMatchObject({ position: 2 });
    expect(keys.size).toBeGreaterThanOrEqual(disk.derived.size);
  });

  test('is refused where the last entry is no index entry', async () => {
    const { disk, log } = await createLog({ kind: 'statements', admission: ADMIT_ALL });
    await log.append(statement(STREAM, 1));
    await log[Symbol.asyncDispose]();
    const { origin, vkeys } = OPTIONS;
    const description = { version: 3, origin, vkeys, kind: 'statements', duplicates: false, indexed: true };
    disk.description = utf8(JSON.stringify(description));
    await expectCode(openIndexed(disk), 'log-corrupt');
    const error = await expectCode(check(disk), 'log-corrupt');
    expect(error.message).toContain('index');
    await expectCode(reindex(await MemoryStore.open(disk), MAPPING), 'log-corrupt');
  });

  test.each(['dropped', 'applied'] as const)(
    'finds log and index in step after a commit that failed and was %s',
    async (fault) => {
      const { disk, log, store } = await createIndexed();
      await log.append(statement(STREAM, 0));
      store.plan('commit', { fault }, 1);
      await log.append(statement(STREAM, 1));
      await expectCode(log.append(statement(STREAM, 2)), 'store-io');
      await log[Symbol.asyncDispose]();
      expect(await check(disk)).toBe(fault === 'applied' ? 6 : 4);
      const { log: reopened } = await openIndexed(disk);
      expect((await reopened.append(statement(STREAM, 2))).index).toBe(4);
      expect(await reopened.latest(STREAM)).toMatchObject({ position: 2, index: 4 });
      await reopened[Symbol.asyncDispose]();
      expect(await check(disk)).toBe(6);
    },
  );
});

describe('a damaged index', () => {
  const damages: [string, string][] = [
    ['a node', '696e01'],
    ['a record', '6972'],
  ];

  test.each(damages)('is neither handed out nor built upon: %s, whichever byte', async (_, prefix) => {
    const { disk, log } = await createIndexed();
    const streams = Array.from({ length: 40 }, (_, i) => ({ ...STREAM, stream: `p${i}` }));
    for (const round of [1, 2, 3])
      await commit(
        log,
        streams.map((stream) => statement(stream, round)),
      );
    const subject = leafHash(statement(streams[0]!, 1));
    await commit(log, [word('review', 'a.example', subject), word('withdrawal', 'b.example', subject)]);
    await log[Symbol.asyncDispose]();
    const key = [...disk.derived.keys()]
      .filter((name) => name.startsWith(prefix))
      .sort()
      .at(-1)!;
    const value = disk.derived.get(key)!;
    let caught = 0;
    for (let at = 0; at < value.length; at++) {
      disk.derived.set(key, value.with(at, value[at]! ^ 0x10));
      const { log: damaged } = await openIndexed(disk);
      const answers = await Promise.allSettled([
        ...streams.map(async (stream) => expect((await damaged.latest(stream))?.record.count).toBe(3)),
        (async () => expect(await damaged.subject(subject)).toHaveLength(2))(),
      ]);
      // Each is right, or an error that tells of damage.
      for (const answer of answers) {
        if (answer.status === 'fulfilled') continue;
        expect(answer.reason).toMatchObject({ code: 'log-corrupt' });
        caught++;
      }
      const appended = await Promise.allSettled([
        ...streams.map((stream) => damaged.append(statement(stream, 4))),
        damaged.append(word('review', 'c.example', subject)),
      ]);
      expect(appended.every(({ status }) => status === 'rejected')).toBe(true);
      await damaged[Symbol.asyncDispose]();
    }
    expect(caught).toBeGreaterThanOrEqual(value.length);
    disk.derived.set(key, value);
    const { log: sound } = await openIndexed(disk);
    await commit(
      sound,
      streams.map((stream) => statement(stream, 4)),
    );
    await sound[Symbol.asyncDispose]();
    await check(disk);
  });
});

describe('fsck of a log with an index', () => {
  test('finds a log sound whose first checkpoint was not stored any more when it stopped', async () => {
    const { disk, log, store } = await createIndexed();
    store.plan('publish', { fault: 'dropped' });
    await log.append(statement(STREAM, 1)).catch(() => {});
    await log[Symbol.asyncDispose]().catch(() => {});
    expect(disk.head.size).toBe(2);
    expect(await check(disk)).toBe(2);
    expect((await openIndexed(disk)).log.checkpoint().size).toBe(2);
  });

  test('finds a log sound whose empty tree was cosigned', async () => {
    const { disk, log } = await createIndexed();
    await cosignNewest(log);
    for (let i = 0; i < 50; i++) await log.append(statement(STREAM, i));
    await log[Symbol.asyncDispose]();
    expect(await check(disk)).toBe(100);
  });

  test('finds an index entry of another size, whatever its root', async () => {
    // What a log would have to write itself, because it takes none from outside: so one without an index does it.
    const { log, disk } = await createLog({ kind: 'statements', admission: ADMIT_ALL });
    await log.append(statement(STREAM, 1));
    await log[Symbol.asyncDispose]();
    const honest = await createIndexed();
    await honest.log.append(statement(STREAM, 1));
    const { root } = indexEntryOf(await honest.log.entry(1))!;
    await honest.log[Symbol.asyncDispose]();
    const entries = [statement(STREAM, 1), formatIndexEntry({ size: 2, root })];
    const forged = new MemoryDisk();
    const store = await MemoryStore.create(forged, honest.disk.description!);
    let range = EMPTY_RANGE;
    for (const entry of entries) range = appendLeaf(range, leafHash(entry));
    await store.commit({
      expected: forged.head,
      head: { size: 2, root: rangeRoot(range) },
      tiles: [
        { level: 0, index: 0, start: 0, bytes: new Uint8Array(entries.flatMap((entry) => [...leafHash(entry)])) },
      ],
      bundles: [{ index: 0, start: 0, bytes: formatBundle(entries) }],
      derived: [
        ...[...honest.disk.derived]
          .filter(([key]) => !key.startsWith('6c'))
          .map(([key, value]) => [new Uint8Array(Buffer.from(key, 'hex')), value] as const),
        ...entries.map((entry, i) => [leafKey(leafHash(entry)), encodeIndex(i)] as const),
      ],
    });
    const text = formatCheckpoint({ origin: ORIGIN, size: 2, root: rangeRoot(range), extensions: [] });
    await store.publish({ signed: formatSignedNote(await signNote(text, [SIGNER])) });
    expect((await expectCode(check(forged), 'log-corrupt')).message).toContain(
      'entry 1 is an index entry that speaks of 2',
    );
    await expectCode(openIndexed(forged), 'log-corrupt');
    expect(disk.head.size).toBe(1);
  });

  const SUBJECT = leafHash(statement(STREAM, 0));

  /** A log whose commits are each of one entry; the last are a review and a withdrawal of the first. */
  async function filled(mapping: IndexMapping = MAPPING): Promise<MemoryDisk> {
    const { disk, log } = await createIndexed({ mapping });
    for (let i = 0; i < 10; i++) await log.append(statement({ ...STREAM, stream: `p${i % 3}` }, i));
    await log.append(word('review', 'csa.example', SUBJECT));
    await log.append(word('withdrawal', 'acme.example', SUBJECT));
    await log[Symbol.asyncDispose]();
    return disk;
  }

  const lies: [string, number, IndexMapping][] = [
    ['leaves a withdrawal out', 23, (entry) => (isOf(entry, 'withdrawal') ? undefined : MAPPING(entry))],
    ['leaves a review out', 21, (entry) => (isOf(entry, 'review') ? undefined : MAPPING(entry))],
    ['leaves the newest statement of a stream out', 19, (entry) => (isOf(entry, ' 9') ? undefined : MAPPING(entry))],
    [
      'puts a statement into another stream',
      7,
      (entry) => MAPPING(isOf(entry, ' 3') ? statement({ ...STREAM, stream: 'p9' }, 3) : entry),
    ],
    [
      'has a stream that nothing is in',
      1,
      (entry) => MAPPING(entry) ?? { kind: 'stream', stream: { ...STREAM, stream: 'invented' } },
    ],
  ];
  const isOf = (entry: Uint8Array, what: string): boolean => new TextDecoder().decode(entry).includes(what);

  test.each(lies)('finds a log that %s, and names the entry', async (_, index, mapping) => {
    const disk = new MemoryDisk();
    if (index === 1) {
      const { disk: made, log } = await createIndexed({ mapping });
      await log.append(utf8('nothing'));
      await log[Symbol.asyncDispose]();
      Object.assign(disk, made);
    } else Object.assign(disk, await filled(mapping));
    // For the log itself all is well.
    expect((await fsck(await MemoryStore.open(disk), { mapping })).size).toBeGreaterThan(index);
    const found = await expectCode(check(disk), 'log-corrupt');
    expect(found.message).toContain(`entry ${index} is an index entry`);
    const stored = new Map(disk.derived);
    const refused = await expectCode(reindex(await MemoryStore.open(disk), MAPPING), 'log-corrupt');
    expect(refused.message).toContain(`entry ${index} is an index entry`);
    // What the log goes on with is as it was.
    for (const [key, value] of stored) expect(disk.derived.get(key)).toEqual(value);
  });

  const damages: [string, string, (derived: Map<string, Uint8Array>) => unknown][] = [
    ['a node that is missing', 'lacks the key 696e', (d) => d.delete(last(d, '696e'))],
    ['a node that differs', 'another value', (d) => flip(d, last(d, '696e'))],
    ['a record that is missing', 'lacks the key 6972', (d) => d.delete(last(d, '6972'))],
    ['a record that differs', 'another value', (d) => flip(d, last(d, '6972'))],
    ['a statement of a stream that is missing', 'lacks the key 6974', (d) => d.delete(last(d, '6974'))],
    ['a statement of a stream that differs', 'another value', (d) => flip(d, last(d, '6974'))],
    ['a name that is missing', 'lacks the key 696b', (d) => d.delete(last(d, '696b'))],
    ['a list of what was replaced that is missing', 'replaced', (d) => d.delete(last(d, '6978'))],
    ['a list of what was replaced that differs', 'replaced', (d) => flip(d, last(d, '6978'))],
    ['a node that no version needs', 'does not need', (d) => d.set(`${last(d, '696e').slice(0, -2)}ff`, utf8('x'))],
    ['a name that no entry gives', '1 keys', (d) => d.set('696bff', utf8(''))],
    ['a key of an unknown kind', '1 keys', (d) => d.set('69ff', utf8(''))],
    ['a head that goes back to too little', 'goes back', (d) => d.set(hex(INDEX_HEAD_KEY), encodeCbor([23, 24]))],
  ];
  const last = (derived: Map<string, Uint8Array>, prefix: string): string =>
    [...derived.keys()]
      .filter((key) => key.startsWith(prefix))
      .sort()
      .at(-1)!;
  const flip = (derived: Map<string, Uint8Array>, key: string): void => {
    const value = derived.get(key)!;
    value[value.length - 1]! ^= 1;
  };

  test.each(damages)('finds %s', async (_, message, damage) => {
    const disk = await filled();
    expect(await check(disk)).toBe(24);
    damage(disk.derived);
    expect((await expectCode(check(disk), 'log-corrupt')).message).toContain(message);
    await reindex(await MemoryStore.open(disk), MAPPING);
    expect(await check(disk)).toBe(24);
  });

  test('tells how far it has come, over all passes', async () => {
    const disk = await filled();
    const done: number[] = [];
    const onProgress = (now: number, total: number): void => {
      expect(total).toBe(3 * 24);
      done.push(now);
    };
    await fsck(await MemoryStore.open(disk), { mapping: MAPPING, admission: ADMIT_ALL, onProgress });
    expect(done.at(-1)).toBe(3 * 24);
    expect(done).toEqual([...done].sort((a, b) => a - b));
  });
});

describe('deriving an index again', () => {
  test('that is interrupted leaves a log that says so, and can be begun again', async () => {
    const { disk, log } = await createIndexed();
    for (let i = 0; i < 100; i++) await log.append(statement({ ...STREAM, stream: `p${i % 30}` }, i));
    await cosignNewest(log);
    await commit(
      log,
      Array.from({ length: 500 }, (_, i) => statement({ ...STREAM, stream: `q${i}` }, i)),
    );
    await log[Symbol.asyncDispose]();
    const store = new FaultStore(await MemoryStore.open(disk));
    // The first commit writes what stays, the second takes the head away.
    store.plan('commit', { fault: 'dropped' }, 2);
    await expectCode(reindex(store, MAPPING), 'store-io');
    await expectCode(openIndexed(disk), 'log-corrupt');
    await reindex(await MemoryStore.open(disk), MAPPING);
    expect(await check(disk)).toBe(701);
    const { log: reopened } = await openIndexed(disk);
    // The cosigned checkpoint can still be proven by.
    expect(await reopened.latest({ ...STREAM, stream: 'p4' }, 200)).toMatchObject({ position: 3 });
    expect(await reopened.latest({ ...STREAM, stream: 'q4' }, 200)).toBeUndefined();
    await reopened.append(statement(STREAM, 1));
    await reopened[Symbol.asyncDispose]();
    expect(await check(disk)).toBe(703);
  });

  test('of an empty log leaves nothing', async () => {
    const { disk, log } = await createIndexed();
    await log[Symbol.asyncDispose]();
    disk.derived.set('696bff', utf8(''));
    await reindex(await MemoryStore.open(disk), MAPPING);
    expect(indexKeys(disk)).toEqual([]);
    expect((await openIndexed(disk)).log.size).toBe(0);
  });

  test('needs no signer, and the log signs as before', async () => {
    const { disk, log } = await createIndexed();
    await log.append(statement(STREAM, 1));
    const { note } = log.checkpoint();
    await log[Symbol.asyncDispose]();
    await reindex(await MemoryStore.open(disk), MAPPING);
    const reopened = await Log.open(await MemoryStore.open(disk), { ...INDEXED, signer: SIGNER });
    expect(reopened.checkpoint().note).toEqual(note);
  });
});
