import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

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

  async setReadOnly(isReadOnly: boolean): Promise<void> {
    await run('mount', ['-o', `remount,${isReadOnly ? 'ro' : 'rw'}`, this.path]);
  }

  async remove(): Promise<void> {
    await run('umount', [this.path]);
    await rm(this.path, { recursive: true });
  }
}
