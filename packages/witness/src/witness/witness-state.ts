import { sha256 } from '@vitrine/core';
import { WitnessError } from '../error.ts';
import { decodeSeen, encodeSeen, type SeenCheckpoint } from './seen-checkpoint.ts';
import { attempt, openStateDirectory, type StateDatabase } from './state-directory.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** How a state is opened. */
export interface WitnessStateOptions {
  /** How many checkpoints of each log are kept, from 1, which is what a witness needs. */
  readonly keep?: number;
}

const SEEN = 0x73;
const HASH_SIZE = 32;
const KEY_SIZE = 1 + HASH_SIZE + 8;

const hashOf = (origin: string): Uint8Array => sha256(new TextEncoder().encode(origin));

function keyOf(origin: string, size: number): Bytes {
  const key = new Uint8Array(KEY_SIZE);
  key[0] = SEEN;
  key.set(hashOf(origin), 1);
  new DataView(key.buffer).setBigUint64(1 + HASH_SIZE, BigInt(size));
  return key;
}

/**
 * The newest checkpoints of each log that a witness or a mirror has seen, in a directory that one process has at a time.
 * What is written survives a power cut before it is acknowledged, and what is read is verified again.
 */
export class WitnessState implements AsyncDisposable {
  readonly directory: string;
  readonly #db: StateDatabase;
  readonly #keep: number;
  /** Newest first. Nobody else writes to the database, so what was read once is known. */
  readonly #seen = new Map<string, Promise<readonly SeenCheckpoint[]>>();
  readonly #queues = new Map<string, Promise<unknown>>();
  #failure: unknown;

  private constructor(directory: string, db: StateDatabase, keep: number) {
    this.directory = directory;
    this.#db = db;
    this.#keep = keep;
  }

  /**
   * Opens the state in a directory, which has to be there; an empty one becomes a state.
   *
   * @throws WitnessError `state-missing`, `state-foreign`, `state-newer`, `state-locked`, `state-corrupt`, `state-io`
   * @throws RangeError if `keep` is not an integer from 1
   */
  static async open(directory: string, { keep = 1 }: WitnessStateOptions = {}): Promise<WitnessState> {
    if (!Number.isSafeInteger(keep) || keep < 1) throw new RangeError('keep must be an integer from 1');
    return new WitnessState(directory, await openStateDirectory(directory), keep);
  }

  /**
   * What was seen of a log, the newest checkpoint first: none, or at most as many as are kept.
   *
   * @throws WitnessError `state-corrupt` if what is stored does not verify, `state-io`, `state-closed`
   */
  async checkpoints(origin: string): Promise<readonly SeenCheckpoint[]> {
    this.#checkOpen();
    let seen = this.#seen.get(origin);
    if (seen === undefined) {
      seen = this.#read(origin);
      this.#seen.set(origin, seen);
      // What failed may succeed later.
      seen.catch(() => this.#seen.delete(origin));
    }
    return seen;
  }

  /** The origins of all logs of which anything was seen. @throws as {@link checkpoints} */
  async origins(): Promise<string[]> {
    this.#checkOpen();
    const origins = new Set<string>();
    for await (const [key, value] of this.#db.iterator({ gte: Uint8Array.of(SEEN), lt: Uint8Array.of(SEEN + 1) })) {
      origins.add((await this.#decode(key, value)).origin);
    }
    return Array.from(origins);
  }

  /**
   * Runs `act` while no other does for this log: to look at what was seen, decide, and {@link add} must be one step.
   */
  async exclusive<T>(origin: string, act: () => Promise<T>): Promise<T> {
    const before = this.#queues.get(origin) ?? Promise.resolve();
    const run = before.then(act);
    const settled = run.catch(() => {});
    this.#queues.set(origin, settled);
    try {
      return await run;
    } finally {
      if (this.#queues.get(origin) === settled) this.#queues.delete(origin);
    }
  }

  /**
   * Makes a checkpoint the newest of its log, and forgets what is not kept. Once this resolves it survives a power cut. Only to be
   * called within {@link exclusive}, by whoever has checked that the log grew to it.
   *
   * @throws RangeError unless it is larger than the newest one
   * @throws WitnessError `state-io`, and `state-closed` ever after: whether it was written shows when the state is opened again
   */
  async add(checkpoint: SeenCheckpoint): Promise<void> {
    const { origin, size } = checkpoint;
    const before = await this.checkpoints(origin);
    if (before[0] !== undefined && size <= before[0].size) {
      throw new RangeError(
        `the newest checkpoint of ${origin} has ${before[0].size} entries, and is not replaced by ${size}`,
      );
    }
    const after = [checkpoint, ...before].slice(0, this.#keep);
    const batch = this.#db.batch().put(keyOf(origin, size), new Uint8Array(encodeSeen(checkpoint)));
    for (const old of before.slice(this.#keep - 1)) batch.del(keyOf(origin, old.size));
    try {
      await attempt(this.directory, () => batch.write({ sync: true }));
    } catch (error) {
      // LevelDB would go on behind a torn record, and lose what it then acknowledges when it next opens.
      this.#failure = error;
      throw error;
    }
    this.#seen.set(origin, Promise.resolve(after));
  }

  /** Waits for what is under way, and closes the state. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#failure ??= new WitnessError('state-closed', `${this.directory} was closed`);
    await Promise.all(this.#queues.values());
    await this.#db.close();
  }

  async #read(origin: string): Promise<readonly SeenCheckpoint[]> {
    const range = { gte: keyOf(origin, 0), lte: keyOf(origin, Number.MAX_SAFE_INTEGER), reverse: true };
    const rows = await attempt(this.directory, () => this.#db.iterator(range).all());
    return Promise.all(rows.map(([key, value]) => this.#decode(key, value)));
  }

  async #decode(key: Uint8Array, value: Uint8Array): Promise<SeenCheckpoint> {
    // Not the Buffer that LevelDB gives, which CBOR would not take for the same.
    const seen = await decodeSeen(new Uint8Array(value), `a checkpoint in ${this.directory}`);
    const expected = keyOf(seen.origin, seen.size);
    if (expected.length !== key.length || !expected.every((byte, i) => byte === key[i])) {
      throw new WitnessError('state-corrupt', `${this.directory}: a checkpoint of ${seen.origin} is in a wrong place`);
    }
    return seen;
  }

  #checkOpen(): void {
    if (this.#failure === undefined) return;
    if (this.#failure instanceof WitnessError && this.#failure.code === 'state-closed') throw this.#failure;
    const { message } = this.#failure as Error;
    throw new WitnessError('state-closed', `the state must be opened again, because writing to it failed: ${message}`, {
      cause: this.#failure,
    });
  }
}
