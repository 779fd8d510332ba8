import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';

/** How a file is written. */
export interface WriteFileOptions {
  /** Permissions of a new file. */
  readonly mode?: number;
  /** Whether a file that is there gives way, which is the default, or the write fails with `EEXIST`. */
  readonly replace?: boolean;
}

/**
 * Puts `bytes` into the file at `path`: whoever reads sees the old file or the new one, whole, and once this resolves the
 * new one survives a power cut. What was begun and failed is removed again.
 *
 * @throws what the file system throws
 */
export async function writeFileDurably(
  path: string,
  bytes: Uint8Array,
  { mode = 0o644, replace = true }: WriteFileOptions = {},
): Promise<void> {
  const directory = dirname(path);
  // In the same directory, because a rename across file systems is a copy.
  const written = replace ? join(directory, `.${basename(path)}.${process.pid}.tmp`) : path;
  const file = await open(written, replace ? 'w' : 'wx', mode);
  try {
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    if (replace) await rename(written, path);
  } catch (error) {
    await rm(written, { force: true });
    throw error;
  }
  await syncDirectory(directory);
}

/** Removes what processes that were killed while they wrote files into a directory left there. Nobody may write to it now. */
export async function removeUnfinishedFiles(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    if (/^\..+\.\d+\.tmp$/.test(name)) await rm(join(directory, name), { force: true });
  }
}

/** Makes a directory, and those above it that do not exist, so that they survive a power cut. */
export async function makeDirectoryDurably(directory: string): Promise<void> {
  const path = resolve(directory);
  const first = await mkdir(path, { recursive: true });
  if (first === undefined) return;
  for (let made = path; made.length >= first.length; made = dirname(made)) {
    await syncDirectory(dirname(made));
  }
}

/** Makes the names in a directory survive a power cut. */
async function syncDirectory(directory: string): Promise<void> {
  // Windows cannot open directories, and does not need to.
  if (process.platform === 'win32') return;
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
