import { type Fault, MemoryStore, ReferenceTree } from '@vitrine/testkit';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fsck } from '../../src/log/fsck.ts';
import { Log } from '../../src/log/log.ts';
import { Replica } from '../../src/log/replica.ts';
import { formatSignedNote, parseSignedNote } from '../../src/note/signed-note.ts';
import { HASH_SIZE } from '../../src/tree/hash.ts';
import {
  collect,
  cosigned,
  createLog,
  entriesOf,
  entryOf,
  expectCode,
  expectLog,
  OPTIONS,
  ORIGIN,
  SIGNER,
  utf8,
} from './fixtures.ts';
import { createReplica, type MemoryReplica, openReplica, signedOf } from './replica-fixtures.ts';

const RUNS = Number(process.env['MODEL_RUNS'] ?? 100);
const SIZE = 700;
const ENTRIES = entriesOf(SIZE);
const TREE = new ReferenceTree(ENTRIES);

type Action =
  /** So many entries, the first of them so many before the next one. */
  | { readonly kind: 'extend'; readonly count: number; readonly overlap: number }
  /** A checkpoint of so many entries fewer than are stored. */
  | { readonly kind: 'publish'; readonly behind: number; readonly cosigned: boolean }
  | { readonly kind: 'fault'; readonly operation: 'commit' | 'publish'; readonly fault: Fault }
  | { readonly kind: 'reopen' };

const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant('extend' as const), count: fc.nat(300), overlap: fc.nat(20) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('publish' as const), behind: fc.nat(30), cosigned: fc.boolean() }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('fault' as const),
      operation: fc.constantFrom('commit' as const, 'publish' as const),
      fault: fc.constantFrom('dropped' as const, 'applied' as const),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('reopen' as const) }) },
);

/** A replica, and what must be true of it. */
class Model {
  #current: MemoryReplica;
  #stored = 0;
  #published = -1;

  constructor(created: MemoryReplica) {
    this.#current = created;
  }

  async run(action: Action): Promise<void> {
    const { replica, store, disk } = this.#current;
    switch (action.kind) {
      case 'fault':
        return store.plan(action.operation, { fault: action.fault });
      case 'reopen':
        await replica[Symbol.asyncDispose]();
        this.#current = await openReplica(disk);
        return this.check();
      case 'extend': {
        const start = Math.max(0, this.#stored - action.overlap);
        const end = Math.min(SIZE, this.#stored + action.count);
        return this.#write(async () => {
          this.#stored = await replica.extend(ENTRIES.slice(start, end), start);
          expect(this.#stored).toBe(Math.max(end, this.#current.replica.next));
        });
      }
      case 'publish': {
        const size = Math.max(0, this.#stored - action.behind);
        const { note } = await signedOf(ENTRIES, size);
        if (size < this.#published) {
          await expectCode(replica.publish(note), 'log-range');
          return this.check();
        }
        return this.#write(async () => {
          expect(await replica.publish(action.cosigned ? await cosigned(note) : note)).toMatchObject({ size });
          this.#published = size;
        });
      }
    }
  }

  /** After a write that failed, the next process tells whether it took effect. */
  async #write(act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (error) {
      expect(['store-io', 'log-failed']).toContain((error as { code?: unknown }).code);
      await expectCode(this.#current.replica.extend([], 0), 'log-failed');
      const { replica, disk } = this.#current;
      await replica[Symbol.asyncDispose]();
      this.#current = await openReplica(disk);
      const { next } = this.#current.replica;
      expect(next).toBeGreaterThanOrEqual(this.#stored);
      expect(this.#current.replica.size).toBeGreaterThanOrEqual(Math.max(0, this.#published));
      this.#stored = next;
      const { signed } = disk.checkpoints;
      this.#published = signed === undefined ? -1 : this.#current.replica.size;
    }
    await this.check();
  }

  async check(): Promise<void> {
    const { replica, disk } = this.#current;
    expect(replica.next).toBe(this.#stored);
    expect(replica.size).toBe(Math.max(0, this.#published));
    expect(replica.root).toEqual(TREE.root(replica.size));
    expect(await replica.storedRoot(this.#stored)).toEqual(TREE.root(this.#stored));
    if (this.#published === -1)
      await expectCode(
        Promise.resolve().then(() => replica.checkpoint()),
        'log-mirror',
      );
    else expect(replica.checkpoint()).toMatchObject({ size: this.#published, root: TREE.root(this.#published) });
    expect(await fsck(await MemoryStore.open(disk))).toMatchObject({ size: this.#stored });
  }

  async finish(): Promise<void> {
    const { replica, disk } = this.#current;
    await expectLog(replica, ENTRIES.slice(0, replica.size));
    if (replica.size > 0) await replica.proveInclusion(0);
    await replica.proveConsistency(Math.floor(replica.size / 2), replica.size);
    const leaves = await replica.storedLeafHashes(0, this.#stored);
    for (const at of this.#stored === 0 ? [] : [0, this.#stored - 1]) {
      expect(leaves.slice(at * HASH_SIZE, (at + 1) * HASH_SIZE)).toEqual(TREE.leafHash(at));
    }
    await replica[Symbol.asyncDispose]();
    // What is there can be read as a log too.
    const log = await Log.open(await MemoryStore.open(disk));
    expect([log.size, log.root]).toEqual([replica.size, replica.root]);
  }
}

test('whatever is copied, published, fails and is reopened, a replica is the first entries of the log', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(action, { minLength: 1, maxLength: 25 }), async (actions) => {
      const model = new Model(await createReplica());
      for (const action of actions) await model.run(action);
      await model.finish();
    }),
    { numRuns: RUNS },
  );
});

describe('a replica', () => {
  test('has in its store what the log has in its own', async () => {
    const { disk: logDisk, log } = await createLog();
    for await (const _ of log.appendAll(ENTRIES)) {
      // All of them.
    }
    const { disk, replica } = await createReplica();
    for (let at = 0; at < SIZE; at += 93) await replica.extend(ENTRIES.slice(at, at + 93), at);
    await replica.publish(log.checkpoint().note);
    expect([replica.size, replica.root]).toEqual([log.size, log.root]);
    for (const [level, index, width] of [
      [0, 0, 256],
      [0, 2, 188],
      [1, 0, 2],
      ['entries', 1, 256],
    ] as const) {
      expect(await replica.tile(level, index, width)).toEqual(await log.tile(level, index, width));
    }
    expect(disk.tiles).toEqual(logDisk.tiles);
    expect(disk.bundles).toEqual(logDisk.bundles);
    expect(disk.head).toEqual(logDisk.head);
  });

  test('shows nothing that no published checkpoint covers', async () => {
    const { replica } = await createReplica();
    await replica.extend(ENTRIES.slice(0, 300), 0);
    expect([replica.size, replica.next]).toEqual([0, 300]);
    await expectCode(replica.entry(0), 'log-range');
    await replica.publish((await signedOf(ENTRIES, 256)).note);
    expect(await collect(replica.entries())).toEqual(ENTRIES.slice(0, 256));
    await expectCode(replica.entry(256), 'log-range');
    await expectCode(replica.tile(0, 1, 1), 'log-range');
    await expectCode(replica.proveInclusion(0, 300), 'log-range');
    await replica.publish((await signedOf(ENTRIES, 300)).note);
    expect(await replica.entry(299)).toEqual(entryOf(299));
  });

  test('leaves no entry out, and takes none that cannot be one', async () => {
    const { replica } = await createReplica();
    await replica.extend(ENTRIES.slice(0, 3), 0);
    await expectCode(replica.extend(ENTRIES.slice(4, 5), 4), 'log-range');
    await expectCode(replica.extend([new Uint8Array(0)], 3), 'entry-empty');
    await expectCode(replica.extend([new Uint8Array(65_536)], 3), 'entry-too-large');
    expect(await replica.extend(ENTRIES.slice(3, 5), 3)).toBe(5);
  });

  test('replaces nothing that it has, whatever it is given in its place', async () => {
    const { replica, store } = await createReplica();
    await replica.extend(ENTRIES.slice(0, 3), 0);
    expect(await replica.extend([utf8('another'), utf8('and another'), utf8('third'), entryOf(3)], 0)).toBe(4);
    await replica.publish((await signedOf(ENTRIES, 4)).note);
    expect(await collect(replica.entries())).toEqual(ENTRIES.slice(0, 4));
    expect(store.commits).toHaveLength(2);
    // Nothing new is no commit.
    await replica.extend(ENTRIES.slice(0, 2), 0);
    expect(store.commits).toHaveLength(2);
  });

  test('lets several callers copy one log at once', async () => {
    const { replica } = await createReplica();
    const copy = async (step: number): Promise<void> => {
      for (let at = 0; at < 300; at += step) await replica.extend(ENTRIES.slice(at, Math.min(300, at + step)), at);
    };
    await Promise.all([copy(7), copy(50), copy(256)]);
    await replica.publish((await signedOf(ENTRIES, 300)).note);
    expect(await collect(replica.entries())).toEqual(ENTRIES.slice(0, 300));
  });

  test('publishes no checkpoint of another tree, of entries that it lacks, of another log, or of a smaller tree', async () => {
    const { replica } = await createReplica();
    await replica.extend(ENTRIES.slice(0, 10), 0);
    await expectCode(replica.publish((await signedOf(entriesOf(10, 1))).note), 'log-corrupt');
    await expectCode(replica.publish((await signedOf(ENTRIES, 11)).note), 'log-range');
    const { text, signatures } = parseSignedNote((await signedOf(ENTRIES, 10)).note);
    const other = { ...signatures[0]!, signature: signatures[0]!.signature.map((byte) => byte ^ 1) };
    await expectCode(replica.publish(formatSignedNote({ text, signatures: [other] })), 'note-signature');
    await replica.publish((await signedOf(ENTRIES, 10)).note);
    await expectCode(replica.publish((await signedOf(ENTRIES, 9)).note), 'log-range');
    expect(replica.size).toBe(10);
    await expectCode(replica.publish((await signedOf(entriesOf(10, 1))).note), 'log-corrupt');
    expect(replica.root).toEqual(TREE.root(10));
  });

  test('takes checkpoints with extension lines, and keeps the signatures that it is given', async () => {
    const { replica, disk } = await createReplica();
    await replica.extend(ENTRIES.slice(0, 10), 0);
    await replica.publish((await signedOf(ENTRIES, 10)).note);
    expect(replica.cosignedCheckpoint()).toBeUndefined();
    const later = await cosigned((await signedOf(ENTRIES, 10, ['time 2'])).note);
    expect((await replica.publish(later)).note).toEqual(later);
    expect(replica.checkpoint().note).toEqual(later);
    expect(replica.cosignedCheckpoint()?.note).toEqual(later);
    expect((await openReplica(disk)).replica.checkpoint().note).toEqual(later);
  });

  test('has a checkpoint cosigned once all of it is there, and not before', async () => {
    const { replica } = await createReplica();
    const seen: Uint8Array[] = [];
    const cosign = (note: Uint8Array): Promise<Uint8Array> => {
      seen.push(note);
      return cosigned(note);
    };
    const { note } = await signedOf(ENTRIES, 10);
    await expectCode(replica.publish(note, cosign), 'log-range');
    await replica.extend(ENTRIES.slice(0, 10), 0);
    await expectCode(replica.publish((await signedOf(entriesOf(10, 1))).note, cosign), 'log-corrupt');
    expect(seen).toEqual([]);
    expect((await replica.publish(note, cosign)).note).toEqual(await cosigned(note));
    expect(seen).toEqual([note]);
    await expectCode(
      replica.publish(note, async () => (await signedOf(entriesOf(10, 1))).note),
      'log-corrupt',
    );
    expect(replica.checkpoint().note).toEqual(await cosigned(note));
  });

  test('shows a checkpoint only once it is stored', async () => {
    const { replica, store } = await createReplica();
    await replica.extend(ENTRIES.slice(0, 10), 0);
    store.plan('publish', { fault: 'dropped' });
    await expectCode(replica.publish((await signedOf(ENTRIES, 10)).note), 'store-io');
    expect(replica.size).toBe(0);
    await expectCode(
      Promise.resolve().then(() => replica.checkpoint()),
      'log-mirror',
    );
  });

  test('cannot be appended to: the log itself cannot be opened over it', async () => {
    const { replica, disk } = await createReplica();
    await replica.extend(ENTRIES.slice(0, 10), 0);
    await replica.publish((await signedOf(ENTRIES, 10)).note);
    await replica[Symbol.asyncDispose]();
    const error = await expectCode(Log.open(await MemoryStore.open(disk), { signer: SIGNER }), 'log-mirror');
    expect(error.message).toContain(ORIGIN);
    const log = await Log.open(await MemoryStore.open(disk));
    await expectCode(log.append(entryOf(10)), 'log-read-only');
    await expectCode(log.derived(utf8('key')), 'log-mirror');
    expect(await log.indexOf(TREE.leafHash(7))).toBe(7);
    const { disk: logDisk } = await createLog();
    await expectCode(Replica.open(await MemoryStore.open(logDisk)), 'log-mirror');
  });

  test('is refused where entries are missing that it has published, or another tree is there', async () => {
    const { replica, disk } = await createReplica();
    await replica.extend(ENTRIES.slice(0, 10), 0);
    await replica.publish((await signedOf(ENTRIES, 10)).note);
    await replica.extend(ENTRIES.slice(10, 20), 10);
    const { head } = disk;
    disk.head = { size: 9, root: TREE.root(9) };
    const error = await expectCode(openReplica(disk), 'log-corrupt');
    expect(error.message).toContain('the mirror has a checkpoint of 10 entries');
    disk.head = { size: 19, root: TREE.root(20) };
    await expectCode(openReplica(disk), 'log-corrupt');
    disk.head = head;
    disk.checkpoints = { signed: (await signedOf(entriesOf(10, 1))).note };
    await expectCode(openReplica(disk), 'log-corrupt');
    await expectCode(fsck(await MemoryStore.open(disk)), 'log-corrupt');
  });

  test('is not created with keys that no log could have', async () => {
    await expectCode(createReplica({ vkeys: [] }), 'log-key');
    await expectCode(createReplica({ origin: 'other.example' }), 'log-key');
    await expectCode(createReplica({ vkeys: ['nonsense'] }), 'key-malformed');
    expect((await createReplica()).replica.description).toEqual({
      origin: ORIGIN,
      vkeys: OPTIONS.vkeys,
      kind: 'raw',
      duplicates: true,
      indexed: false,
      mirror: true,
    });
  });

  test('answers nothing once it is closed', async () => {
    const { replica } = await createReplica();
    const under = replica.extend(ENTRIES.slice(0, 10), 0);
    // It is under way, and so it is done first.
    await Promise.resolve();
    await replica[Symbol.asyncDispose]();
    await under.catch(() => {});
    await expectCode(replica.extend(ENTRIES.slice(0, 10), 0), 'log-closed');
    await expectCode(replica.publish((await signedOf(ENTRIES, 0)).note), 'log-closed');
    await expectCode(replica.storedRoot(0), 'log-closed');
  });
});
