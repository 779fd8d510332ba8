import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cosignerOf } from '@vitrine/core';
import { Level } from 'level';
import { describe, expect, onTestFinished, test } from 'vitest';
import { witnessApp } from '../src/http/witness-app.ts';
import { originHash } from '../src/witness/origin-hash.ts';
import { Witness } from '../src/witness/witness.ts';
import { WitnessState } from '../src/witness/witness-state.ts';
import { temporaryDirectory } from './support/directory.ts';
import { keyOf, ORIGIN, schemes, TestLog, TIME, text, utf8 } from './support/logs.ts';
import { refusal } from './support/refusal.ts';
import { bytesOf, ED25519, testWitness } from './support/witnesses.ts';

const log = new TestLog();
const fork = new TestLog({ name: 'other', shared: 3 });
const HASH = originHash(ORIGIN);

describe('Nothing leaves a witness', () => {
  test('before it is on the disk: the checkpoint before it is signed, the cosignatures before they are answered', async () => {
    const directory = temporaryDirectory();
    const copies: string[] = [];
    const copy = (): string => {
      const path = join(temporaryDirectory(), 'copy');
      cpSync(directory, path, { recursive: true });
      return path;
    };
    const cosigner = cosignerOf(ED25519);
    const witness = await Witness.open({
      directory,
      cosigners: [
        {
          vkey: cosigner.vkey,
          sign: (message) => {
            copies.push(copy());
            return cosigner.sign(message);
          },
        },
      ],
      keysOf: () => log.vkeys,
      now: () => TIME,
    });
    onTestFinished(() => witness[Symbol.asyncDispose]());
    const newest = async (path: string): Promise<number | undefined> => {
      await using state = await WitnessState.open(path);
      return (await state.checkpoints(ORIGIN))[0]?.size;
    };
    for (const [oldSize, size] of [
      [0, 5],
      [5, 9],
    ] as const) {
      await witness.addCheckpoint(await log.request(oldSize, size));
      const answered = copy();
      expect(await newest(copies.pop()!)).toBe(size);
      expect(await newest(answered)).toBe(size);
      const kept = readFileSync(join(answered, 'monitoring', HASH, 'checkpoint'), 'utf8');
      expect(kept).toContain(`\n${size}\n`);
    }
  });

  test('that does not verify, as a key gives it that is broken', async () => {
    const directory = temporaryDirectory();
    const witness = await Witness.open({
      directory,
      cosigners: [{ vkey: ED25519.vkey, sign: () => new Uint8Array(64) }],
      keysOf: () => log.vkeys,
      now: () => TIME,
    });
    onTestFinished(() => witness[Symbol.asyncDispose]());
    const app = witnessApp({ witness });
    const body = new Uint8Array(await log.request(0, 5));
    expect((await app.request('/add-checkpoint', { method: 'POST', body })).status).toBe(500);
    expect((await app.request(`/${HASH}/checkpoint`)).status).toBe(404);
  });
});

test('A witness has no key twice, under whatever names', async () => {
  for (const type of [0x04, 0x06]) {
    const cosigners = ['a', 'b'].map((name) => cosignerOf(keyOf(`${name}.example/${name}`, type, 5), { schemes }));
    const directory = temporaryDirectory();
    const opened = Witness.open({ directory, cosigners, keysOf: () => [], now: () => TIME });
    expect(await refusal(opened)).toMatchObject({
      code: 'witness-key',
      message: expect.stringContaining('"a.example/a" and "b.example/b"'),
    });
    expect(readdirSync(directory)).toEqual([]);
  }
});

describe('What a witness kept is not used', () => {
  test('if the database has forgotten what was cosigned', async () => {
    const ahead = await testWitness();
    for (const [oldSize, size] of [
      [0, 5],
      [5, 9],
    ] as const)
      await ahead.add(await log.request(oldSize, size));
    const file = (directory: string): string => join(directory, 'monitoring', HASH, 'checkpoint');
    const cosigned = readFileSync(file(ahead.directory));
    const behind = await testWitness();
    await behind.add(await log.request(0, 5));
    writeFileSync(file(behind.directory), cosigned);
    const next = await behind.again();
    expect((await next.add(await log.request(5, 6))).status).toBe(503);
    expect((await next.app.request(`/${HASH}/checkpoint`)).status).toBe(503);
    expect(next.faults).toMatchObject([{ code: 'state-corrupt' }, { code: 'state-corrupt' }]);
    // All of it.
    const { directory } = next;
    await next.witness[Symbol.asyncDispose]();
    const db = new Level(join(directory, 'db'));
    await db.clear();
    await db.close();
    const empty = await testWitness({ directory });
    expect((await empty.add(await log.request(0, 6))).status).toBe(503);
  });

  test('if the cosigned checkpoint was changed, or is that of another log', async () => {
    const w = await testWitness();
    await w.add(await log.request(0, 5));
    const file = join(w.directory, 'monitoring', HASH, 'checkpoint');
    const good = readFileSync(file, 'utf8');
    for (const bad of [
      '',
      good.replace('\n5\n', '\n4\n'),
      good.slice(0, -9),
      good.replace(ORIGIN, 'example.com/other'),
    ]) {
      writeFileSync(file, bad);
      const next = await w.again();
      expect((await next.app.request(`/${HASH}/checkpoint`)).status).toBe(503);
      await next.witness[Symbol.asyncDispose]();
    }
    writeFileSync(file, good);
    expect((await (await w.again()).app.request(`/${HASH}/checkpoint`)).status).toBe(200);
  });
});

test('A checkpoint that an earlier version kept in a file is taken over once, and the file stays', async () => {
  const directory = temporaryDirectory();
  const file = join(directory, 'example.com+log.checkpoint');
  const more = [{ keyName: 'stranger.example', keyId: 1, signature: utf8('anything') }];
  writeFileSync(file, await log.note(5, { more }));
  const w = await testWitness({ directory });
  const conflict = await w.add(await log.request(0, 9));
  expect([conflict.status, text(await bytesOf(conflict))]).toEqual([409, '5\n']);
  expect((await w.add(await fork.request(5, 5))).status).toBe(422);
  expect((await w.add(await log.request(5, 9))).status).toBe(200);
  // Whatever becomes of it.
  expect(readFileSync(file)).toEqual(Buffer.from(await log.note(5, { more })));
  writeFileSync(file, 'x');
  expect((await (await w.again()).add(await log.request(9, 12))).status).toBe(200);
});

test('A checkpoint in the file of an earlier version is refused if the log did not sign it', async () => {
  for (const note of [
    utf8(''),
    await log.note(5, { keys: [keyOf(ORIGIN, 1, 9)] }),
    await new TestLog({ origin: 'o' }).note(3),
  ]) {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, 'example.com+log.checkpoint'), note);
    const w = await testWitness({ directory });
    expect((await w.add(await log.request(0, 9))).status).toBe(503);
    expect(w.faults).toMatchObject([{ code: 'state-corrupt' }]);
  }
});
