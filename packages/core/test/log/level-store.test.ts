import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Fault, storeCompliance } from '@vitrine/testkit';
import { Level } from 'level';
import { beforeAll, expect, test, vi } from 'vitest';
import { LevelStore } from '../../src/log/level-store.ts';

// Faults are put where LevelStore ends: into LevelDB's write of a batch, and into the writing of checkpoint files.
const faults = vi.hoisted(() => ({ commit: undefined as Fault | undefined, publish: undefined as Fault | undefined }));

async function failing<T>(operation: keyof typeof faults, act: () => Promise<T>): Promise<T> {
  const fault = faults[operation];
  faults[operation] = undefined;
  if (fault === 'dropped') throw new Error('injected: dropped');
  const result = await act();
  if (fault === 'applied') throw new Error('injected: applied');
  return result;
}

vi.mock('../../src/log/durable-file.ts', async (importOriginal) => {
  const original = await importOriginal<typeof import('../../src/log/durable-file.ts')>();
  return {
    ...original,
    writeFileDurably: (path: string, bytes: Uint8Array) =>
      failing('publish', () => original.writeFileDurably(path, bytes)),
  };
});

beforeAll(async () => {
  const directory = await mkdtemp(join(tmpdir(), 'vitrine-level-store-'));
  const db = new Level(join(directory, 'db'));
  await db.open();
  const batch = db.batch();
  const prototype = Object.getPrototypeOf(Object.getPrototypeOf(batch)) as typeof batch;
  const write = prototype.write;
  prototype.write = function (this: typeof batch, options: object) {
    return failing('commit', () => write.call(this, options));
  } as typeof write;
  await batch.close();
  await db.close();
  await rm(directory, { recursive: true });
  return () => {
    prototype.write = write;
  };
});

storeCompliance('LevelStore', {
  isExclusive: true,
  place: async () => {
    const parent = await mkdtemp(join(tmpdir(), 'vitrine-level-store-'));
    const directory = join(parent, 'log');
    return {
      create: (description) => LevelStore.create(directory, description),
      open: () => LevelStore.open(directory),
      breakNext: (_store, operation, fault) => {
        faults[operation] = fault;
      },
      remove: () => rm(parent, { recursive: true }),
    };
  },
});

test('A LevelStore whose creation fails leaves an empty directory, in which it can be created', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'vitrine-level-store-'));
  const description = Uint8Array.of(1);
  for (const fault of ['dropped', 'applied'] as const) {
    faults.publish = fault;
    await expect(LevelStore.create(directory, description)).rejects.toMatchObject({ code: 'store-io' });
    expect(await readdir(directory)).toEqual([]);
  }
  const deep = join(directory, 'a', 'b', 'c');
  const store = await LevelStore.create(deep, description);
  await store[Symbol.asyncDispose]();
  const reopened = await LevelStore.open(deep);
  expect(await reopened.description()).toEqual(description);
  await reopened[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

test('a cosigned checkpoint is never stored ahead of the signed one, wherever publishing is interrupted', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'vitrine-level-store-'));
  const store = await LevelStore.create(join(directory, 'log'), Uint8Array.of(1));
  const [old, fresh] = [Uint8Array.of(1), Uint8Array.of(2)];
  await store.publish({ signed: old, cosigned: old });
  // After the first of two files.
  faults.publish = 'applied';
  await expect(store.publish({ signed: fresh, cosigned: fresh })).rejects.toMatchObject({ code: 'store-io' });
  await store[Symbol.asyncDispose]();
  const reopened = await LevelStore.open(join(directory, 'log'));
  expect((await reopened.readHead()).checkpoints).toEqual({ signed: fresh, cosigned: old });
  await reopened[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});
