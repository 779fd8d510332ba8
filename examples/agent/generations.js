import { existsSync } from 'node:fs';
import { link, mkdir, open, readdir, readlink, rename, rm, symlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Level } from 'level';

/**
 * A directory in which several files are replaced in one instant:
 *
 *     releases/7/...            one generation, which never changes once it is current
 *     current -> releases/7     replaced by a rename
 *
 * A process that is killed, or a power cut, leaves the old generation or the new one.
 */
export class Generations {
  #directory;
  #lock;
  #isDone = false;
  /** The current generation; undefined if there is none yet. */
  old;
  /** The directory of the next one. Nothing in it counts before `commit`. */
  next;

  constructor(directory, lock, current) {
    this.#directory = directory;
    this.#lock = lock;
    this.old = current && join(directory, current);
    this.next = join(directory, 'releases', String(current === undefined ? 1 : Number(basename(current)) + 1));
  }

  /** Waits for nobody: @throws Error if another process has the directory. */
  static async open(directory) {
    await mkdir(join(directory, 'releases'), { recursive: true });
    // The lock of an empty LevelDB: the operating system takes it back when its holder dies, and never before.
    const lock = new Level(join(directory, 'lock'));
    await lock.open().catch(async ({ cause }) => {
      if (cause.code === 'LEVEL_LOCKED') throw new Error(`another agent is at work in ${directory}`);
      // Nothing is in it: a full disk or a power cut may have left it so that it cannot be opened. Two agents still meet at LOCK.
      for (const name of await readdir(lock.location).catch(() => [])) {
        if (name !== 'LOCK') await rm(join(lock.location, name), { force: true });
      }
      await lock.open();
    });
    try {
      const current = await readlink(join(directory, 'current')).catch((error) => {
        if (error.code !== 'ENOENT') throw error;
      });
      const generations = new Generations(directory, lock, current);
      await generations.#begin();
      return generations;
    } catch (error) {
      await lock.close();
      throw error;
    }
  }

  /** Removes what others have left: the generation before the current one, and what was not finished. */
  async #begin() {
    // Whoever was killed may have renamed the link and not made that last, and then a power cut brings back the old one.
    await sync(this.#directory);
    const releases = join(this.#directory, 'releases');
    for (const name of await readdir(releases)) {
      if (this.old === undefined || name !== basename(this.old)) await rm(join(releases, name), { recursive: true });
    }
    await mkdir(this.next);
  }

  /** Makes the next generation out of the current one, but for one file. */
  async beginAgain({ without }) {
    await this.#begin();
    for (const name of this.old === undefined ? [] : await readdir(this.old)) {
      if (name !== without) await link(join(this.old, name), join(this.next, name));
    }
  }

  /** Makes the next generation the current one. Its files have to be durable. */
  async commit() {
    await sync(this.next);
    await sync(join(this.#directory, 'releases'));
    const renamed = join(this.#directory, 'current.new');
    await rm(renamed, { force: true });
    await symlink(join('releases', basename(this.next)), renamed);
    // From here on it may be current, whatever fails.
    this.#isDone = true;
    await rename(renamed, join(this.#directory, 'current'));
    await sync(this.#directory);
  }

  /** Keeps evidence in `fork`, whole or not at all. The first stays: any is enough. */
  async keepFork(evidence) {
    const kept = join(this.#directory, 'fork');
    if (existsSync(kept)) return;
    const begun = join(this.next, 'fork');
    await mkdir(begun);
    for (const [i, bytes] of evidence.entries()) await writeDurably(join(begun, String(i + 1)), bytes);
    await sync(begun);
    await rename(begun, kept);
    await sync(this.#directory);
  }

  /** Removes what did not become current, so that a full disk is not left full, and lets others have the directory. */
  async close() {
    if (!this.#isDone) await rm(this.next, { recursive: true, force: true });
    await this.#lock.close();
  }
}

/** Writes a file, from bytes or pieces, that a power cut does not take once its directory was synchronised too. */
export async function writeDurably(path, content) {
  const file = await open(path, 'w');
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function sync(directory) {
  const handle = await open(directory);
  await handle.sync().finally(() => handle.close());
}
