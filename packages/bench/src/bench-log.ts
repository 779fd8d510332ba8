import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ed25519Signer, formatVkey, privateKeyFromSeed } from '@vitrine/core';
import { LevelStore, Log } from '@vitrine/core/log';

const ORIGIN = 'bench.example/log';

/** Runs `use` with a new directory on a real file system, and removes it. */
export async function withDirectory<T>(use: (directory: string) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'vitrine-bench-'));
  try {
    return await use(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** A new log in `directory`, as `vitrine init` makes it. */
export async function createLog(directory: string, duplicates: boolean): Promise<Log> {
  const key = privateKeyFromSeed(ORIGIN, 1, new Uint8Array(32));
  return Log.create((description) => LevelStore.create(join(directory, 'log'), description), {
    origin: ORIGIN,
    vkeys: [formatVkey(key.vkey)],
    kind: 'raw',
    duplicates,
    signer: ed25519Signer(key),
  });
}

/** Bytes of all files below `directory`. */
export async function diskUsage(directory: string): Promise<number> {
  const names = await readdir(directory, { recursive: true, withFileTypes: true });
  const sizes = names.map((name) =>
    name.isFile() ? stat(join(name.parentPath, name.name)).then(({ size }) => size) : 0,
  );
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}
