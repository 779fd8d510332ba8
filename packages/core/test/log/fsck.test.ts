import { type MemoryDisk, MemoryStore } from '@vitrine/testkit';
import { describe, expect, test } from 'vitest';
import { fsck } from '../../src/log/fsck.ts';
import { encodeIndex, leafKey } from '../../src/log/known-leaves.ts';
import { Log } from '../../src/log/log.ts';
import { mlDsa44 } from '../../src/ml-dsa.ts';
import { cosign } from '../../src/note/cosignature.ts';
import { cosignerOf } from '../../src/note/cosigner.ts';
import { KEY_TYPE_ML_DSA_44_COSIGNATURE } from '../../src/note/key-type.ts';
import { privateKeyFromSeed } from '../../src/note/private-key.ts';
import { formatSignedNote, parseSignedNote } from '../../src/note/signed-note.ts';
import { formatVkey } from '../../src/note/vkey.ts';
import { leafHash } from '../../src/tree/hash.ts';
import { collect, createLog, entriesOf, entryOf, expectCode, OPTIONS, ORIGIN, utf8 } from './fixtures.ts';

const schemes = [mlDsa44];

const SIZE = 600;
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const leafKeyOf = (i: number): string => hex(leafKey(leafHash(entryOf(i))));

function flip(items: readonly Uint8Array[], item: number, at: number): void {
  items[item]![at]! ^= 1;
}

async function filled(duplicates = false): Promise<MemoryDisk> {
  const { disk, log } = await createLog({ duplicates });
  await collect(log.appendAll(entriesOf(SIZE)));
  await log[Symbol.asyncDispose]();
  return disk;
}

async function check(disk: MemoryDisk): Promise<number> {
  return (await fsck(await MemoryStore.open(disk))).size;
}

describe('fsck', () => {
  test('finds a sound log sound, and tells how far it has come', async () => {
    const done: number[] = [];
    const onProgress = (now: number, total: number): void => {
      expect(total).toBe(SIZE);
      done.push(now);
    };
    const head = await fsck(await MemoryStore.open(await filled()), { onProgress });
    expect(head.size).toBe(SIZE);
    expect(done.at(-1)).toBe(SIZE);
    expect(await check(await filled(true))).toBe(SIZE);
    const { disk } = await createLog();
    expect(await check(disk)).toBe(0);
  });

  const damages: [string, string, (disk: MemoryDisk) => unknown][] = [
    ['an entry', 'entry 300 ', (disk) => flip(disk.bundles.get(1)!, 44, 5)],
    ['the length of an entry', 'bundle 1', (disk) => flip(disk.bundles.get(1)!, 44, 1)],
    ['a missing entry', 'bundle 2', (disk) => disk.bundles.get(2)!.pop()],
    ['a leaf hash', 'entry 7 ', (disk) => flip(disk.tiles.get('0/0')!, 7, 0)],
    ['a missing tile', 'tile 1 of level 0', (disk) => disk.tiles.delete('0/1')],
    ['a hash above the leaves', 'hash 1 of tile 0 of level 1', (disk) => flip(disk.tiles.get('1/0')!, 1, 9)],
    ['a missing hash above the leaves', 'tile 0 of level 1', (disk) => disk.tiles.get('1/0')!.pop()],
    ['the root', 'root', (disk) => Object.assign(disk, { head: { ...disk.head, root: new Uint8Array(32) } })],
    ['the size', 'checkpoint has 600', (disk) => Object.assign(disk, { head: { ...disk.head, size: 599 } })],
    ['the checkpoint', 'checkpoint', (disk) => Object.assign(disk, { checkpoints: { signed: utf8('nonsense') } })],
    ['a leaf that is not found', 'entry 5 ', (disk) => disk.derived.delete(leafKeyOf(5))],
    ['a leaf that is found elsewhere', 'entry 5 ', (disk) => disk.derived.set(leafKeyOf(5), encodeIndex(6))],
    [
      'a leaf that is found and not there',
      'not in the log',
      (disk) => disk.derived.set(leafKeyOf(SIZE), encodeIndex(1)),
    ],
    ['a leaf hash that is too long', '33 bytes', (disk) => disk.derived.set(`${leafKeyOf(5)}00`, encodeIndex(5))],
    [
      'a leaf hash that is too short',
      '31 bytes',
      (disk) => disk.derived.set(leafKeyOf(5).slice(0, -2), encodeIndex(5)),
    ],
    ['an index that is too short', 'index of a leaf', (disk) => disk.derived.set(leafKeyOf(5), Uint8Array.of(5))],
    [
      'two indices that are exchanged',
      'entry 5 ',
      (disk) => {
        disk.derived.set(leafKeyOf(5), encodeIndex(6));
        disk.derived.set(leafKeyOf(6), encodeIndex(5));
      },
    ],
  ];
  test.for(damages)('finds %s, and says where: %s', async ([, where, damage]) => {
    const disk = await filled();
    damage(disk);
    const error = await expectCode(check(disk), 'log-corrupt');
    expect(error.message).toContain(where);
  });

  test('finds a checkpoint of another tree, signed or cosigned, of this size or an earlier one', async () => {
    const { log: fork } = await createLog();
    await collect(fork.appendAll([utf8('another'), ...entriesOf(299)]));
    for (const name of ['signed', 'cosigned'] as const) {
      const disk = await filled();
      disk.checkpoints = { ...disk.checkpoints, [name]: fork.checkpoint().note };
      expect((await expectCode(check(disk), 'log-corrupt')).message).toContain(name);
    }
  });

  test('finds a signature of a further key of the log that is not valid', async () => {
    const further = privateKeyFromSeed(ORIGIN, KEY_TYPE_ML_DSA_44_COSIGNATURE, new Uint8Array(32).fill(8), { schemes });
    const { disk, log } = await createLog({ vkeys: [...OPTIONS.vkeys, formatVkey(further.vkey)] });
    await log.append(entryOf(0));
    const { text, signatures } = parseSignedNote(log.checkpoint().note);
    const line = await cosign({ text, cosigner: cosignerOf(further, { schemes }), time: 1_700_000_000 });
    await log.publish(formatSignedNote({ text, signatures: [...signatures, line] }));
    await log[Symbol.asyncDispose]();
    const store = await MemoryStore.open(disk);
    expect((await fsck(store, { schemes })).size).toBe(1);
    const damaged = { ...line, signature: line.signature.with(100, line.signature[100]! ^ 1) };
    disk.checkpoints = { signed: formatSignedNote({ text, signatures: [...signatures, damaged] }) };
    await expectCode(fsck(await MemoryStore.open(disk), { schemes }), 'log-corrupt');
  });

  test('finds a leaf that is listed and cannot be looked up', async () => {
    const store = await MemoryStore.open(await filled());
    const { readDerived } = store;
    store.readDerived = async (keys) =>
      (await readDerived.call(store, keys)).map((value, i) => (hex(keys[i]!) === leafKeyOf(5) ? undefined : value));
    expect((await expectCode(fsck(store), 'log-corrupt')).message).toContain('entry 5 ');
  });

  test('finds derived keys in a log that has none', async () => {
    const disk = await filled(true);
    disk.derived.set(leafKeyOf(5), encodeIndex(5));
    await expectCode(check(disk), 'log-corrupt');
  });
});

describe('a log that is damaged where opening it does not look', () => {
  async function open(damage: (disk: MemoryDisk) => unknown): Promise<Log> {
    const disk = await filled();
    damage(disk);
    return Log.open(await MemoryStore.open(disk));
  }

  test('gives no leaf hash, tile or proof from a tile that does not hash to its parent', async () => {
    const log = await open((disk) => flip(disk.tiles.get('0/0')!, 7, 0));
    await expectCode(log.leafHash(7), 'log-corrupt');
    await expectCode(log.leafHash(8), 'log-corrupt');
    await expectCode(log.entry(7), 'log-corrupt');
    await expectCode(log.tile(0, 0, 256), 'log-corrupt');
    await expectCode(log.tile('entries', 0, 1), 'log-corrupt');
    await expectCode(log.proveInclusion(8), 'log-corrupt');
    await expectCode(collect(log.entries()), 'log-corrupt');
    expect(await log.leafHash(300)).toEqual(leafHash(entryOf(300)));
  });

  test('gives no entry or bundle that does not hash to its leaves', async () => {
    const log = await open((disk) => flip(disk.bundles.get(0)!, 7, 5));
    await expectCode(log.entry(7), 'log-corrupt');
    await expectCode(log.tile('entries', 0, 256), 'log-corrupt');
    await expectCode(collect(log.entries(5)), 'log-corrupt');
    expect(await log.entry(8)).toEqual(entryOf(8));
    expect(await collect(log.entries(256))).toEqual(entriesOf(SIZE - 256, 256));
  });
});
