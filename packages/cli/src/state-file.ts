import { type AgentState, formatState, MAX_STATE_SIZE, NO_STATE, parseState, type Refusal } from '@vitrine/verifier';
import { CliError, naming } from './errors.ts';
import { type LockedFile, lockFile } from './file-lock.ts';
import { readIfThere, writeNewFile } from './files.ts';

/**
 * What an agent remembers, in a file that one process has at a time. Each write replaces the file whole; one that was killed
 * leaves the old one.
 */
export class StateFile implements AsyncDisposable {
  readonly path: string;
  readonly #file: LockedFile;
  #state: AgentState;
  #isNew: boolean;

  private constructor(path: string, file: LockedFile, state: AgentState | undefined) {
    this.path = path;
    this.#file = file;
    this.#state = state ?? NO_STATE;
    this.#isNew = state === undefined;
  }

  /**
   * Locks a state file, and reads it. One that is not there is an agent that has decided nothing yet.
   *
   * @throws CliError `state-locked`, and `file-` codes; Refusal `state-malformed`, `state-newer`
   */
  static async open(path: string): Promise<StateFile> {
    const file = await lockFile(path);
    try {
      return new StateFile(path, file, await read(file.path, path));
    } catch (error) {
      await file.release();
      throw error;
    }
  }

  get state(): AgentState {
    return this.#state;
  }

  /** Whether there was no file yet. */
  get isNew(): boolean {
    return this.#isNew;
  }

  /** @throws CliError with `file-` codes; Refusal `state-malformed` for one that is too large */
  async write(state: AgentState): Promise<void> {
    await writeNewFile(this.#file.path, formatState(state), { replace: true });
    this.#state = state;
    this.#isNew = false;
  }

  /**
   * Keeps two checkpoints that contradict each other, and the bundle that shows it, beside the state. Earlier evidence stays: any
   * is enough.
   *
   * @returns the files
   */
  async keepEvidence({ checkpoints }: NonNullable<Refusal['evidence']>, bundle: Uint8Array): Promise<string[]> {
    const files: string[] = [];
    for (const [name, bytes] of Object.entries({ 1: checkpoints[0], 2: checkpoints[1], bundle })) {
      const path = `${this.path}.fork-${name}`;
      await writeNewFile(path, bytes).catch((error: unknown) => {
        if (!(error instanceof CliError) || error.code !== 'file-exists') throw error;
      });
      files.push(path);
    }
    return files;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.release();
  }
}

async function read(path: string, named: string): Promise<AgentState | undefined> {
  const bytes = await readIfThere(path, MAX_STATE_SIZE);
  return bytes && naming(named, () => parseState(bytes));
}
