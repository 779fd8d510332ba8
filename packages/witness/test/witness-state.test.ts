import { cpSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openCheckpoint } from '@vitrine/core';
import { Level } from 'level';
import { describe, expect, test } from 'vitest';
import { type SeenCheckpoint, seenCheckpoint } from '../src/witness/seen-checkpoint.ts';
import { WitnessState } from '../src/witness/witness-state.ts';
import { temporaryDirectory } from './support/directory.ts';
import { keyOf, ORIGIN, schemes, TestLog, utf8 } from './support/logs.ts';
import { refusal } from './support/refusal.ts';

const log = new TestLog();

async function seen(size: number, from = log): Promise<SeenCheckpoint> {
  const options = { origin: from.origin, keys: from.vkeys, schemes };
  return seenCheckpoint(openCheckpoint(await from.note(size), options));
}

const sizes = async (state: WitnessState, origin = ORIGIN): Promise<number[]> =>
  (await state.checkpoints(origin)).map(({ size }) => size);

test('A state keeps the newest checkpoint of each log, and has it when it is opened again', async () => {
  const directory = temporaryDirectory();
  const other = new TestLog({ origin: 'example.com/other' });
  {
    await using state = await WitnessState.open(directory);
    expect(await state.checkpoints(ORIGIN)).toEqual([]);
    for (const size of [0, 3, 7]) await state.add(await seen(size));
    await state.add(await seen(5, other));
    expect(await sizes(state)).toEqual([7]);
  }
  await using state = await WitnessState.open(directory);
  expect(await state.checkpoints(ORIGIN)).toEqual([await seen(7)]);
  expect(await sizes(state, other.origin)).toEqual([5]);
});

test('It keeps as many as it is told to, newest first, and fewer when it is opened for fewer', async () => {
  const directory = temporaryDirectory();
  {
    await using state = await WitnessState.open(directory, { keep: 3 });
    for (const size of [1, 2, 3, 4, 250]) await state.add(await seen(size));
    expect(await sizes(state)).toEqual([250, 4, 3]);
  }
  {
    await using state = await WitnessState.open(directory, { keep: 3 });
    expect(await sizes(state)).toEqual([250, 4, 3]);
  }
  await using state = await WitnessState.open(directory);
  await state.add(await seen(251));
  expect(await sizes(state)).toEqual([251]);
  await expect(WitnessState.open(directory, { keep: 0 })).rejects.toThrow(RangeError);
});

test('No checkpoint is replaced by a smaller one, or by one of its size', async () => {
  await using state = await WitnessState.open(temporaryDirectory());
  await state.add(await seen(7));
  for (const size of [7, 6, 0]) await expect(state.add(await seen(size))).rejects.toThrow(RangeError);
  expect(await sizes(state)).toEqual([7]);
});

test('The newest checkpoint is put in its own place only as another of the same tree', async () => {
  const directory = temporaryDirectory();
  const mlDsa = new TestLog({ keys: [keyOf(ORIGIN, 0x06, 6)] });
  {
    await using state = await WitnessState.open(directory, { keep: 3 });
    await expect(state.renew(await seen(7))).rejects.toThrow(RangeError);
    for (const size of [3, 5, 7]) await state.add(await seen(size));
    const other = new TestLog({ name: 'other' });
    for (const bad of [await seen(6), await seen(8), await seen(7, other)]) {
      await expect(state.renew(bad)).rejects.toThrow(RangeError);
    }
    await state.renew(await seen(7, mlDsa));
    expect(await sizes(state)).toEqual([7, 5, 3]);
  }
  await using state = await WitnessState.open(directory, { keep: 3 });
  expect(await state.checkpoints(ORIGIN)).toEqual([await seen(7, mlDsa), await seen(5), await seen(3)]);
});

test('Of one log one thing is done at a time, of two logs both at once', async () => {
  await using state = await WitnessState.open(temporaryDirectory());
  const steps: string[] = [];
  let release = (): void => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const first = state.exclusive('a', async () => {
    await held;
    steps.push('first of a');
    throw new Error('refused');
  });
  const second = state.exclusive('a', async () => {
    steps.push('second of a');
  });
  await state.exclusive('b', async () => {
    steps.push('b');
    release();
  });
  await expect(first).rejects.toThrow('refused');
  await second;
  expect(steps).toEqual(['b', 'first of a', 'second of a']);
});

describe('A state is refused', () => {
  test('if its directory is not there, is none, or holds something else', async () => {
    const directory = temporaryDirectory();
    expect((await refusal(WitnessState.open(join(directory, 'nowhere')))).code).toBe('state-missing');
    writeFileSync(join(directory, 'precious'), '');
    expect((await refusal(WitnessState.open(directory))).code).toBe('state-foreign');
    expect((await refusal(WitnessState.open(join(directory, 'precious')))).code).toMatch(/^state-(foreign|io)$/);
    expect(readdirSync(directory)).toEqual(['precious']);
  });

  test('by its name if it is of a newer version, and if it is open already', async () => {
    const directory = temporaryDirectory();
    await using state = await WitnessState.open(directory);
    expect((await refusal(WitnessState.open(directory))).code).toBe('state-locked');
    await state[Symbol.asyncDispose]();
    writeFileSync(join(directory, 'witness.json'), '{"format":"vitrine-witness-state","version":2}\n');
    expect(await refusal(WitnessState.open(directory))).toMatchObject({
      code: 'state-newer',
      message: expect.stringContaining('format version 2'),
    });
    for (const marker of ['{"format":"other","version":1}', '{"format":"vitrine-witness-state","version":0}', 'x']) {
      writeFileSync(join(directory, 'witness.json'), marker);
      expect((await refusal(WitnessState.open(directory))).code).toBe('state-foreign');
    }
  });

  test('if its database is gone: it would have forgotten what it cosigned', async () => {
    const directory = temporaryDirectory();
    await (await WitnessState.open(directory))[Symbol.asyncDispose]();
    rmSync(join(directory, 'db'), { recursive: true });
    expect((await refusal(WitnessState.open(directory))).code).toBe('state-corrupt');
    mkdirSync(join(directory, 'db'));
    expect((await refusal(WitnessState.open(directory))).code).toBe('state-corrupt');
  });

  test('if a checkpoint in it was changed, or stands in the place of another', async () => {
    const directory = temporaryDirectory();
    {
      await using state = await WitnessState.open(directory);
      await state.add(await seen(7));
    }
    const change = async (how: (key: Uint8Array, value: Uint8Array) => [Uint8Array, Uint8Array]): Promise<string> => {
      const copy = join(temporaryDirectory(), 'copy');
      cpSync(directory, copy, { recursive: true });
      const db = new Level<Uint8Array, Uint8Array>(join(copy, 'db'), { keyEncoding: 'view', valueEncoding: 'view' });
      const [[key, value] = []] = await db.iterator().all();
      const [newKey, newValue] = how(new Uint8Array(key!), new Uint8Array(value!));
      await db.batch([
        { type: 'del', key: key! },
        { type: 'put', key: newKey, value: newValue },
      ]);
      await db.close();
      await using state = await WitnessState.open(copy);
      return (await refusal(state.checkpoints(ORIGIN))).code;
    };
    const flip = (bytes: Uint8Array, at: number): Uint8Array => bytes.with(at, bytes.at(at)! ^ 1);
    const at = (value: Uint8Array, part: string): number => Buffer.from(value).indexOf(part);
    // The size, a character of the root, one of the signature.
    expect(await change((key, value) => [key, flip(value, at(value, '\n7\n') + 1)])).toBe('state-corrupt');
    expect(await change((key, value) => [key, flip(value, at(value, '\n7\n') + 9)])).toBe('state-corrupt');
    expect(await change((key, value) => [key, flip(value, at(value, '—') + 40)])).toBe('state-corrupt');
    expect(await change((key, value) => [key, value.subarray(1)])).toBe('state-corrupt');
    expect(await change((key, value) => [flip(key, key.length - 1), value])).toBe('state-corrupt');
  });
});

test('Nothing is written after the state was closed', async () => {
  const state = await WitnessState.open(temporaryDirectory());
  const checkpoint = await seen(7);
  await state[Symbol.asyncDispose]();
  expect((await refusal(state.add(checkpoint))).code).toBe('state-closed');
  expect((await refusal(state.checkpoints(ORIGIN))).code).toBe('state-closed');
});

test('A checkpoint is kept without what its log did not sign', async () => {
  const mlDsa = keyOf(ORIGIN, 0x06, 6);
  const stranger = { keyName: 'stranger.example', keyId: 1, signature: utf8('anything') };
  const options = { origin: ORIGIN, keys: [...log.vkeys, mlDsa.vkey], schemes };
  const open = async (keys: TestLog['keys']): Promise<SeenCheckpoint> =>
    seenCheckpoint(openCheckpoint(await log.note(3, { keys, extensions: ['extension'], more: [stranger] }), options));
  const both = await open([...log.keys, mlDsa]);
  expect(both).toMatchObject({ text: expect.stringContaining('extension'), signatures: { length: 2 } });
  // ML-DSA-44 does not cover extension lines.
  const only = await open([mlDsa]);
  expect(only.text).not.toContain('extension');
  expect(openCheckpoint(only.note, options).note.unverified).toEqual([]);
});
