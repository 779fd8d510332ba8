import { CliError, fileError } from './errors.ts';

/** Half of this after a process was killed, another takes its lock. In milliseconds. */
const STALE = 10_000;
// Until a lock whose holder was killed is stale, and a little longer.
const RETRIES = { retries: 30, factor: 1, minTimeout: 500, maxTimeout: 500 };

/**
 * Waits until no other process has a file that is read and then replaced. The file itself need not be there yet.
 *
 * @returns what lets go of it
 * @throws CliError `state-locked` if another process has it for more than fifteen seconds; `file-missing` if its directory is not there; `file-io`
 */
export async function lockFile(path: string): Promise<() => Promise<void>> {
  const lockfile = (await import('proper-lockfile')).default;
  try {
    return await lockfile.lock(path, { realpath: false, stale: STALE, retries: RETRIES });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ELOCKED') throw fileError(path, error);
    const message = `another process has ${path} open; if none does, remove ${path}.lock`;
    throw new CliError('state-locked', message, { cause: error });
  }
}
