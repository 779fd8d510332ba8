import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const MEGABYTE = 1024 * 1024;
const BALLAST = 'ballast';

const run = promisify(execFile);

/** A small file system of its own. Needs root, and fails where that is missing. */
export class Mount {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async create(megabytes: number): Promise<Mount> {
    const path = await mkdtemp(join(tmpdir(), 'vitrine-mount-'));
    await run('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'vitrine-test', path]);
    return new Mount(path);
  }

  /** Fills what is left of it but for about `left` bytes, in files that {@link free} removes. */
  async fill(left: number): Promise<void> {
    await writeFile(join(this.path, 'kept'), new Uint8Array(left));
    for (let size = 16 * MEGABYTE, i = 0; size >= 1024; ) {
      const path = join(this.path, `${BALLAST}${i++}`);
      try {
        await writeFile(path, new Uint8Array(size));
      } catch {
        await rm(path, { force: true });
        size /= 2;
      }
    }
    await rm(join(this.path, 'kept'));
  }

  async free(): Promise<void> {
    for (const name of await readdir(this.path)) if (name.startsWith(BALLAST)) await rm(join(this.path, name));
  }

  async setReadOnly(isReadOnly: boolean): Promise<void> {
    await run('mount', ['-o', `remount,${isReadOnly ? 'ro' : 'rw'}`, this.path]);
  }

  async remove(): Promise<void> {
    await run('umount', [this.path]);
    await rm(this.path, { recursive: true });
  }
}
