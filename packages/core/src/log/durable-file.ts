import { randomBytes } from 'node:crypto';
import { constants, copyFile, link, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
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
  const temporary = join(directory, `.${basename(path)}.${randomBytes(8).toString('hex')}.tmp`);
  const file = await open(temporary, 'wx', mode);
  try {
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    if (replace) await rename(temporary, path);
    else await linkOrCopy(temporary, path);
  } finally {
    // Gone after a rename.
    await rm(temporary, { force: true });
  }
  await syncDirectory(directory);
}

/** Gives a whole file its name, unless something has it. */
async function linkOrCopy(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw error;
    // File systems without links, on USB sticks for instance.
    await copyFile(from, to, constants.COPYFILE_EXCL);
  }
}

/** Removes what processes that were killed while they wrote files into a directory left there. Nobody may write to it now. */
export async function removeUnfinishedFiles(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    if (isUnfinished(name)) await rm(join(directory, name), { force: true });
  }
}

/** Whether a file of this name is one that {@link writeFileDurably} has not finished. */
export const isUnfinished = (name: string): boolean => /^\..+\.[0-9a-f]{16}\.tmp$/.test(name);

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
