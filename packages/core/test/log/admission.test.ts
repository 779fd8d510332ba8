import { readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Latch, MemoryDisk, MemoryStore, SeededRandom } from '@vitrine/testkit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { CoreError } from '../../src/error.ts';
import { type Admission, admissionKey, type LogView } from '../../src/log/admission.ts';
import { fsck } from '../../src/log/fsck.ts';
import { leafKey } from '../../src/log/known-leaves.ts';
import { LevelStore } from '../../src/log/level-store.ts';
import { Log } from '../../src/log/log.ts';
import { MAX_COMMIT_ENTRIES } from '../../src/log/sequencer.ts';
import { leafHash } from '../../src/tree/hash.ts';
import {
  collect,
  createLog,
  errorOf,
  expectCode,
  expectLog,
  type MemoryLog,
  OPTIONS,
  openLog,
  SIGNER,
  utf8,
} from './fixtures.ts';

class Refused extends Error {}

const text = (bytes: Uint8Array | undefined): string | undefined => bytes && new TextDecoder().decode(bytes);
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/**
 * Takes `put <key> <value>`; `count <counter> <n>`, where n is one more than the last; `after <key>`, where the log has
 * `put <key> ...` somewhere; and anything that begins with `text`.
 */
class ToyAdmission implements Admission {
  readonly judged: string[] = [];

  async admit(entry: Uint8Array, hash: Uint8Array, log: LogView): Promise<[Uint8Array, Uint8Array][]> {
    expect(hash).toEqual(leafHash(entry));
    expect(await log.indexOf(hash)).toBeUndefined();
    const words = text(entry)!.trimEnd();
    this.judged.push(words);
    const [verb, key = '', value = ''] = words.split(' ');
    if (verb === 'put') return [[utf8(`put ${key}`), utf8(`${log.size}`)]];
    if (verb === 'text') return [];
    if (verb === 'count') {
      const last = text(await log.derived(utf8(`count ${key}`))) ?? '0';
      if (Number(value) !== Number(last) + 1) throw new Refused(`${words}, at ${last}`);
      return [[utf8(`count ${key}`), utf8(value)]];
    }
    if (verb === 'after') {
      const index = text(await log.derived(utf8(`put ${key}`)));
      if (index === undefined) throw new Refused(words);
      const found = await log.entry(Number(index));
      expect(text(found)).toContain(`put ${key} `);
      expect(await log.leafHash(Number(index))).toEqual(leafHash(found));
      expect(await log.indexOf(leafHash(found))).toBe(Number(index));
      return [];
    }
    throw new Refused(words);
  }
}

async function statementsLog(): Promise<MemoryLog & { admission: ToyAdmission }> {
  const admission = new ToyAdmission();
  return { ...(await createLog({ kind: 'statements', admission })), admission };
}

const refused = async (promise: Promise<unknown>): Promise<void> => {
  expect(await errorOf(promise)).toBeInstanceOf(Refused);
};

const append = (log: Log, ...entries: string[]): Promise<number[]> =>
  Promise.all(entries.map(async (entry) => (await log.append(utf8(entry))).index));

async function appendAll(log: Log, entries: Iterable<string>): Promise<number[]> {
  const batches = await collect(log.appendAll([...entries].map(utf8)));
  return batches.flatMap((batch) => [...batch].map(({ index }) => index));
}

/** An entry so large that 32 of them fill a commit. */
const large = (entry: string): string => entry.padEnd(65_000);

const check = async (disk: MemoryDisk, admission: Admission = new ToyAdmission()): Promise<number> =>
  (await fsck(await MemoryStore.open(disk), { admission })).size;

describe('the kind of a log', () => {
  test('is kept, and a log of statements never allows duplicates', async () => {
    const { disk, log } = await statementsLog();
    expect(log.description).toMatchObject({ kind: 'statements', duplicates: false });
    expect(JSON.parse(text(disk.description)!)).toMatchObject({
      version: 4,
      kind: 'statements',
      duplicates: false,
      indexed: false,
      mirror: false,
    });
    const empty = new MemoryDisk();
    for (const options of [{ kind: 'statements', duplicates: true }, { kind: 'other' }, { kind: undefined }]) {
      const created = Log.create((description) => MemoryStore.create(empty, description), {
        ...OPTIONS,
        ...(options as object),
      });
      expect(await errorOf(created)).toBeInstanceOf(RangeError);
    }
    expect(empty.description).toBeUndefined();
  });

  test('is raw if the description is of version 1', async () => {
    const { disk, log } = await createLog({ duplicates: true });
    await log[Symbol.asyncDispose]();
    const { origin, vkeys, duplicates } = log.description;
    disk.description = utf8(JSON.stringify({ version: 1, origin, vkeys, kind: 'statements', duplicates }));
    const { log: reopened } = await openLog(disk);
    expect(reopened.description).toEqual({ origin, vkeys, kind: 'raw', duplicates, indexed: false, mirror: false });
    expect(await append(reopened, 'anything')).toEqual([0]);
  });

  test('statements: without an admission the log can be read and takes nothing', async () => {
    const { disk, log, admission } = await statementsLog();
    await append(log, 'text 1');
    await log[Symbol.asyncDispose]();
    const { log: reopened } = await openLog(disk);
    await expectCode(reopened.append(utf8('text 2')), 'log-admission');
    await expectCode(collect(reopened.appendAll([utf8('text 2')])), 'log-admission');
    await expectLog(reopened, [utf8('text 1')]);
    const created = await createLog({ kind: 'statements' });
    await expectCode(created.log.append(utf8('text 1')), 'log-admission');
    await expectCode(
      (await openLog(disk, () => {}, { signer: undefined, admission })).log.append(utf8('text')),
      'log-read-only',
    );
  });

  test('raw: no admission can be given, because it would not be asked', async () => {
    const admission = new ToyAdmission();
    const empty = new MemoryDisk();
    const create = (description: Uint8Array): Promise<MemoryStore> => MemoryStore.create(empty, description);
    await expectCode(Log.create(create, { ...OPTIONS, admission }), 'log-admission');
    expect(empty.description).toBeUndefined();
    const { disk } = await createLog();
    await expectCode(
      openLog(disk, () => {}, { admission }),
      'log-admission',
    );
    await expectCode(check(disk, admission), 'log-admission');
  });
});

describe('an admission judges entries in order', () => {
  test('each by those before it in its batch', async () => {
    const { disk, log } = await statementsLog();
    expect(await appendAll(log, ['put a 1', 'after a', 'count c 1', 'count c 2', 'put a 2', 'after a'])).toEqual([
      0, 1, 2, 3, 4, 1,
    ]);
    expect(text(await log.derived(utf8('put a')))).toBe('4');
    expect(text(await log.derived(utf8('count c')))).toBe('2');
    expect(await log.derived(utf8('count d'))).toBeUndefined();
    expect(await check(disk)).toBe(5);
  });

  test('each by those that wait for the same commit', async () => {
    const { disk, store, log } = await statementsLog();
    expect(await append(log, 'put a 1', 'after a', 'count c 1', 'count c 2')).toEqual([0, 1, 2, 3]);
    expect(store.commits).toHaveLength(1);
    expect(await check(disk)).toBe(4);
  });

  test('each by those in a commit that is not durable yet', async () => {
    const { disk, store, log, admission } = await statementsLog();
    const latch = new Latch();
    store.plan('commit', { before: latch });
    // Two full commits at once: the second is judged while the first is being written.
    const counts = Array.from({ length: 64 }, (_, i) => large(`count c ${i + 1}`));
    const first = append(log, large('put a 1'), ...counts.slice(0, 31));
    const second = append(log, ...counts.slice(31), 'after a');
    const retried = append(log, counts[0]!);
    const again = refused(log.append(utf8('count c 31')));
    await latch.reached;
    for (let i = 0; i < 10; i++) await new Promise(setImmediate);
    expect(log.size).toBe(0);
    expect(admission.judged).toContain('count c 33');
    latch.open();
    expect(await first).toEqual(Array.from({ length: 32 }, (_, i) => i));
    expect(await second).toEqual(Array.from({ length: 34 }, (_, i) => i + 32));
    expect(await retried).toEqual([1]);
    await again;
    expect(store.commits.length).toBeGreaterThan(1);
    expect(await check(disk)).toBe(66);
  });

  test('each by those that the store has, also after reopening', async () => {
    const { disk, log } = await statementsLog();
    await appendAll(log, ['put a 1', 'count c 1']);
    await append(log, 'after a', 'count c 2');
    await log[Symbol.asyncDispose]();
    const { log: reopened } = await openLog(disk, () => {}, { admission: new ToyAdmission() });
    await refused(reopened.append(utf8('count c 2 again')));
    expect(await append(reopened, 'count c 3')).toEqual([4]);
    expect(await check(disk)).toBe(5);
  });

  test('what is durable is read from the store, and not kept in memory', async () => {
    const { disk, log } = await statementsLog();
    await append(log, 'count c 1');
    await append(log, 'text');
    disk.derived.set(hex(admissionKey(utf8('count c'))), utf8('5'));
    expect(await append(log, 'count c 6')).toEqual([2]);
  });

  test('its size is the index that the entry gets, and its end cannot be passed', async () => {
    const sizes: number[] = [];
    const views: LogView[] = [];
    const admission: Admission = {
      async admit(_entry, hash, log) {
        sizes.push(log.size);
        views.push(log);
        expect(log.origin).toBe(OPTIONS.origin);
        expect(log.key.keyName).toBe(OPTIONS.origin);
        for (const index of [log.size, -1, 0.5]) {
          await expectCode(log.entry(index), 'log-range');
          await expectCode(log.leafHash(index), 'log-range');
        }
        expect(await errorOf(log.indexOf(hash.subarray(1)))).toBeInstanceOf(RangeError);
        return [];
      },
    };
    const { log } = await createLog({ kind: 'statements', admission });
    await append(log, 'a', 'b', 'a', 'c');
    await appendAll(log, ['d', 'b', 'e']);
    expect(sizes).toEqual([0, 1, 2, 3, 4]);
    expect(views.at(-1)!.size).toBe(5);
    expect(text(await views.at(-1)!.entry(4))).toBe('e');
  });
});

describe('what is refused', () => {
  test('has no effect, and the log takes the next', async () => {
    const { disk, store, log } = await statementsLog();
    await refused(log.append(utf8('nonsense')));
    await refused(appendAll(log, ['put a 1', 'count c 1', 'nonsense', 'count c 2']));
    await refused(log.append(utf8('after a')));
    expect(log.size).toBe(0);
    expect(store.commits).toHaveLength(0);
    expect(disk.derived.size).toBe(0);
    expect(await append(log, 'count c 1', 'put a 1')).toEqual([0, 1]);
    expect(await check(disk)).toBe(2);
  });

  test('disturbs none of those that wait for the same commit', async () => {
    const { disk, store, log, admission } = await statementsLog();
    const latch = new Latch();
    store.plan('commit', { before: latch });
    const first = append(log, 'text');
    await latch.reached;
    const waiting: Promise<number[]>[] = [];
    for (const entries of [
      ['count c 1'],
      ['count c 2', 'put b 1', 'nonsense'],
      ['after b'],
      ['count c 2', 'put a 1'],
      ['nonsense'],
      ['after a'],
    ]) {
      waiting.push(appendAll(log, entries));
      waiting.at(-1)!.catch(() => {});
      // So that they come in this order.
      await new Promise(setImmediate);
    }
    latch.open();
    expect(await first).toEqual([0]);
    const results = await Promise.allSettled(waiting);
    expect(results.map((result) => (result.status === 'fulfilled' ? result.value : result.reason.message))).toEqual([
      [1],
      'nonsense',
      'after b',
      [2, 3],
      'nonsense',
      [4],
    ]);
    expect(store.commits).toHaveLength(2);
    expect(admission.judged).toContain('after b');
    await expectLog(log, ['text', 'count c 1', 'count c 2', 'put a 1', 'after a'].map(utf8));
    expect(await log.derived(utf8('put b'))).toBeUndefined();
    expect(await check(disk)).toBe(5);
  });

  test('can be the entry that another request brings in the same commit, by itself', async () => {
    const { log } = await statementsLog();
    const results = await Promise.allSettled([appendAll(log, ['text 1', 'nonsense']), appendAll(log, ['text 1'])]);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
    await expectLog(log, [utf8('text 1')]);
  });

  test('stops a long input: nothing behind the refused part is taken', async () => {
    const { disk, log } = await statementsLog();
    const entries = Array.from({ length: 3 * MAX_COMMIT_ENTRIES }, (_, i) => `text ${i}`);
    entries[MAX_COMMIT_ENTRIES + 5] = 'nonsense';
    await refused(appendAll(log, entries));
    expect(log.size).toBe(MAX_COMMIT_ENTRIES);
    expect(await append(log, 'text 12287')).toEqual([MAX_COMMIT_ENTRIES]);
    expect(await check(disk)).toBe(MAX_COMMIT_ENTRIES + 1);
  });

  test('is refused with the error of the admission, also where that derives nonsense', async () => {
    const derived: unknown[] = [];
    const admission: Admission = {
      admit: async () => derived as unknown as [Uint8Array, Uint8Array][],
    };
    const { disk, log } = await createLog({ kind: 'statements', admission });
    for (const pair of [['key', utf8('value')], [utf8('key'), 'value'], 5, [utf8('key')]]) {
      derived.splice(0, 1, [utf8('first'), utf8('first')], pair);
      expect(await errorOf(log.append(utf8('entry')))).toBeInstanceOf(TypeError);
    }
    expect(log.size).toBe(0);
    derived.splice(0);
    await append(log, 'entry');
    expect([...disk.derived.keys()]).toEqual([hex(leafKey(leafHash(utf8('entry'))))]);
  });
});

describe('an entry that the log has', () => {
  test('gets its old index and is not judged again, though it would be refused now', async () => {
    const { log, admission } = await statementsLog();
    await append(log, 'count c 1', 'count c 2');
    admission.judged.splice(0);
    expect(await append(log, 'count c 1', 'count c 2', 'count c 1')).toEqual([0, 1, 0]);
    expect(await appendAll(log, ['count c 3', 'count c 1', 'count c 3'])).toEqual([2, 0, 2]);
    expect(admission.judged).toEqual(['count c 3']);
  });
});

describe('what an admission derives', () => {
  test('is stored with the entry, under keys that are no others', async () => {
    const hash = leafHash(utf8('first'));
    const admission: Admission = { admit: async () => [[leafKey(hash), utf8('mine')]] };
    const { disk, store, log } = await createLog({ kind: 'statements', admission });
    await append(log, 'first');
    expect(await log.indexOf(hash)).toBe(0);
    expect(await log.derived(leafKey(hash))).toEqual(utf8('mine'));
    expect([...disk.derived.keys()]).toEqual([hex(leafKey(hash)), `61${hex(leafKey(hash))}`]);
    expect(store.commits).toHaveLength(1);
    expect(await check(disk, admission)).toBe(1);
  });

  test('and what it is given are copies', async () => {
    const key = utf8('key');
    const value = utf8('value');
    const admission: Admission = {
      async admit(entry, hash, log) {
        for (const bytes of [
          log.size > 0 && (await log.entry(0)),
          log.size > 0 && (await log.leafHash(0)),
          await log.derived(key),
          entry,
          hash,
        ]) {
          if (bytes instanceof Uint8Array) bytes.fill(0);
        }
        return [[key, value]];
      },
    };
    const { log } = await createLog({ kind: 'statements', admission });
    await append(log, 'a', 'b', 'c');
    await append(log, 'd');
    value.fill(0);
    (await log.derived(key))!.fill(0);
    expect(await log.derived(key)).toEqual(utf8('value'));
    await expectLog(log, ['a', 'b', 'c', 'd'].map(utf8));
  });
});

describe('an admission that gives the same arrays again', () => {
  test('changes nothing that it derived before', async () => {
    const key = new Uint8Array(1);
    const value = new Uint8Array(1);
    const admission: Admission = {
      async admit(_entry, _hash, log) {
        key[0] = log.size;
        value[0] = log.size;
        return [[key, value]];
      },
    };
    const { log } = await createLog({ kind: 'statements', admission });
    await appendAll(log, ['a', 'b', 'c']);
    for (const i of [0, 1, 2]) expect(await log.derived(Uint8Array.of(i))).toEqual(Uint8Array.of(i));
  });
});

describe('when the store fails', () => {
  test('while an entry is judged, that is no refusal: the log stops', async () => {
    const { store, log } = await statementsLog();
    store.plan('readDerived', { fault: 'dropped' }, 1);
    await expectCode(log.append(utf8('after a')), 'store-io');
    await expectCode(log.append(utf8('text')), 'log-failed');
  });

  test('while an entry is judged, the log stops, whatever the admission makes of it', async () => {
    const admission: Admission = {
      async admit(entry, _hash, log) {
        if (text(entry) === 'curious') await log.derived(utf8('key')).catch(() => undefined);
        return [];
      },
    };
    const { disk, store, log } = await createLog({ kind: 'statements', admission });
    await append(log, 'first');
    // One look for the leaf, one for the key.
    store.plan('readDerived', { fault: 'dropped' }, 1);
    await expectCode(log.append(utf8('curious')), 'store-io');
    await expectCode(log.append(utf8('second')), 'log-failed');
    const reopened = await openLog(disk, () => {}, { admission });
    await expectLog(reopened.log, [utf8('first')]);
    expect(await append(reopened.log, 'curious')).toEqual([1]);
  });

  test.for(['dropped', 'applied'] as const)(
    'a commit that was %s leaves its entries and what was derived from them there, or neither',
    async (fault) => {
      const { disk, store, log } = await statementsLog();
      await append(log, 'count c 1', 'put a 1');
      store.plan('commit', { fault });
      await expectCode(appendAll(log, ['count c 2', 'put a 2']), 'store-io');
      await expectCode(log.append(utf8('count c 3')), 'log-failed');
      const size = fault === 'applied' ? 4 : 2;
      expect(await check(disk)).toBe(size);
      const { log: reopened } = await openLog(disk, () => {}, { admission: new ToyAdmission() });
      expect(text(await reopened.derived(utf8('put a')))).toBe(fault === 'applied' ? '3' : '1');
      expect(await append(reopened, 'count c 2', 'count c 3')).toEqual(fault === 'applied' ? [2, 4] : [2, 3]);
      expect(await check(disk)).toBe(fault === 'applied' ? 5 : 4);
    },
  );

  test('those refused meanwhile are told so, and those judged behind the failed commit that it failed', async () => {
    const { disk, store, log } = await statementsLog();
    const latch = new Latch();
    store.plan('commit', { before: latch, fault: 'dropped' });
    const counts = Array.from({ length: 64 }, (_, i) => log.append(utf8(large(`count c ${i + 1}`))));
    const outcomes = Promise.allSettled(counts);
    const bad = refused(log.append(utf8('nonsense')));
    await latch.reached;
    for (let i = 0; i < 10; i++) await new Promise(setImmediate);
    latch.open();
    for (const outcome of await outcomes) {
      expect((outcome as PromiseRejectedResult).reason).toMatchObject({
        code: expect.stringMatching(/^(store-io|log-failed)$/),
      });
    }
    await bad.catch((error: unknown) => expect(error).toBeInstanceOf(Error));
    expect(await check(disk)).toBe(0);
  });
});

describe('many at once', () => {
  test.for([1, 2, 3])('come out as if one after the other (seed %i)', async (seed) => {
    const random = new SeededRandom(seed);
    const { disk, log } = await statementsLog();
    const results: Promise<{ entries: string[]; indices: number[] } | { entries: string[]; error: unknown }>[] = [];
    const counters = [0, 0, 0];
    for (let i = 0; i < 600; i++) {
      const entries = Array.from({ length: 1 + random.below(3) }, () => {
        const counter = random.below(3);
        // Mostly the next one, so that refusals and successes mix.
        const n = random.below(8) === 0 ? counters[counter]! + 2 : ++counters[counter]!;
        const entry = `count ${counter} ${n}`;
        return random.below(4) === 0 ? large(entry) : entry;
      });
      if (random.below(30) === 0) counters.fill(0);
      results.push(
        appendAll(log, entries).then(
          (indices) => ({ entries, indices }),
          (error: unknown) => ({ entries, error }),
        ),
      );
      if (random.below(20) === 0) await new Promise(setImmediate);
      if (random.below(200) === 0) await Promise.all(results);
    }
    const outcomes = await Promise.all(results);
    const stored = (await collect(log.entries())).map((entry) => text(entry)!);
    const last = [0, 0, 0];
    for (const entry of stored) {
      const [, counter, n] = entry.trimEnd().split(' ').map(Number);
      expect(n).toBe(++last[counter!]!);
    }
    let taken = 0;
    for (const outcome of outcomes) {
      if ('error' in outcome) {
        expect(outcome.error).toBeInstanceOf(Refused);
        continue;
      }
      taken++;
      expect(outcome.indices.map((index) => stored[index])).toEqual(outcome.entries);
    }
    expect(taken).toBeGreaterThan(3);
    expect(taken).toBeLessThan(outcomes.length);
    const all = new Set(outcomes.flatMap((outcome) => ('error' in outcome ? [] : outcome.entries)));
    expect(new Set(stored)).toEqual(all);
    expect(await check(disk)).toBe(stored.length);
  });
});

describe('fsck with an admission', () => {
  const ENTRIES = [
    'put a 1',
    'count c 1',
    'after a',
    'count c 2',
    ...Array.from({ length: 300 }, (_, i) => `text ${i}`),
  ];

  async function filled(
    entries: readonly string[] = ENTRIES,
    admission: Admission = new ToyAdmission(),
  ): Promise<MemoryDisk> {
    const { disk, log } = await createLog({ kind: 'statements', admission });
    await appendAll(log, entries);
    await log[Symbol.asyncDispose]();
    return disk;
  }

  test('judges every entry again, in order, each by what stands before it', async () => {
    const admission = new ToyAdmission();
    const done: number[] = [];
    const head = await fsck(await MemoryStore.open(await filled()), {
      admission,
      onProgress: (now, total) => {
        expect(total).toBe(2 * ENTRIES.length);
        done.push(now);
      },
    });
    expect(head.size).toBe(ENTRIES.length);
    expect(admission.judged).toEqual(ENTRIES);
    expect(done.at(-1)).toBe(2 * ENTRIES.length);
  });

  test('names the first entry that the log should not have taken', async () => {
    const lax: Admission = { admit: async () => [] };
    const message = async (entries: string[]): Promise<string> =>
      (await expectCode(check(await filled(entries, lax)), 'log-corrupt')).message;
    expect(await message(['text 1', 'text 2', 'nonsense', 'other nonsense'])).toMatch(/^entry 2 .*: nonsense$/);
    expect(await message(['text 1', 'after a', 'put a'])).toMatch(/^entry 1 .*: after a$/);
    expect(await message(['text 1', 'put a 1'])).toContain(hex(utf8('put a')));
  });

  test('does not let an entry see those behind it', async () => {
    const later = leafHash(utf8('text later'));
    const seen: (number | undefined)[] = [];
    const admission: Admission = {
      async admit(_entry, _hash, log) {
        seen.push(await log.indexOf(later));
        await expectCode(log.entry(log.size), 'log-range');
        await expectCode(log.leafHash(log.size), 'log-range');
        return [];
      },
    };
    expect(await check(await filled(['text 1', 'text later', 'text 2'], admission), admission)).toBe(3);
    expect(seen).toEqual([undefined, undefined, 1, undefined, undefined, 1]);
  });

  test.for([
    ['is missing', (disk: MemoryDisk, key: string) => disk.derived.delete(key)],
    ['has another value', (disk: MemoryDisk, key: string) => disk.derived.set(key, utf8('1'))],
  ] as const)('finds a derived key that %s', async ([, damage]) => {
    const disk = await filled();
    damage(disk, hex(admissionKey(utf8('count c'))));
    expect((await expectCode(check(disk), 'log-corrupt')).message).toContain(hex(utf8('count c')));
    // Whoever does not know the rules cannot tell.
    expect((await fsck(await MemoryStore.open(disk))).size).toBe(ENTRIES.length);
  });

  test('finds a derived key that no entry gives', async () => {
    const disk = await filled();
    disk.derived.set(hex(admissionKey(utf8('more'))), utf8('1'));
    expect((await expectCode(check(disk), 'log-corrupt')).message).toContain(hex(utf8('more')));
  });
});

test('fsck tells a store that fails from an entry that the log does not take', async () => {
  const { disk, log } = await statementsLog();
  await append(log, 'text 1');
  await log[Symbol.asyncDispose]();
  const admit = (): Promise<never> => Promise.reject(new CoreError('store-io', 'the disk is gone'));
  await expectCode(check(disk, { admit }), 'store-io');
});

describe('on disk', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'vitrine-admission-'));
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  test('what was derived is there after reopening, and a log of version 1 is raw', async () => {
    const at = join(directory, 'log');
    const options = { ...OPTIONS, kind: 'statements', admission: new ToyAdmission() } as const;
    const log = await Log.create((description) => LevelStore.create(at, description), options);
    await appendAll(log, ['put a 1', 'count c 1']);
    await append(log, 'count c 2', 'after a');
    await log[Symbol.asyncDispose]();
    const reopened = await Log.open(await LevelStore.open(at), { signer: SIGNER, admission: new ToyAdmission() });
    expect(text(await reopened.derived(utf8('count c')))).toBe('2');
    await refused(reopened.append(utf8('count c 2 again')));
    expect(await append(reopened, 'count c 3')).toEqual([4]);
    await reopened[Symbol.asyncDispose]();
    const store = await LevelStore.open(at, { checkTables: true });
    expect((await fsck(store, { admission: new ToyAdmission() })).size).toBe(5);
    await store[Symbol.asyncDispose]();

    const file = join(at, 'log.json');
    const { kind: _, ...old } = JSON.parse(readFileSync(file, 'utf8'));
    writeFileSync(file, JSON.stringify({ ...old, version: 1 }));
    await using raw = await Log.open(await LevelStore.open(at), { signer: SIGNER });
    expect(raw.description.kind).toBe('raw');
    expect(await append(raw, 'nonsense')).toEqual([5]);
  });
});
