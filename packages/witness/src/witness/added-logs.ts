import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { CoreError, formatVkey, parseVkey, sha256, type VerifierKey } from '@vitrine/core';
import { makeDirectoryDurably, writeFileDurably } from '@vitrine/core/log';
import { WitnessError } from '../error.ts';
import { hex } from './hex.ts';
import { checkLogKey } from './log-key.ts';
import { attempt, LOGS_DIRECTORY, readIfThere, readMarker } from './state-directory.ts';

const NAME = /^[0-9a-f]{32}\.vkey$/;

/** Its content alone names a file, so that adding and removing are one step each, also while others do. */
function nameOf(vkey: string): string {
  const digest = sha256(new TextEncoder().encode(vkey)).subarray(0, 16);
  return `${hex(digest)}.vkey`;
}

/**
 * The keys of logs that were added to a state by a command: a file each in a directory of the state. A witness that has the state
 * open reads them again.
 */
export class AddedLogs {
  readonly directory: string;
  readonly #stateDirectory: string;

  constructor(stateDirectory: string) {
    this.#stateDirectory = stateDirectory;
    this.directory = join(stateDirectory, LOGS_DIRECTORY);
  }

  /** In the order of their vkeys. @throws WitnessError `state-corrupt`, `state-io` */
  async list(): Promise<VerifierKey[]> {
    const keys: VerifierKey[] = [];
    for (const name of await this.names()) {
      const path = join(this.directory, name);
      const bytes = await attempt(path, () => readIfThere(path));
      // It was removed just now.
      if (bytes !== undefined) keys.push(readKey(path, name, bytes));
    }
    return keys.sort((a, b) => (formatVkey(a) < formatVkey(b) ? -1 : 1));
  }

  /** What the files are called, which is different if their content is. @throws WitnessError `state-io` */
  async names(): Promise<string[]> {
    const names = await attempt(this.directory, () =>
      readdir(this.directory).catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return [];
        throw error;
      }),
    );
    return names.filter((name) => NAME.test(name)).sort();
  }

  /**
   * Adds a key of a log; whether it was not there.
   *
   * @throws CoreError `key-type` if it is none of a log; WitnessError `state-missing`, `state-foreign`, `state-newer`, `state-io`
   */
  async add(key: VerifierKey): Promise<boolean> {
    checkLogKey(key);
    await attempt(this.#stateDirectory, () => readMarker(this.#stateDirectory));
    const vkey = formatVkey(key);
    const name = nameOf(vkey);
    if ((await this.names()).includes(name)) return false;
    await attempt(this.directory, async () => {
      await makeDirectoryDurably(this.directory);
      await writeFileDurably(join(this.directory, name), new TextEncoder().encode(`${vkey}\n`));
    });
    return true;
  }

  /** Removes a key of a log; whether it was there. What was cosigned of the log stays. @throws WitnessError as {@link add} */
  async remove(key: VerifierKey): Promise<boolean> {
    await attempt(this.#stateDirectory, () => readMarker(this.#stateDirectory));
    const name = nameOf(formatVkey(key));
    if (!(await this.names()).includes(name)) return false;
    await attempt(this.directory, () => rm(join(this.directory, name), { force: true }));
    return true;
  }
}

function readKey(path: string, name: string, bytes: Uint8Array): VerifierKey {
  try {
    const vkey = new TextDecoder().decode(bytes).replace(/\n$/, '');
    const key = parseVkey(vkey);
    checkLogKey(key);
    if (nameOf(vkey) === name) return key;
  } catch (cause) {
    if (!(cause instanceof CoreError)) throw cause;
    throw new WitnessError('state-corrupt', `${path}: ${cause.message}`, { cause });
  }
  throw new WitnessError('state-corrupt', `${path} holds another key than its name says`);
}
