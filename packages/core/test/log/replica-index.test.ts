import { type Fault, FaultStore, MemoryStore, SeededRandom } from '@vitrine/testkit';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fsck } from '../../src/log/fsck.ts';
import { Log } from '../../src/log/log.ts';
import { reindex } from '../../src/log/reindex.ts';
import type { Replica } from '../../src/log/replica.ts';
import { MAX_COMMIT_ENTRIES } from '../../src/log/sequencer.ts';
import { formatIndexEntry } from '../../src/log-index/index-entry.ts';
import { EMPTY_PREFIX_ROOT } from '../../src/prefix/prefix-hash.ts';
import { leafHash } from '../../src/tree/hash.ts';
import { IndexedTree } from '../log-index/support.ts';
import { collect, cosigned, createLog, expectCode, utf8 } from './fixtures.ts';
import { commit, createIndexed, MAPPING, STREAM, statement, word } from './indexed-fixtures.ts';
import { createReplica, type MemoryReplica, openReplica, signedOf } from './replica-fixtures.ts';

const RUNS = Number(process.env['MODEL_RUNS'] ?? 15);
const SEED = Number(process.env['SEED'] ?? 1);
const STREAMS = Array.from({ length: 12 }, (_, i) => ({ ...STREAM, stream: `p${i}` }));

/** A log with an index, of many commits. */
async function honestLog(commits: number): Promise<{ log: Log; entries: Uint8Array[]; sizes: number[] }> {
  const random = new SeededRandom(SEED);
  const { log } = await createIndexed();
  const sizes: number[] = [];
  const subjects: Uint8Array[] = [];
  for (let i = 0, n = 0; i < commits; i++) {
    const entries = Array.from({ length: 1 + random.below(6) }, () => {
      if (random.below(4) > 0 || subjects.length === 0) {
        const entry = statement(STREAMS[random.below(STREAMS.length)]!, n++);
        subjects.push(leafHash(entry));
        return entry;
      }
      return word(random.below(2) === 0 ? 'review' : 'withdrawal', 'r.example', subjects[random.below(5)]!, n++);
    });
    await commit(log, entries);
    sizes.push(log.size);
  }
  return { log, entries: await collect(log.entries()), sizes };
}

/** Copies all of a list, whatever it is. */
async function copyOf(entries: readonly Uint8Array[]): Promise<MemoryReplica> {
  const created = await createReplica({ mapping: MAPPING });
  await created.replica.extend(entries, 0);
  return created;
}

const check = async ({ disk }: MemoryReplica): Promise<number> =>
  (await fsck(await MemoryStore.open(disk), { mapping: MAPPING })).size;

/** That a replica answers as the log does, at the newest size that it has published, and proves it. */
async function expectIndex(replica: Replica, log: Log): Promise<void> {
  const { size } = replica;
  for (const stream of STREAMS) {
    expect(await replica.latest(stream)).toEqual(await log.latest(stream, size));
    expect(await collect(replica.history(stream))).toEqual(await collect(log.history(stream, 0, size)));
  }
  expect(await collect(replica.streams())).toEqual(await collect(log.streams(size)));
  const subject = await replica.leafHash(0);
  expect(await replica.subject(subject)).toEqual(await log.subject(subject, size));
  expect(await replica.proveSubject(subject)).toEqual(await log.proveSubject(subject, size));
  expect(await replica.proveStreams()).toEqual(await log.proveStreams(size));
  expect(await replica.indexOf(subject)).toBe(0);
}

type Action =
  | { readonly kind: 'extend'; readonly count: number }
  | { readonly kind: 'derive'; readonly commits: number }
  | { readonly kind: 'publish'; readonly commits: number; readonly cosigned: boolean }
  | { readonly kind: 'fault'; readonly operation: 'commit' | 'publish'; readonly fault: Fault }
  | { readonly kind: 'reopen' | 'reindex' };

const nat = fc.nat(6);
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('extend' as const), count: fc.nat(60) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('derive' as const), commits: nat }) },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('publish' as const), commits: nat, cosigned: fc.boolean() }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('fault' as const),
      operation: fc.constantFrom('commit' as const, 'publish' as const),
      fault: fc.constantFrom('dropped' as const, 'applied' as const),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('reopen' as const, 'reindex' as const) }) },
);

describe('a replica that derives the index again', () => {
  test(`answers as the log did, however it was copied, published, interrupted and reopened (seed ${SEED})`, async () => {
    const { log, entries, sizes } = await honestLog(60);
    const notes = new Map<number, Uint8Array>();
    for (const size of sizes) notes.set(size, (await signedOf(entries, size)).note);
    await fc.assert(
      fc.asyncProperty(fc.array(action, { minLength: 3, maxLength: 20 }), async (actions) => {
        let current = await createReplica({ mapping: MAPPING });
        const reopen = async (): Promise<void> => {
          await current.replica[Symbol.asyncDispose]();
          current = await openReplica(current.disk, { mapping: MAPPING });
        };
        /** A commit of the log that ends so many before the last that is stored. */
        const sizeOf = (commits: number): number =>
          sizes.filter((size) => size <= current.replica.next).at(-1 - commits) ?? 0;
        for (const action of actions) {
          const { replica, disk, store } = current;
          try {
            if (action.kind === 'fault') store.plan(action.operation, { fault: action.fault });
            else if (action.kind === 'reopen') await reopen();
            else if (action.kind === 'extend') {
              await replica.extend(entries.slice(replica.next, replica.next + action.count), replica.next);
            } else if (action.kind === 'derive') await replica.derive(sizeOf(action.commits));
            else if (action.kind === 'publish') {
              const size = sizeOf(action.commits);
              const note = notes.get(size) ?? (await signedOf(entries, 0)).note;
              if (size < replica.size) await expectCode(replica.publish(note), 'log-range');
              else await replica.publish(action.cosigned ? await cosigned(note) : note);
            } else {
              await replica[Symbol.asyncDispose]();
              await reindex(await MemoryStore.open(disk), MAPPING);
              current = await openReplica(disk, { mapping: MAPPING });
            }
          } catch (error) {
            const { code } = error as { code?: unknown };
            // A smaller tree than one that was indexed and never published.
            if (code === 'log-range') continue;
            expect(['store-io', 'log-failed'], String(error)).toContain(code);
            await reopen();
          }
          expect(await check(current)).toBe(current.replica.next);
          if (current.replica.size > 0) await expectIndex(current.replica, log);
        }
        await reopen();
        await current.replica.extend(entries, 0);
        await current.replica.publish(notes.get(sizes.at(-1)!)!);
        await expectIndex(current.replica, log);
        await check(current);
      }),
      { numRuns: RUNS },
    );
  });

  test('keeps the index of every tree that it has published a checkpoint of, and that is the newest or the newest cosigned', async () => {
    const { log, entries, sizes } = await honestLog(120);
    const { replica, disk } = await createReplica({ mapping: MAPPING });
    let old = 0;
    for (const [i, size] of sizes.entries()) {
      await replica.extend(entries.slice(replica.next, size), replica.next);
      const { note } = await signedOf(entries, size);
      await replica.publish(i === 40 ? await cosigned(note) : note);
      if (i === 40) old = size;
      if (i >= 40 && i % 20 === 0) {
        for (const stream of STREAMS) {
          expect(await replica.latest(stream, old)).toEqual(await log.latest(stream, old));
        }
      }
    }
    const nodes = [...disk.derived.keys()].filter((key) => key.startsWith('696e')).length;
    await replica.publish(await cosigned(replica.checkpoint().note));
    await replica[Symbol.asyncDispose]();
    await reindex(await MemoryStore.open(disk), MAPPING);
    expect([...disk.derived.keys()].filter((key) => key.startsWith('696e')).length).toBeLessThan(nodes / 2);
  });

  test('does not write what one copy replaces', async () => {
    const { entries, sizes } = await honestLog(120);
    const { replica, disk } = await copyOf(entries);
    await replica.publish((await signedOf(entries, sizes.at(-1))).note);
    const whole = disk.derived.size;
    await replica[Symbol.asyncDispose]();
    await reindex(await MemoryStore.open(disk), MAPPING);
    expect(disk.derived.size).toBe(whole);
  });

  test('cannot be opened after an interrupted reindex, and is begun again, though it has published nothing', async () => {
    const { entries, sizes } = await honestLog(20);
    const { replica, disk } = await copyOf(entries);
    await replica.derive(sizes[10]!);
    await replica[Symbol.asyncDispose]();
    const store = new FaultStore(await MemoryStore.open(disk));
    store.plan('commit', { fault: 'dropped' }, 1);
    await expectCode(reindex(store, MAPPING), 'store-io');
    await expectCode(openReplica(disk, { mapping: MAPPING }), 'log-corrupt');
    await reindex(await MemoryStore.open(disk), MAPPING);
    const { replica: again } = await openReplica(disk, { mapping: MAPPING });
    await again.publish((await signedOf(entries)).note);
    expect(again.size).toBe(entries.length);
  });

  test('can be opened as a log to be read, and without a mapping publishes nothing', async () => {
    const { log, entries, sizes } = await honestLog(5);
    const { replica, disk } = await copyOf(entries);
    await replica.publish((await signedOf(entries, sizes[3])).note);
    await replica[Symbol.asyncDispose]();
    const read = await Log.open(await MemoryStore.open(disk), { mapping: MAPPING });
    expect(read.size).toBe(sizes[3]);
    expect(await read.latest(STREAMS[0]!)).toEqual(await log.latest(STREAMS[0]!, sizes[3]));
    const { replica: blind } = await openReplica(disk);
    expect([blind.checksIndex, replica.checksIndex]).toEqual([false, true]);
    await expectCode(blind.publish((await signedOf(entries)).note), 'log-index');
    const { disk: raw } = await createReplica();
    await expectCode(openReplica(raw, { mapping: MAPPING }), 'log-index');
  });
});

/** The entries of commits, with an index entry behind each, which may be another than it has to be. */
function indexed(
  commits: readonly (readonly Uint8Array[])[],
  forge: (n: number) => Uint8Array | undefined,
): Uint8Array[] {
  const entries: Uint8Array[] = [];
  commits.forEach((commit, n) => {
    entries.push(...commit);
    entries.push(forge(n) ?? formatIndexEntry({ size: entries.length, root: new IndexedTree(entries).indexRoot }));
  });
  return entries;
}

const A = statement(STREAM, 1);
const B = statement(STREAM, 2);
const C = statement({ ...STREAM, stream: 'other' }, 3);
const D = statement({ ...STREAM, stream: 'other' }, 4);
const honest = (): undefined => undefined;
const at =
  (lie: number, entry: Uint8Array) =>
  (n: number): Uint8Array | undefined =>
    n === lie ? entry : undefined;
const root = (entries: readonly Uint8Array[]): Uint8Array => new IndexedTree(entries).indexRoot;
const many = (count: number, size = 40): Uint8Array[] =>
  Array.from({ length: count }, (_, i) => utf8(`nothing ${i} `.padEnd(size, '.')));

describe('a log that lies in its index', () => {
  const FIRST = indexed([[A, C]], honest);

  test.each<[string, Uint8Array[], string]>([
    [
      'an index entry with another root',
      indexed([[A, C], [B], [D]], at(1, formatIndexEntry({ size: 4, root: root(FIRST) }))),
      'entry 4 is an index entry that has another root than the entries before it give',
    ],
    [
      'an index entry with a root that leaves a statement out, and honest ones behind it',
      indexed([[A, C], [B], [D]], at(1, formatIndexEntry({ size: 4, root: root([...FIRST, C]) }))),
      'entry 4 is an index entry that has another root',
    ],
    [
      'an index entry of another size',
      indexed([[A, C], [B], [D]], at(1, formatIndexEntry({ size: 3, root: root([...FIRST, B]) }))),
      'entry 4 is an index entry that speaks of 3 entries, and stands behind 4',
    ],
    ['a statement that stands in it twice', indexed([[A, C], [B], [A], [D]], honest), 'entry 5 is entry 0 once more'],
    [
      'a statement that stands in a commit twice',
      indexed([[A, C], [B, B], [D]], honest),
      'entry 4 is entry 3 once more',
    ],
    [
      'no index entry at the end of a checkpoint',
      [...indexed([[A, C], [B]], honest), D],
      'entry 5, the last in the tree of a checkpoint, is not an index entry',
    ],
    [
      'more entries than a commit takes without an index entry',
      [...FIRST, ...many(MAX_COMMIT_ENTRIES + 1), ...indexed([[A]], honest)],
      'no index entry stands behind entry 3',
    ],
    [
      'more bytes than a commit takes without an index entry',
      [...FIRST, ...many(40, 60_000), ...indexed([[A]], honest)],
      'no index entry stands behind entry 3',
    ],
    ['no index at all', many(5), 'entry 4, the last in the tree of a checkpoint, is not an index entry'],
  ])('gets nothing published: %s', async (_, entries, message) => {
    const created = await copyOf(entries);
    const { note } = await signedOf(entries);
    const error = await expectCode(created.replica.publish(note), 'index-false');
    expect(error.message).toContain(message);
    // For good, and also in the next process.
    expect((await expectCode(created.replica.publish(note), 'index-false')).message).toBe(error.message);
    await created.replica[Symbol.asyncDispose]();
    const reopened = await openReplica(created.disk, { mapping: MAPPING });
    expect((await expectCode(reopened.replica.publish(note), 'index-false')).message).toBe(error.message);
    expect(reopened.replica.size).toBe(0);
    expect(await check(reopened)).toBe(entries.length);
    // The entries are kept, and so are those that come.
    expect(await reopened.replica.extend([utf8('more')], entries.length)).toBe(entries.length + 1);
  });

  test('is still served up to the lie, and nothing behind it', async () => {
    const entries = indexed([[A, C], [B], [D]], at(2, formatIndexEntry({ size: 6, root: EMPTY_PREFIX_ROOT })));
    const { replica, disk } = await copyOf(entries);
    await replica.publish((await signedOf(entries, 3)).note);
    await expectCode(replica.derive(entries.length), 'index-false');
    await expectCode(replica.publish((await signedOf(entries)).note), 'index-false');
    expect(replica.size).toBe(3);
    expect(await replica.latest(STREAM)).toMatchObject({ position: 0 });
    // What is before the lie is true.
    await replica.publish((await signedOf(entries, 5)).note);
    expect(await replica.latest(STREAM)).toMatchObject({ position: 1 });
    await replica[Symbol.asyncDispose]();
    const reopened = await openReplica(disk, { mapping: MAPPING });
    await expectCode(reopened.replica.publish((await signedOf(entries)).note), 'index-false');
    await expectCode(reopened.replica.publish((await signedOf(entries, 6)).note), 'index-false');
    expect(await reopened.replica.latest(STREAM)).toMatchObject({ position: 1 });
  });

  test('cannot leave an index entry out at the end of a checkpoint and have it behind that', async () => {
    const entries = indexed([[A, C], [B]], honest);
    const { replica } = await copyOf(entries);
    await replica.publish((await signedOf(entries, 3)).note);
    await replica.derive(5);
    const error = await expectCode(replica.publish((await signedOf(entries, 4)).note), 'index-false');
    expect(error.message).toContain('entry 3, the last in the tree of a checkpoint, is not an index entry');
    await replica.publish((await signedOf(entries)).note);
  });

  test('takes as many entries in a commit as a log does', async () => {
    const { log } = await createIndexed();
    await commit(log, many(MAX_COMMIT_ENTRIES));
    const entries = await collect(log.entries());
    expect(entries.length).toBe(MAX_COMMIT_ENTRIES + 1);
    const { replica } = await copyOf(entries);
    await replica.publish((await signedOf(entries)).note);
    expect(replica.size).toBe(entries.length);
  });

  test('is not accused of what happened to the mirror', async () => {
    const { entries } = await honestLog(3);
    const { replica, disk } = await copyOf(entries);
    disk.bundles.get(0)![2]![5]! ^= 1;
    const error = await expectCode(replica.publish((await signedOf(entries)).note), 'log-corrupt');
    expect(error.message).toContain('entry 2 does not hash to its leaf');
    await expectCode(replica.derive(entries.length), 'log-failed');
  });

  test('a log without an index is no such log', async () => {
    const { log } = await createLog();
    await log.append(utf8('x'));
    const entries = await collect(log.entries());
    const { replica } = await copyOf(entries);
    await expectCode(replica.publish(log.checkpoint().note), 'index-false');
  });
});
