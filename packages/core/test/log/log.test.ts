import { MemoryDisk, MemoryStore, ReferenceTree, SeededRandom } from '@vitrine/testkit';
import { describe, expect, test } from 'vitest';
import { formatDescription } from '../../src/log/description.ts';
import { Log } from '../../src/log/log.ts';
import { cosign, cosignatureTime } from '../../src/note/cosignature.ts';
import { cosignerOf } from '../../src/note/cosigner.ts';
import { ed25519Signer } from '../../src/note/ed25519.ts';
import { KEY_TYPE_ED25519, KEY_TYPE_ED25519_COSIGNATURE } from '../../src/note/key-type.ts';
import { openCheckpoint } from '../../src/note/open-checkpoint.ts';
import { privateKeyFromSeed } from '../../src/note/private-key.ts';
import { formatSignedNote, parseSignedNote, type SignedNote, signNote } from '../../src/note/signed-note.ts';
import { formatVkey } from '../../src/note/vkey.ts';
import { EMPTY_ROOT, leafHash } from '../../src/tree/hash.ts';
import {
  collect,
  createLog,
  entriesOf,
  entryOf,
  expectCode,
  expectLog,
  KEY,
  OPTIONS,
  ORIGIN,
  openLog,
  SIGNER,
  utf8,
} from './fixtures.ts';

const WITNESS = privateKeyFromSeed('witness.example/w', KEY_TYPE_ED25519_COSIGNATURE, new Uint8Array(32).fill(2));
const WITNESS2 = privateKeyFromSeed('witness.example/v', KEY_TYPE_ED25519_COSIGNATURE, new Uint8Array(32).fill(3));

/** `note` with a witness's signature. */
async function cosigned(note: Uint8Array, key = WITNESS, time = 1_700_000_000): Promise<Uint8Array> {
  const signed = parseSignedNote(note);
  const line = await cosign({ text: signed.text, cosigner: cosignerOf(key), time });
  return formatSignedNote({ text: signed.text, signatures: [...signed.signatures, line] });
}

/** The note with the log's own line alone, as a witness gets it. */
function parseOwn(note: Uint8Array): SignedNote {
  const { text, signatures } = parseSignedNote(note);
  return { text, signatures: signatures.filter(({ keyName }) => keyName === ORIGIN) };
}

const signersOf = (note: Uint8Array): string[] => parseSignedNote(note).signatures.map(({ keyName }) => keyName);

describe('a new log', () => {
  test('is empty, and has signed the empty tree', async () => {
    const { log } = await createLog();
    expect(log.size).toBe(0);
    expect(log.root).toEqual(EMPTY_ROOT);
    expect(await collect(log.entries())).toEqual([]);
    const { checkpoint } = openCheckpoint(log.checkpoint().note, { origin: ORIGIN, keys: [log.key] });
    expect(checkpoint).toEqual({ origin: ORIGIN, size: 0, root: EMPTY_ROOT, extensions: [] });
    expect(log.cosignedCheckpoint()).toBeUndefined();
    expect(log.origin).toBe(ORIGIN);
    expect(await log.indexOf(leafHash(entryOf(0)))).toBeUndefined();
  });

  test('is not created with a key that is not the origin’s, nor with a signer of another key', async () => {
    const other = privateKeyFromSeed('other.example', KEY_TYPE_ED25519, new Uint8Array(32).fill(9));
    const sameName = privateKeyFromSeed(ORIGIN, KEY_TYPE_ED25519, new Uint8Array(32).fill(9));
    const disk = new MemoryDisk();
    const create = (options: Partial<typeof OPTIONS>): Promise<Log> =>
      Log.create((description) => MemoryStore.create(disk, description), { ...OPTIONS, ...options });
    await expectCode(create({ vkeys: [formatVkey(other.vkey)] }), 'log-key');
    await expectCode(create({ vkeys: [formatVkey(WITNESS.vkey)] }), 'log-key');
    await expectCode(create({ vkeys: [] }), 'log-key');
    await expectCode(create({ signer: ed25519Signer(sameName) }), 'log-key');
    await expectCode(create({ signer: ed25519Signer(other) }), 'log-key');
    expect(disk.description).toBeUndefined();
  });

  test('closes its store if it cannot be opened', async () => {
    const disk = new MemoryDisk();
    let store!: MemoryStore;
    const signer = { ...SIGNER, sign: () => Promise.reject(new Error('the agent is gone')) };
    const creating = Log.create(
      async (description) => {
        store = await MemoryStore.create(disk, description);
        return store;
      },
      { ...OPTIONS, signer },
    );
    await expect(creating).rejects.toThrow('the agent is gone');
    await expectCode(store.readHead(), 'store-closed');
  });

  test('never shows a checkpoint that its key did not sign', async () => {
    const broken = { ...SIGNER, sign: () => new Uint8Array(64) };
    await expectCode(createLog({ signer: broken }), 'note-signature');
  });
});

describe('appending', () => {
  test('gives the index, the leaf hash, and a checkpoint that covers the entry', async () => {
    const { log } = await createLog();
    for (let i = 0; i < 5; i++) {
      const { index, leafHash: hash, checkpoint } = await log.append(entryOf(i));
      expect(index).toBe(i);
      expect(hash).toEqual(leafHash(entryOf(i)));
      expect(openCheckpoint(checkpoint, { origin: ORIGIN, keys: [KEY.vkey] }).checkpoint.size).toBe(i + 1);
      expect(log.checkpoint().note).toEqual(checkpoint);
    }
    await expectLog(log, entriesOf(5));
  });

  test('takes entries of 1 to 65,535 bytes and no others', async () => {
    const { log } = await createLog();
    const largest = new Uint8Array(65_535).fill(7);
    expect((await log.append(Uint8Array.of(0))).index).toBe(0);
    expect((await log.append(largest)).index).toBe(1);
    await expectCode(log.append(new Uint8Array()), 'entry-empty');
    await expectCode(log.append(new Uint8Array(65_536)), 'entry-too-large');
    await expect(log.append('text' as unknown as Uint8Array)).rejects.toThrow(TypeError);
    await expectLog(log, [Uint8Array.of(0), largest]);
  });

  test('refuses the entries that are the log’s own to write, and takes what only looks like them', async () => {
    const { log } = await createLog();
    const index = [0x65, ...utf8('index')];
    const type = [0x64, ...utf8('type')];
    const reserved = [
      [0xa1, ...type, ...index],
      [0xa2, 0x61, 0x76, 0x01, ...type, ...index],
      // The map's length in two bytes, and in none.
      [0xb8, 0x01, ...type, ...index],
      [0xbf, ...type, ...index, 0xff],
    ];
    for (const bytes of reserved) await expectCode(log.append(Uint8Array.from(bytes)), 'entry-reserved');
    const batches = collect(log.appendAll([entryOf(0), Uint8Array.from(reserved[0]!), entryOf(1)]));
    await expectCode(batches, 'entry-reserved');
    const others = [
      [0xa1, ...index, ...type],
      [0xa1, ...type, 0x62, ...utf8('in')],
      [0x82, ...type, ...index],
      [0xa1, ...type, 0x81, ...index],
      [0xa1, 0x61, 0x78, 0xa1, ...type, ...index],
      [0xa2, ...type, ...index],
      [...utf8('type index')],
    ].map((bytes) => Uint8Array.from(bytes));
    for (const other of others) await log.append(other);
    await expectLog(log, [entryOf(0), ...others]);
  });

  test('takes entries together, or none of them', async () => {
    const { log } = await createLog();
    const reserved = Uint8Array.from([0xa1, 0x64, ...utf8('type'), 0x65, ...utf8('index')]);
    await expectCode(log.appendTogether([entryOf(0), reserved]), 'entry-reserved');
    await expectCode(log.appendTogether([entryOf(0), new Uint8Array()]), 'entry-empty');
    await expect(log.appendTogether([])).rejects.toThrow(RangeError);
    await expect(log.appendTogether(entriesOf(4097))).rejects.toThrow(RangeError);
    const large = Array.from({ length: 33 }, (_, i) => new Uint8Array(65_000).fill(i + 1));
    await expect(log.appendTogether(large)).rejects.toThrow(RangeError);
    expect(log.size).toBe(0);
    const batch = await log.appendTogether([entryOf(0), entryOf(1), entryOf(0)]);
    expect(Array.from(batch, ({ index }) => index)).toEqual([0, 1, 0]);
    await log.appendTogether(large.slice(1));
    await expectLog(log, [entryOf(0), entryOf(1), ...large.slice(1)]);
  });

  test('hashes what it stores, whatever the caller does to its array meanwhile', async () => {
    const { disk, log } = await createLog();
    const random = new SeededRandom(1);
    const entries = Array.from({ length: 50 }, (_, i) => Uint8Array.of(i, ...random.bytes(20)));
    const appending = entries.map((entry) => log.append(entry));
    for (const entry of entries) entry[5] = entry[5]! ^ 0xff;
    for (const { index, leafHash: hash } of await Promise.all(appending)) {
      expect(leafHash(await log.entry(index))).toEqual(hash);
    }
    const { log: reopened } = await openLog(disk);
    expect(await collect(reopened.entries())).toEqual(await collect(log.entries()));
  });

  test('hands out arrays that can be changed without changing the log', async () => {
    const { log } = await createLog();
    const entries = entriesOf(300);
    for (const entry of entries) log.append(entry).catch(() => {});
    const { leafHash: hash } = await log.append(entries[299]!);
    hash.fill(0);
    (await log.entry(299)).fill(0);
    (await log.leafHash(299)).fill(0);
    (await log.tile(0, 1, 44)).fill(0);
    const inclusion = await log.proveInclusion(7);
    for (const bytes of [...inclusion.proof, inclusion.leafHash, inclusion.root]) bytes.fill(0);
    const consistency = await log.proveConsistency(7);
    for (const bytes of [...consistency.proof, consistency.oldRoot, consistency.newRoot]) bytes.fill(0);
    await expectLog(log, entries);
    const tree = new ReferenceTree(entries);
    expect((await log.proveInclusion(7)).proof).toEqual(tree.path(7, 0, 300));
  });

  test('needs the key: a log that was opened without it can be read', async () => {
    const { disk, log } = await createLog();
    for (const entry of entriesOf(3)) await log.append(entry);
    await log[Symbol.asyncDispose]();
    const before = structuredClone(disk.checkpoints);
    const readOnly = await Log.open(await MemoryStore.open(disk));
    await expectLog(readOnly, entriesOf(3));
    expect(readOnly.checkpoint().size).toBe(3);
    expect((await readOnly.proveInclusion(1)).size).toBe(3);
    await expectCode(readOnly.append(entryOf(3)), 'log-read-only');
    await expectCode(collect(readOnly.appendAll([entryOf(3)])), 'log-read-only');
    await readOnly[Symbol.asyncDispose]();
    expect(disk.checkpoints).toEqual(before);
  });

  test('needs the right key', async () => {
    const { disk, log } = await createLog();
    await log[Symbol.asyncDispose]();
    const store = await MemoryStore.open(disk);
    const other = privateKeyFromSeed(ORIGIN, KEY_TYPE_ED25519, new Uint8Array(32).fill(9));
    await expectCode(Log.open(store, { signer: ed25519Signer(other) }), 'log-key');
    await expectCode(Log.open(store, { signer: { ...SIGNER, keyName: 'other.example' } }), 'log-key');
    await expectLog(await Log.open(store, { signer: SIGNER }), []);
  });

  test('is over when the log is closed; what was under way is finished first', async () => {
    const { disk, log } = await createLog();
    const appending = entriesOf(10).map((entry) => log.append(entry));
    await log[Symbol.asyncDispose]();
    expect((await Promise.all(appending)).map(({ index }) => index)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    await expectCode(log.append(entryOf(10)), 'log-closed');
    await expectCode(collect(log.appendAll([entryOf(10)])), 'log-closed');
    await expectCode(log.entry(0), 'log-closed');
    await expectCode(collect(log.entries()), 'log-closed');
    await expectCode(log.indexOf(leafHash(entryOf(0))), 'log-closed');
    await expectCode(log.leafHash(0), 'log-closed');
    await expectCode(log.proveInclusion(0), 'log-closed');
    await expectCode(log.proveConsistency(0), 'log-closed');
    await expectCode(log.tile(0, 0, 1), 'log-closed');
    await expectCode(log.publish(log.checkpoint().note), 'log-closed');
    await log[Symbol.asyncDispose]();
    await expectLog((await openLog(disk)).log, entriesOf(10));
  });
});

describe('reading and proving', () => {
  // Three tiles and a bit, in commits whose sizes have nothing to do with tiles.
  const SIZE = 800;
  const entries = entriesOf(SIZE);
  const tree = new ReferenceTree(entries);

  async function grown(): Promise<Log> {
    const { disk, log } = await createLog();
    for (let from = 0, step = 1; from < SIZE; from += step, step = (step * 3) % 101) {
      await Promise.all(entries.slice(from, Math.min(SIZE, from + step)).map((entry) => log.append(entry)));
    }
    await log[Symbol.asyncDispose]();
    return (await openLog(disk)).log;
  }

  test('every entry, range, leaf hash and index is that of the entries', async () => {
    const log = await grown();
    await expectLog(log, entries);
    for (const i of [0, 1, 254, 255, 256, 257, 511, 512, 799]) expect(await log.entry(i)).toEqual(entries[i]);
    for (const [start, end] of [
      [0, 0],
      [0, 1],
      [255, 257],
      [256, 512],
      [300, 301],
      [100, 799],
      [800, 800],
    ] as const) {
      expect(await collect(log.entries(start, end))).toEqual(entries.slice(start, end));
    }
    expect(await log.indexOf(leafHash(utf8('absent')))).toBeUndefined();
    await expect(log.indexOf(new Uint8Array(31))).rejects.toThrow(RangeError);
  });

  test('what the log does not have is refused', async () => {
    const log = await grown();
    for (const index of [-1, 800, 1.5, Number.NaN, 2 ** 53]) {
      await expectCode(log.entry(index), 'log-range');
      await expectCode(log.leafHash(index), 'log-range');
    }
    for (const [start, end] of [
      [-1, 2],
      [2, 1],
      [0, 801],
      [0.5, 1],
      [0, Number.NaN],
    ] as const) {
      await expectCode(collect(log.entries(start, end)), 'log-range');
    }
    await expectCode(log.proveInclusion(0, 801), 'log-range');
    await expectCode(log.proveInclusion(800), 'proof-range');
    await expectCode(log.proveInclusion(5, 5), 'proof-range');
    await expectCode(log.proveConsistency(0, 801), 'log-range');
    await expectCode(log.proveConsistency(6, 5), 'proof-range');
    for (const [level, index, width] of [
      [0, 3, 33],
      [0, 4, 1],
      [1, 0, 4],
      [2, 0, 1],
      ['entries', 3, 33],
      [0, 0, 0],
      [0, 0, 257],
    ] as const) {
      await expectCode(log.tile(level, index, width), 'log-range');
    }
  });

  test('inclusion proofs are the reference tree’s, for all entries and many sizes', async () => {
    const log = await grown();
    for (const size of [1, 2, 3, 7, 8, 255, 256, 257, 511, 512, 513, 768, 799, 800]) {
      for (let index = 0; index < size; index += 1 + Math.floor(size / 40)) {
        expect(await log.proveInclusion(index, size)).toEqual({
          index,
          size,
          leafHash: tree.leafHash(index),
          proof: tree.path(index, 0, size),
          root: tree.root(size),
        });
      }
    }
    expect((await log.proveInclusion(3)).size).toBe(SIZE);
  });

  test('consistency proofs are the reference tree’s, for many pairs of sizes', async () => {
    const log = await grown();
    const sizes = [0, 1, 2, 3, 6, 8, 100, 255, 256, 257, 511, 512, 640, 799, 800];
    for (const oldSize of sizes) {
      for (const newSize of sizes.filter((size) => size >= oldSize)) {
        expect(await log.proveConsistency(oldSize, newSize)).toEqual({
          oldSize,
          newSize,
          oldRoot: tree.root(oldSize),
          newRoot: tree.root(newSize),
          proof: tree.consistency(oldSize, newSize),
        });
      }
    }
  });

  test('tiles and bundles are the hashes and entries in them', async () => {
    const log = await grown();
    expect(await log.tile(0, 3, 32)).toEqual(new Uint8Array(Buffer.concat(entries.slice(768).map((e) => leafHash(e)))));
    expect(await log.tile(0, 3, 5)).toEqual((await log.tile(0, 3, 32)).slice(0, 160));
    const level1 = [0, 1, 2].map((i) => tree.hash(256 * i, 256 * (i + 1)));
    expect(await log.tile(1, 0, 3)).toEqual(new Uint8Array(Buffer.concat(level1)));
    const bundle = entries.slice(0, 2).map((entry) => [0, entry.length, ...entry]);
    expect(await log.tile('entries', 0, 2)).toEqual(Uint8Array.from(bundle.flat()));
  });

  test('proofs are right while the log grows', async () => {
    const { log } = await createLog();
    let proven = 0;
    const appending = (async () => {
      for (const entry of entries.slice(0, 300)) await log.append(entry);
    })();
    for (let done = false; !done; ) {
      const { size } = log.checkpoint();
      for (let index = 0; index < size; index += 61) {
        expect((await log.proveInclusion(index)).proof.length).toBeLessThan(10);
        expect((await log.proveInclusion(index, size)).proof).toEqual(tree.path(index, 0, size));
        proven++;
      }
      expect((await log.proveConsistency(Math.floor(size / 2), size)).proof).toEqual(
        tree.consistency(Math.floor(size / 2), size),
      );
      done = size === 300;
      await new Promise(setImmediate);
    }
    await appending;
    expect(proven).toBeGreaterThan(20);
  });

  test('a range that is being read does not grow with the log', async () => {
    const { log } = await createLog();
    for (const entry of entriesOf(3)) await log.append(entry);
    const read: Uint8Array[] = [];
    for await (const entry of log.entries()) {
      read.push(entry);
      await log.append(entryOf(100 + read.length));
    }
    expect(read).toEqual(entriesOf(3));
    expect(log.size).toBe(6);
  });
});

describe('checkpoints with the signatures of others', () => {
  test('are kept beside the log’s own, and after reopening', async () => {
    const { disk, log } = await createLog();
    await log.append(entryOf(0));
    const note = await cosigned(log.checkpoint().note);
    const published = await log.publish(note);
    expect(published).toEqual({ size: 1, root: log.root, note });
    expect(log.checkpoint().note).toEqual(note);
    expect(log.cosignedCheckpoint()?.note).toEqual(note);
    await log.append(entryOf(1));
    expect(log.checkpoint().size).toBe(2);
    expect(log.cosignedCheckpoint()?.note).toEqual(note);
    await log[Symbol.asyncDispose]();
    const { log: reopened } = await openLog(disk);
    expect(reopened.checkpoint().size).toBe(2);
    expect(reopened.cosignedCheckpoint()?.note).toEqual(note);
  });

  test('gather signatures, whoever comes first', async () => {
    const { disk, log } = await createLog();
    await log.append(entryOf(0));
    const { note } = log.checkpoint();
    await log.publish(await cosigned(note));
    await log.publish(await cosigned(note, WITNESS2));
    await log.publish(note);
    expect(signersOf(log.checkpoint().note)).toEqual([ORIGIN, 'witness.example/w', 'witness.example/v']);
    await log[Symbol.asyncDispose]();
    const { log: reopened } = await openLog(disk);
    expect(signersOf(reopened.checkpoint().note)).toEqual([ORIGIN, 'witness.example/w', 'witness.example/v']);
  });

  test('are not those of the log’s own further keys, which are kept without replacing a witnessed checkpoint', async () => {
    const own = privateKeyFromSeed(ORIGIN, KEY_TYPE_ED25519_COSIGNATURE, new Uint8Array(32).fill(5));
    const disk = new MemoryDisk();
    const create = (description: Uint8Array): Promise<MemoryStore> => MemoryStore.create(disk, description);
    const log = await Log.create(create, { ...OPTIONS, vkeys: [...OPTIONS.vkeys, formatVkey(own.vkey)] });
    await log.append(entryOf(0));
    const witnessed = await cosigned(log.checkpoint().note);
    await log.publish(witnessed);
    await log.append(entryOf(1));
    const both = await cosigned(log.checkpoint().note, own);
    await log.publish(both);
    expect(log.checkpoint().note).toEqual(both);
    expect(log.cosignedCheckpoint()?.note).toEqual(witnessed);
    await log[Symbol.asyncDispose]();
    const { log: reopened } = await openLog(disk);
    expect(reopened.checkpoint().note).toEqual(both);
    expect(reopened.cosignedCheckpoint()?.note).toEqual(witnessed);
  });

  test('are replaced when a witness cosigns the same tree again, as often as it likes', async () => {
    const { log } = await createLog();
    await log.append(entryOf(0));
    await log.publish(await cosigned(log.checkpoint().note, WITNESS2, 1_700_000_000));
    for (let time = 1_700_000_001; time < 1_700_000_100; time++) {
      await log.publish(await cosigned(formatSignedNote(parseOwn(log.checkpoint().note)), WITNESS, time));
    }
    expect(signersOf(log.checkpoint().note)).toEqual([ORIGIN, 'witness.example/v', 'witness.example/w']);
    const [, , last] = parseSignedNote(log.checkpoint().note).signatures;
    expect(cosignatureTime(last!.signature)).toBe(1_700_000_099);
  });

  test('of an older tree do not replace those of a newer one', async () => {
    const { disk, log } = await createLog();
    await log.append(entryOf(0));
    const first = await cosigned(log.checkpoint().note);
    await log.append(entryOf(1));
    const second = await cosigned(log.checkpoint().note);
    await log.append(entryOf(2));
    await log.publish(second);
    await log.publish(first);
    expect(log.cosignedCheckpoint()?.size).toBe(2);
    expect(log.checkpoint().size).toBe(3);
    await log[Symbol.asyncDispose]();
    const { log: reopened } = await openLog(disk);
    expect(reopened.cosignedCheckpoint()?.note).toEqual(second);
    expect(reopened.checkpoint().size).toBe(3);
  });

  test('are refused if they are of another tree, of another log, of the future, or unsigned', async () => {
    const { log } = await createLog();
    await log.append(entryOf(0));
    const { log: fork } = await createLog();
    await fork.append(entryOf(1));
    await expectCode(log.publish(await cosigned(fork.checkpoint().note)), 'log-corrupt');
    await fork.append(entryOf(2));
    await expectCode(log.publish(await cosigned(fork.checkpoint().note)), 'log-range');

    const other = privateKeyFromSeed('other.example', KEY_TYPE_ED25519, new Uint8Array(32).fill(9));
    const { log: another } = await createLog({
      origin: 'other.example',
      vkeys: [formatVkey(other.vkey)],
      signer: ed25519Signer(other),
    });
    await expectCode(log.publish(another.checkpoint().note), 'checkpoint-origin');
    const { text } = parseSignedNote(log.checkpoint().note);
    const stranger = { ...ed25519Signer(other), keyName: 'stranger.example' };
    await expectCode(log.publish(formatSignedNote(await signNote(text, [stranger]))), 'note-unsigned');
    await expectCode(log.publish(utf8('nonsense')), 'note-malformed');
    expect(log.cosignedCheckpoint()).toBeUndefined();
    expect(signersOf(log.checkpoint().note)).toEqual([ORIGIN]);
  });
});

describe('opening a store that does not fit together', () => {
  /** A disk with a log of five entries, for the test to damage. */
  async function disk(): Promise<MemoryDisk> {
    const { disk, log } = await createLog();
    for (const entry of entriesOf(5)) await log.append(entry);
    await log[Symbol.asyncDispose]();
    return disk;
  }

  test('refuses a head that is not that of the tiles', async () => {
    const damaged = await disk();
    damaged.head = { ...damaged.head, root: new Uint8Array(32) };
    await expectCode(openLog(damaged), 'log-corrupt');
    const smaller = await disk();
    smaller.head = { ...smaller.head, size: 4 };
    await expectCode(openLog(smaller), 'log-corrupt');
    const larger = await disk();
    larger.head = { ...larger.head, size: 6 };
    await expectCode(openLog(larger), 'store-corrupt');
  });

  test('refuses a tree that is smaller than its signed checkpoint, or its cosigned one: a restored backup', async () => {
    const old = await disk();
    const { log } = await openLog(structuredCopy(old));
    await log.append(entryOf(5));
    const newer = log.checkpoint().note;
    old.checkpoints = { signed: newer };
    expect((await expectCode(openLog(old), 'log-corrupt')).message).toContain('6 entries and holds only 5');
    const own = (await disk()).checkpoints;
    old.checkpoints = { ...own, cosigned: await cosigned(newer) };
    await expectCode(openLog(old), 'log-corrupt');
  });

  test('refuses a checkpoint of another tree, of another log, and one that is none', async () => {
    const { log: fork } = await createLog();
    await fork.append(utf8('another first entry'));
    for (const note of [fork.checkpoint().note, utf8('nonsense'), new Uint8Array()]) {
      const damaged = await disk();
      damaged.checkpoints = { signed: note };
      await expectCode(openLog(damaged), 'log-corrupt');
      damaged.checkpoints = { ...(await disk()).checkpoints, cosigned: note };
      await expectCode(openLog(damaged), 'log-corrupt');
    }
  });

  test('refuses a last entry that does not hash to its leaf', async () => {
    const damaged = await disk();
    damaged.bundles.get(0)![4]![3]! ^= 1;
    await expectCode(openLog(damaged), 'log-corrupt');
  });

  test('refuses a description that is damaged, incomplete or of a newer version', async () => {
    const damaged = await disk();
    const { origin, vkeys } = OPTIONS;
    const cases: [string, unknown][] = [
      ['store-newer', { version: 5, origin, vkeys, kind: 'raw', duplicates: false, indexed: false, mirror: false }],
      ['store-corrupt', { version: 4, origin, vkeys, kind: 'raw', duplicates: false, indexed: false }],
      ['store-corrupt', { version: 4, origin, vkeys, kind: 'raw', duplicates: false, indexed: false, mirror: 1 }],
      ['store-corrupt', { version: 3, origin, vkeys, kind: 'raw', duplicates: false }],
      ['store-corrupt', { version: 3, origin, vkeys, kind: 'raw', duplicates: false, indexed: true }],
      ['store-corrupt', { version: 2.5, origin, vkeys, kind: 'raw', duplicates: false, indexed: false }],
      ['store-corrupt', { version: 2, origin, vkeys, duplicates: false }],
      ['store-corrupt', { version: 2, origin, vkeys, kind: 'cooked', duplicates: false }],
      ['store-corrupt', { version: 2, origin, vkeys, kind: 'statements', duplicates: true }],
      ['store-corrupt', { version: 0, origin, vkeys, duplicates: false }],
      ['store-corrupt', { version: '1', origin, vkeys, duplicates: false }],
      ['store-corrupt', { version: 1, origin: '', vkeys, duplicates: false }],
      ['store-corrupt', { version: 1, origin, vkeys: 'none', duplicates: false }],
      ['store-corrupt', { version: 1, origin, vkeys: [1], duplicates: false }],
      ['store-corrupt', { version: 1, origin, vkeys }],
      ['store-corrupt', null],
      ['store-corrupt', []],
      ['key-malformed', { version: 1, origin, vkeys: ['nonsense'], duplicates: false }],
      ['log-key', { version: 1, origin, vkeys: [], duplicates: false }],
      ['log-key', { version: 1, origin: 'other', vkeys, duplicates: false }],
    ];
    for (const [code, value] of cases) {
      damaged.description = utf8(JSON.stringify(value));
      await expectCode(openLog(damaged), code);
    }
    for (const bytes of [utf8('{'), Uint8Array.of(0xff), new Uint8Array()]) {
      damaged.description = bytes;
      await expectCode(openLog(damaged), 'store-corrupt');
    }
    damaged.description = formatDescription({ ...OPTIONS, indexed: false, mirror: false });
    await expectLog((await openLog(damaged)).log, entriesOf(5));
  });

  test('what is damaged deeper is refused when it is read', async () => {
    const damaged = await disk();
    for (const value of damaged.derived.values()) value.fill(0);
    const { log: misled } = await openLog(damaged);
    await expectCode(misled.indexOf(leafHash(entryOf(3))), 'log-corrupt');
    await expectCode(misled.append(entryOf(3)), 'log-corrupt');
    await expectCode(misled.append(entryOf(9)), 'log-failed');
  });
});

function structuredCopy(disk: MemoryDisk): MemoryDisk {
  const copy = new MemoryDisk();
  Object.assign(copy, structuredClone({ ...disk }));
  return copy;
}
