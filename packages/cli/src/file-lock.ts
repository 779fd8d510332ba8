import { realpath, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { CliError, fileError, isMissing } from './errors.ts';
import { isThere } from './files.ts';

// A decision takes much less.
const PATIENCE = 15_000;
const PAUSE = 100;

/** A file that no other process has until it is released. */
export interface LockedFile {
  /** Where the file really is, if its path is a link. It need not be there yet. */
  readonly path: string;
  release(): Promise<void>;
}

/**
 * Waits until no other process has a file that is read and then replaced.
 *
 * The lock is that of an empty LevelDB beside it, which the operating system takes back when its holder dies. A lock that ages
 * instead would be taken from a process that is only suspended, which then writes over what another has written.
 *
 * @throws CliError `state-locked` if another process has it for more than fifteen seconds; `file-missing` if its directory is not there; `file-io`
 */
export async function lockFile(path: string): Promise<LockedFile> {
  const file = await whereItIs(path);
  // Native code, which few commands need.
  const { Level } = await import('level');
  for (const begun = performance.now(); ; await setTimeout(PAUSE)) {
    const lock = new Level(`${file}.lock`);
    try {
      await lock.open();
      return { path: file, release: () => lock.close() };
    } catch (error) {
      const cause = (error as { cause?: NodeJS.ErrnoException }).cause;
      if (cause?.code !== 'LEVEL_LOCKED') {
        const message = `${file}.lock cannot be used as a lock: ${cause?.message ?? String(error)}`;
        throw new CliError('file-io', message, { cause: error });
      }
      if (performance.now() - begun > PATIENCE) {
        throw new CliError('state-locked', `another process has ${path} open`, { cause: error });
      }
    }
  }
}

/** All names of one file have one lock; and what a link leads to may only be out of reach, which is not to be taken for new. */
async function whereItIs(path: string): Promise<string> {
  try {
    if (await isThere(path)) return await realpath(path);
    const directory = dirname(path);
    if (!(await stat(directory)).isDirectory()) throw new CliError('file-io', `${directory} is not a directory`);
    return join(await realpath(directory), basename(path));
  } catch (error) {
    const failure = fileError(path, error);
    if (!isMissing(failure)) throw failure;
    const message = (await isThere(path))
      ? `${path} is a link that leads nowhere`
      : `the directory ${dirname(path)} does not exist`;
    throw new CliError(failure.code, message, { cause: error });
  }
}
