import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import {
  cosign,
  cosignatureTime,
  cosignerOf,
  formatAddCheckpoint,
  formatSignedNote,
  formatVkey,
  KEY_TYPE_ML_DSA_44_COSIGNATURE,
  openCheckpoint,
  parseSignedNote,
  parseVkey,
} from '@vitrine/core';
import { describe, expect, test } from 'vitest';
import { Mirror } from '../../src/mirror/mirror.ts';
import { pull } from '../../src/mirror/pull.ts';
import { logSource } from '../../src/mirror/pull-source.ts';
import { temporaryDirectory } from '../support/directory.ts';
import { keyOf, ORIGIN, schemes, TIME } from '../support/logs.ts';
import { addSignatureLines } from '../support/notes.ts';
import { refusal } from '../support/refusal.ts';
import {
  append,
  createLog,
  createMirror,
  entriesOf,
  INDEX_KEYS,
  LOG_VKEY,
  MIRROR_KEYS,
  openMirror,
  TestSource,
} from './support.ts';

const timesOf = (mirror: Mirror): number[] => mirror.cosignatures().map(({ signature }) => cosignatureTime(signature));

describe('the cosignatures of a mirror', () => {
  test('never say an earlier time than the one before, and none are made where the clock is out of order', async () => {
    const log = await createLog(entriesOf(3));
    let now = TIME;
    const mirror = await createMirror({ keys: MIRROR_KEYS, now: () => now });
    await pull(mirror, { source: logSource(log) });
    now -= 300;
    await append(log, entriesOf(3, 3));
    await pull(mirror, { source: logSource(log) });
    expect(timesOf(mirror)).toEqual([TIME, TIME]);
    now -= 1;
    await append(log, entriesOf(3, 6));
    expect((await refusal(pull(mirror, { source: logSource(log) }))).code).toBe('witness-clock');
    expect([mirror.replica.size, mirror.replica.next]).toEqual([6, 9]);
    now = TIME + 5;
    await pull(mirror, { source: logSource(log) });
    expect(timesOf(mirror)).toEqual([TIME + 5, TIME + 5]);
  });

  test('of a key that is broken do not leave it', async () => {
    const log = await createLog(entriesOf(3));
    const [first] = MIRROR_KEYS;
    let broken = true;
    const sign = async (message: Uint8Array): Promise<Uint8Array> => {
      const signature = await first!.sign(message);
      return broken ? signature.map((byte, i) => (i === 9 ? byte ^ 1 : byte)) : signature;
    };
    const mirror = await createMirror({ keys: [{ vkey: first!.vkey, sign }] });
    await expect(pull(mirror, { source: logSource(log) })).rejects.toMatchObject({ code: 'note-signature' });
    expect(mirror.replica.published()).toBeUndefined();
    broken = false;
    await pull(mirror, { source: logSource(log) });
    expect(mirror.replica.size).toBe(3);
  });

  test('are not those that somebody else made in its name, before it had the keys', async () => {
    const log = await createLog(entriesOf(3));
    const directory = temporaryDirectory();
    const plain = await createMirror({}, directory);
    const forged = MIRROR_KEYS.map(({ vkey: { keyName, keyId, type } }) => {
      const signature = new Uint8Array(8 + (type === KEY_TYPE_ML_DSA_44_COSIGNATURE ? 2420 : 64));
      new DataView(signature.buffer).setBigUint64(0, BigInt(TIME + 1_000_000));
      return { keyName, keyId, signature };
    });
    const source = new TestSource(log);
    source.answer = (path, bytes) => (path === 'checkpoint' ? addSignatureLines(bytes!, forged) : bytes);
    await pull(plain, { source: source.fetch });
    expect(parseSignedNote(plain.replica.checkpoint().note).signatures).toHaveLength(3);
    await plain[Symbol.asyncDispose]();

    const mirror = await openMirror(directory, { keys: MIRROR_KEYS });
    expect(mirror.cosignatures()).toEqual([]);
    expect(mirror.isStale(300)).toBe(true);
    await mirror.renew(3, 300);
    expect(timesOf(mirror)).toEqual([TIME, TIME]);
    const options = {
      origin: ORIGIN,
      keys: [parseVkey(LOG_VKEY)],
      cosigners: MIRROR_KEYS.map(({ vkey }) => vkey),
      schemes,
    };
    const { note } = openCheckpoint(mirror.replica.checkpoint().note, options);
    expect(note.verified).toHaveLength(3);
    await append(log, entriesOf(10, 3));
    await pull(mirror, { source: logSource(log) });
    await mirror[Symbol.asyncDispose]();
    // Its own it knows again.
    const reopened = await openMirror(directory, { keys: MIRROR_KEYS });
    expect(timesOf(reopened)).toEqual([TIME, TIME]);
    expect(reopened.isStale(300)).toBe(false);
  });

  test('are made of what is stored and nothing else', async () => {
    const log = await createLog(entriesOf(10));
    const mirror = await createMirror({ keys: MIRROR_KEYS });
    const { proof } = await log.proveConsistency(0);
    await mirror.pending.add(formatAddCheckpoint({ oldSize: 0, proof, checkpoint: log.checkpoint().note }));
    await expect(mirror.publish(10)).rejects.toMatchObject({ code: 'log-range' });
    expect((await refusal(mirror.publish(9))).code).toBe('mirror-behind');
    await mirror.replica.extend(entriesOf(9), 0);
    await expect(mirror.publish(10)).rejects.toMatchObject({ code: 'log-range' });
    await mirror.replica.extend(entriesOf(1, 9), 9);
    await mirror.publish(10);
    expect(mirror.cosignatures()).toHaveLength(2);
    expect(mirror.indexCosignatures()).toEqual([]);
  });

  test('have room for the origin of the log, or the key is refused before anything is done', async () => {
    const origin = `example.com/${'x'.repeat(250)}`;
    const key = cosignerOf(keyOf('mirror.example/m', KEY_TYPE_ML_DSA_44_COSIGNATURE, 41), { schemes });
    const create = (): Promise<Mirror> =>
      Mirror.create(temporaryDirectory(), {
        origin,
        vkeys: [formatVkey(keyOf(origin, 0x01, 1).vkey)],
        keys: [key],
        now: () => TIME,
      });
    expect((await refusal(create())).code).toBe('mirror-key');
  });
});

describe('the pending checkpoint', () => {
  test('has to be signed by the key of type 0x01, because it is to be published', async () => {
    const other = keyOf(ORIGIN, KEY_TYPE_ML_DSA_44_COSIGNATURE, 2);
    const log = await createLog(entriesOf(3));
    const mirror = await Mirror.create(temporaryDirectory(), {
      origin: ORIGIN,
      vkeys: [LOG_VKEY, formatVkey(other.vkey)],
      now: () => TIME,
    });
    const { text, signatures } = parseSignedNote(log.checkpoint().note);
    const line = await cosign({ text, cosigner: cosignerOf(other, { schemes }), time: TIME });
    const add = (lines: typeof signatures): Promise<unknown> =>
      mirror.pending.add(
        formatAddCheckpoint({ oldSize: 0, proof: [], checkpoint: formatSignedNote({ text, signatures: lines }) }),
      );
    expect((await refusal(add([line]))).code).toBe('witness-signature');
    await add([...signatures, line]);
    // With both of its signatures.
    expect((await mirror.pending.newest())?.signatures).toHaveLength(2);
    await mirror[Symbol.asyncDispose]();
  });

  test('is there after a restart, with those before it', async () => {
    const directory = temporaryDirectory();
    const log = await createLog();
    const mirror = await createMirror({}, directory);
    for (let i = 0; i < 20; i++) {
      await append(log, entriesOf(3, 3 * i));
      const oldSize = (await mirror.pending.newest())?.size ?? 0;
      const { proof } = await log.proveConsistency(oldSize);
      await mirror.pending.add(formatAddCheckpoint({ oldSize, proof, checkpoint: log.checkpoint().note }));
    }
    const known = await mirror.pending.all();
    expect(known.map(({ size }) => size)).toEqual(Array.from({ length: 16 }, (_, i) => 60 - 3 * i));
    await mirror[Symbol.asyncDispose]();
    const reopened = await openMirror(directory, { keys: MIRROR_KEYS });
    expect(await reopened.pending.all()).toEqual(known);
  });
});

test('a mirror that failed to write says so', async () => {
  const directory = temporaryDirectory();
  const log = await createLog(entriesOf(3));
  const mirror = await createMirror({ keys: MIRROR_KEYS }, directory);
  expect(mirror.failure).toBeUndefined();
  // No file can have this name any more.
  mkdirSync(join(directory, 'checkpoint'));
  await expect(pull(mirror, { source: logSource(log) })).rejects.toMatchObject({ code: 'store-io' });
  expect(mirror.failure).toMatchObject({ code: 'log-failed' });
});

test('whoever waits for a checkpoint is told, in time or not', async () => {
  const log = await createLog(entriesOf(10));
  const mirror = await createMirror({ keys: MIRROR_KEYS });
  expect(await mirror.waitFor(10, 5)).toBe(false);
  const waits = [mirror.waitFor(10, 10_000), mirror.waitFor(7, 10_000), mirror.waitFor(11, 200)];
  await pull(mirror, { source: logSource(log) });
  expect(await Promise.all(waits)).toEqual([true, true, false]);
  expect(await mirror.waitFor(10, 0)).toBe(true);
  // Many for one, and for so many at all.
  const many = Array.from({ length: 64 }, (_, i) => mirror.waitFor(99 + i, 50));
  many.push(...Array.from({ length: 100 }, () => mirror.waitFor(99, 50)));
  expect((await refusal(mirror.waitFor(98, 50))).code).toBe('witness-limit');
  expect(new Set(await Promise.all(many))).toEqual(new Set([false]));
  expect(await mirror.waitFor(98, 5)).toBe(false);
});

test('many who ask at once get one new cosignature', async () => {
  const log = await createLog(entriesOf(10));
  let now = TIME;
  let signatures = 0;
  const [key] = MIRROR_KEYS;
  const sign = (message: Uint8Array): Promise<Uint8Array> | Uint8Array => {
    signatures++;
    return key!.sign(message);
  };
  const mirror = await createMirror({ keys: [{ vkey: key!.vkey, sign }], now: () => now });
  await pull(mirror, { source: logSource(log) });
  now += 10;
  await Promise.all(Array.from({ length: 100 }, () => mirror.renew(10, 5)));
  expect([signatures, timesOf(mirror)]).toEqual([2, [TIME + 10]]);
  // One that failed is no obstacle.
  expect((await refusal(mirror.renew(11, 5))).code).toBe('mirror-behind');
  now += 10;
  await mirror.renew(10, 5);
  expect(timesOf(mirror)).toEqual([TIME + 20]);
});

test('a mirror without an index has nobody vouch for one', async () => {
  expect((await refusal(createMirror({ keys: MIRROR_KEYS, indexKeys: INDEX_KEYS }))).code).toBe('mirror-key');
});
