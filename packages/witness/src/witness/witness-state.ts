import { equalBytes, parseSignedNote, sha256, type VerifierKey } from '@vitrine/core';
import { WitnessError } from '../error.ts';
import {
  type CosignedNote,
  cosignedNotePath,
  hasCosignedNote,
  openCosignedNote,
  readCosignedNote,
  writeCosignedNote,
} from './cosigned-note.ts';
import { originHash } from './origin-hash.ts';
import { decodeSeen, encodeSeen, type SeenCheckpoint } from './seen-checkpoint.ts';
import { attempt, openStateDirectory, readIfThere, type StateDatabase } from './state-directory.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** How a state is opened. */
export interface WitnessStateOptions {
  /** How many checkpoints of each log are kept, from 1, which is what a witness needs. */
  readonly keep?: number | undefined;
  /** The witness's own keys, with which what it cosigned is verified: none for a mirror. */
  readonly cosigners?: readonly VerifierKey[] | undefined;
}

/** What is known of one log. */
interface LogState {
  /** Newest first. */
  readonly seen: readonly SeenCheckpoint[];
  readonly cosigned: CosignedNote | undefined;
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
  readonly #cosigners: readonly VerifierKey[];
  /** By origin. Nobody else writes here, so what was read once is known. */
  readonly #logs = new Map<string, Promise<LogState>>();
  readonly #origins = new Map<string, string>();
  readonly #queues = new Map<string, Promise<unknown>>();
  #failure: WitnessError | undefined;

  private constructor(directory: string, db: StateDatabase, { keep = 1, cosigners = [] }: WitnessStateOptions) {
    this.directory = directory;
    this.#db = db;
    this.#keep = keep;
    this.#cosigners = cosigners;
  }

  /**
   * Opens the state in a directory, which has to be there; an empty one becomes a state.
   *
   * @throws WitnessError `state-missing`, `state-foreign`, `state-newer`, `state-locked`, `state-corrupt`, `state-io`
   * @throws RangeError if `keep` is not an integer from 1
   */
  static async open(directory: string, options: WitnessStateOptions = {}): Promise<WitnessState> {
    const { keep = 1 } = options;
    if (!Number.isSafeInteger(keep) || keep < 1) throw new RangeError('keep must be an integer from 1');
    return new WitnessState(directory, await openStateDirectory(directory), options);
  }

  /** Why nothing can be kept any more: a write that failed. */
  get failure(): WitnessError | undefined {
    return this.#failure;
  }

  /**
   * What was seen of a log, the newest checkpoint first: none, or at most as many as are kept.
   *
   * @throws WitnessError `state-corrupt` if what is stored does not verify, `state-io`, `state-closed`
   */
  async checkpoints(origin: string): Promise<readonly SeenCheckpoint[]> {
    return (await this.#log(origin)).seen;
  }

  /** The newest checkpoint of a log that was cosigned, which can be older than the newest one. @throws as {@link checkpoints} */
  async cosigned(origin: string): Promise<CosignedNote | undefined> {
    return (await this.#log(origin)).cosigned;
  }

  /** As {@link cosigned}, of the log whose origin has this hash (SHA-256, lowercase hex). */
  async cosignedByHash(hash: string): Promise<CosignedNote | undefined> {
    const path = cosignedNotePath(this.directory, hash);
    let origin = this.#origins.get(hash);
    if (origin === undefined) {
      const note = await attempt(path, () => readIfThere(path));
      if (note === undefined) return undefined;
      origin = await attempt(path, async () => parseSignedNote(note).text.split('\n', 1)[0]!);
      if (originHash(origin) !== hash) {
        throw new WitnessError('state-corrupt', `${path} is a checkpoint of another log, ${origin}`);
      }
      this.#origins.set(hash, origin);
    }
    return this.cosigned(origin);
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
    const { seen: before } = await this.#log(origin);
    if (before[0] !== undefined && size <= before[0].size) {
      throw new RangeError(
        `the newest checkpoint of ${origin} has ${before[0].size} entries, and is not replaced by ${size}`,
      );
    }
    await this.#write(checkpoint, before);
  }

  /**
   * Puts the newest checkpoint of its log in its own place, as other keys of the log signed it. As {@link add} otherwise.
   *
   * @throws RangeError unless it is of the newest one's tree
   */
  async renew(checkpoint: SeenCheckpoint): Promise<void> {
    const { origin, size, root } = checkpoint;
    const [newest, ...before] = (await this.#log(origin)).seen;
    if (newest?.size !== size || !equalBytes(newest.root, root)) {
      throw new RangeError(`the newest checkpoint of ${origin} is not of that tree`);
    }
    await this.#write(checkpoint, before);
  }

  /** @param before what was seen of the log earlier, newest first */
  async #write(checkpoint: SeenCheckpoint, before: readonly SeenCheckpoint[]): Promise<void> {
    const { origin, size } = checkpoint;
    const { cosigned } = await this.#log(origin);
    const batch = this.#db.batch().put(keyOf(origin, size), new Uint8Array(encodeSeen(checkpoint)));
    for (const old of before.slice(this.#keep - 1)) batch.del(keyOf(origin, old.size));
    try {
      await attempt(this.directory, () => batch.write({ sync: true }));
    } catch (error) {
      // LevelDB would go on behind a torn record, and lose what it then acknowledges when it next opens.
      this.#failure = error as WitnessError;
      throw error;
    }
    this.#logs.set(origin, Promise.resolve({ seen: [checkpoint, ...before].slice(0, this.#keep), cosigned }));
  }

  /**
   * Keeps what was cosigned of a log: its newest checkpoint, with signatures of the log and of this witness. Once this
   * resolves it survives a power cut. Only to be called within {@link exclusive}.
   *
   * @throws CoreError if it does not verify; RangeError if it is larger than what was seen; WitnessError `state-io`
   */
  async keepCosigned(origin: string, note: Uint8Array): Promise<CosignedNote> {
    const { seen } = await this.#log(origin);
    const logKeys = seen[0]?.keys ?? [];
    const cosigned = await openCosignedNote(note, { origin, logKeys, cosigners: this.#cosigners });
    if (seen[0]?.size !== cosigned.size) throw new RangeError(`the newest checkpoint of ${origin} is not that one`);
    await writeCosignedNote(this.directory, origin, note);
    this.#logs.set(origin, Promise.resolve({ seen, cosigned }));
    return cosigned;
  }

  /** Waits for what is under way, and closes the state. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#failure ??= new WitnessError('state-closed', `${this.directory} was closed`);
    await Promise.all(this.#queues.values());
    await this.#db.close();
  }

  async #log(origin: string): Promise<LogState> {
    this.#checkOpen();
    let log = this.#logs.get(origin);
    if (log === undefined) {
      log = this.#read(origin);
      this.#logs.set(origin, log);
      // What failed may succeed later.
      log.catch(() => this.#logs.delete(origin));
    }
    return log;
  }

  async #read(origin: string): Promise<LogState> {
    const range = { gte: keyOf(origin, 0), lte: keyOf(origin, Number.MAX_SAFE_INTEGER), reverse: true };
    const rows = await attempt(this.directory, () => this.#db.iterator(range).all());
    const seen = await Promise.all(rows.map(([key, value]) => this.#decode(key, value)));
    const newest = seen[0];
    // LevelDB drops a damaged tail of its journal without a word.
    const forgotten = `${this.directory}: the database has forgotten what was cosigned of ${origin}`;
    if (newest === undefined) {
      if (await hasCosignedNote(this.directory, origin)) throw new WitnessError('state-corrupt', forgotten);
      return { seen, cosigned: undefined };
    }
    const keys = { origin, logKeys: newest.keys, cosigners: this.#cosigners };
    const cosigned = await readCosignedNote(this.directory, keys);
    if (cosigned !== undefined && cosigned.size > newest.size) throw new WitnessError('state-corrupt', forgotten);
    return { seen, cosigned };
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
    const { code, message } = this.#failure;
    if (code === 'state-closed') throw this.#failure;
    throw new WitnessError('state-closed', `the state must be opened again, because writing to it failed: ${message}`, {
      cause: this.#failure,
    });
  }
}
