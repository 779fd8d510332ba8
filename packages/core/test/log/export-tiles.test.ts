import { existsSync } from 'node:fs';
import { type FileHandle, mkdir, mkdtemp, open, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  ed25519Signer,
  formatVkey,
  openCheckpoint,
  privateKeyFromSeed,
  proveConsistency,
  proveInclusion,
  TileReader,
} from '@vitrine/core';
import { exportTiles, LevelStore, Log } from '@vitrine/core/log';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { entriesOf, refusalOf } from '../tree/support.ts';

const origin = 'log.example/export';
const key = privateKeyFromSeed(origin, 1, new Uint8Array(32).fill(3));
const otherKey = privateKeyFromSeed('other.example', 1, new Uint8Array(32).fill(4));

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'vitrine-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

async function createLog(name: string, with_ = key): Promise<Log> {
  return Log.create((description) => LevelStore.create(join(directory, name), description), {
    origin: with_.vkey.keyName,
    vkeys: [formatVkey(with_.vkey)],
    kind: 'raw',
    duplicates: false,
    signer: ed25519Signer(with_),
  });
}

async function append(log: Log, entries: Uint8Array[]): Promise<void> {
  for await (const _ of log.appendAll(entries)) {
    // Only that they are in the log matters here.
  }
}

async function readerOf(exported: string): Promise<TileReader> {
  const note = new Uint8Array(await readFile(join(exported, 'checkpoint')));
  const { checkpoint } = openCheckpoint(note, { origin, keys: [key.vkey] });
  const fetchTile = async (path: string): Promise<Uint8Array | undefined> =>
    readFile(join(exported, path)).catch(() => undefined);
  return new TileReader({ size: checkpoint.size, root: checkpoint.root, fetchTile });
}

const hex = (hashes: readonly Uint8Array[]): string => Buffer.concat(hashes).toString('hex');

test.each([1, 255, 256, 257, 1000, 66_000])(
  'proofs from the exported tiles of %i entries are byte for byte those of the log',
  async (size) => {
    await using log = await createLog('log');
    const entries = entriesOf(size);
    await append(log, entries);
    const out = join(directory, 'out');
    const { written } = await exportTiles(log, out);
    expect(written).toBeGreaterThan(0);
    const reader = await readerOf(out);
    expect(reader.size).toBe(size);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: size }), fc.nat(), async (at, seed) => {
        const index = seed % at;
        expect(hex(await proveInclusion(index, at, reader))).toBe(hex((await log.proveInclusion(index, at)).proof));
        expect(hex(await proveConsistency(index, at, reader))).toBe(hex((await log.proveConsistency(index, at)).proof));
      }),
      { numRuns: 60 },
    );
    const last = Math.floor((size - 1) / 256);
    for (const bundle of new Set([0, last])) {
      const read = await reader.readBundle(bundle);
      expect(hex(read)).toBe(hex(entries.slice(bundle * 256, bundle * 256 + 256)));
    }
  },
);

test('an export goes on where an earlier one stopped, and keeps what is there', async () => {
  await using log = await createLog('log');
  await append(log, entriesOf(600));
  const out = join(directory, 'out');
  const first = await exportTiles(log, out);
  expect(await exportTiles(log, out)).toEqual({ size: 600, written: 0, kept: first.written });
  await rm(join(out, 'tile/0/001'));
  await rm(join(out, 'checkpoint'));
  expect(await exportTiles(log, out)).toMatchObject({ written: 1 });
  await append(log, entriesOf(1000));
  await exportTiles(log, out);
  expect((await readerOf(out)).size).toBe(1000);
  // Partial tiles of an earlier checkpoint stay: somebody may still be reading that tree.
  expect(await readdir(join(out, 'tile/0/002.p'))).toEqual(['88']);
});

test('tiles of another log are not kept, also where no checkpoint says whose they are', async () => {
  const out = join(directory, 'out');
  {
    await using other = await createLog('other', otherKey);
    await append(other, entriesOf(20).reverse());
    await exportTiles(other, out);
    await rm(join(out, 'checkpoint'));
  }
  await using log = await createLog('log');
  await append(log, entriesOf(20));
  expect(await refusalOf(() => exportTiles(log, out))).toBe('store-exists');
});

test('several exports of one process into one directory do not disturb each other', async () => {
  await using log = await createLog('log');
  await append(log, entriesOf(2000));
  const out = join(directory, 'out');
  await Promise.all([exportTiles(log, out), exportTiles(log, out), exportTiles(log, out)]);
  expect((await readerOf(out)).size).toBe(2000);
  expect((await readdir(out, { recursive: true })).filter((name) => name.includes('.tmp'))).toEqual([]);
});

test('the directory of a log is no place for an export', async () => {
  await using log = await createLog('log');
  await append(log, entriesOf(3));
  expect(await refusalOf(() => exportTiles(log, join(directory, 'log')))).toBe('store-exists');
  expect(await readdir(join(directory, 'log'))).not.toContain('tile');
});

test('no temporary file is left behind', async () => {
  await using log = await createLog('log');
  await append(log, entriesOf(600));
  const out = join(directory, 'out');
  await exportTiles(log, out);
  const files = await readdir(out, { recursive: true });
  expect(files.filter((name) => name.includes('.tmp'))).toEqual([]);
});

test.skipIf(process.platform === 'win32')(
  'the names of all files and directories are on the disk before the checkpoint is there',
  async () => {
    await using log = await createLog('log');
    await append(log, entriesOf(300));
    const out = join(directory, 'new/out');
    // Every open file is of one class, which Node does not export.
    const handle = await open(directory, 'r');
    const prototype = Object.getPrototypeOf(handle) as FileHandle;
    await handle.close();
    const { sync } = prototype;
    const synced = new Set<number>();
    const spy = vi.spyOn(prototype, 'sync').mockImplementation(async function (this: FileHandle) {
      await sync.call(this);
      if (!existsSync(join(out, 'checkpoint'))) synced.add((await this.stat()).ino);
    });
    try {
      await exportTiles(log, out);
    } finally {
      spy.mockRestore();
    }
    const made = await readdir(out, { recursive: true, withFileTypes: true });
    const within = made.filter((entry) => entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name));
    expect(within.length).toBeGreaterThan(4);
    for (const path of [directory, join(directory, 'new'), out, ...within]) {
      expect(synced, path).toContain((await stat(path)).ino);
    }
  },
);

test('a directory that has another log, a fork or something else is left alone', async () => {
  const out = join(directory, 'out');
  {
    await using log = await createLog('log');
    await append(log, entriesOf(10));
    await exportTiles(log, out);
  }
  const before = await readFile(join(out, 'checkpoint'), 'utf8');
  {
    await using other = await createLog('other', otherKey);
    expect(await refusalOf(() => exportTiles(other, out))).toBe('store-exists');
  }
  {
    await using fork = await createLog('fork');
    await append(fork, entriesOf(20).reverse());
    expect(await refusalOf(() => exportTiles(fork, out))).toBe('store-exists');
  }
  {
    await using shorter = await createLog('shorter');
    await append(shorter, entriesOf(9));
    expect(await refusalOf(() => exportTiles(shorter, out))).toBe('store-exists');
    const foreign = join(directory, 'foreign');
    await mkdir(foreign);
    await writeFile(join(foreign, 'checkpoint'), 'flights of today\n');
    expect(await refusalOf(() => exportTiles(shorter, foreign))).toBe('store-exists');
    await writeFile(join(directory, 'file'), '');
    expect(await refusalOf(() => exportTiles(shorter, join(directory, 'file')))).toBe('store-io');
  }
  expect(await readFile(join(out, 'checkpoint'), 'utf8')).toBe(before);
});

test('what a progress callback throws reaches the caller as it is', async () => {
  await using log = await createLog('log');
  await append(log, entriesOf(300));
  const stop = new Error('enough');
  const onProgress = (): void => {
    throw stop;
  };
  await expect(exportTiles(log, join(directory, 'out'), { onProgress })).rejects.toBe(stop);
});

test('an empty log is exported as its checkpoint', async () => {
  await using log = await createLog('log');
  const out = join(directory, 'out');
  expect(await exportTiles(log, out)).toEqual({ size: 0, written: 0, kept: 0 });
  expect((await readerOf(out)).size).toBe(0);
});
