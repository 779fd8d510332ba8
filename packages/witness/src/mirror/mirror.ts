import { join } from 'node:path';
import {
  type Cosigner,
  cosign,
  cosignatureTime,
  formatSignedNote,
  loadSchemes,
  type NoteSignature,
  openCheckpoint,
  parseSignedNote,
  parseVkey,
  type SignatureScheme,
} from '@vitrine/core';
import {
  LevelStore,
  type LogCheckpoint,
  makeDirectoryDurably,
  type OpenReplicaOptions,
  Replica,
  type Store,
} from '@vitrine/core/log';
import { WitnessError } from '../error.ts';
import type { Finding } from '../witness/finding.ts';
import { WitnessState } from '../witness/witness-state.ts';
import {
  checkCosigners,
  falseLines,
  isOneOf,
  linesBy,
  type MirrorKeys,
  onlyLinesBy,
  publishedNote,
  vkeysOf,
} from './mirror-cosignatures.ts';
import { PendingCheckpoints } from './pending-checkpoints.ts';

/** What a mirror is opened with. */
export interface MirrorOptions extends MirrorKeys, OpenReplicaOptions {
  /** Seconds since the Epoch. */
  now(): number;
  /** Told of what the log signed and does not fit together. */
  onFinding?: ((finding: Finding) => void) | undefined;
}

/** What a mirror is created with. */
export interface CreateMirrorOptions extends MirrorOptions {
  readonly origin: string;
  readonly vkeys: readonly string[];
}

interface OpenedReplica {
  readonly replica: Replica;
  readonly store: Store;
}

/** Where a mirror keeps what it has seen of its log: in the directory of the copy. */
const STATE = 'mirror';

/** A clock that is set back by more than this, in seconds, is out of order. */
const MAX_SETBACK = 300;

/** For how many checkpoints others can wait at a time. Many can wait for one: anybody can show the newest again. */
const MAX_WAITING = 64;

/** How many pending checkpoints are known. https://c2sp.org/tlog-mirror#processing */
const KEPT_CHECKPOINTS = 16;

/**
 * A mirror of one log, in one directory: the copy, the pending checkpoints up to which it is made, and what was found of a log
 * that contradicts itself. https://c2sp.org/tlog-mirror#updating-a-mirror
 *
 * Every entry that is stored is in the tree of a pending checkpoint, and each of those grew from the one before it. So what
 * several copy at once belongs together, and a log that forks leaves the mirror on the branch on which it was.
 */
export class Mirror implements AsyncDisposable {
  readonly replica: Replica;
  /** What the copy is kept in: to be read, and not written to by anybody else. */
  readonly store: Store;
  readonly pending: PendingCheckpoints;
  readonly #state: WitnessState;
  readonly #options: MirrorOptions;
  /** The mirror's own, of both kinds. */
  readonly #cosigners: readonly Cosigner[];
  readonly #schemes: readonly SignatureScheme[];
  /** Lines in the mirror's own name that its checkpoint had when it was opened, and that are not its own. */
  readonly #false: readonly NoteSignature[];
  /** The last renewal, done or failed. */
  #renewing: Promise<void> = Promise.resolve();
  /** Who waits for a checkpoint, by its size. */
  readonly #waiting = new Map<number, Set<() => void>>();

  private constructor(
    { replica, store }: OpenedReplica,
    state: WitnessState,
    pending: PendingCheckpoints,
    schemes: readonly SignatureScheme[],
    options: MirrorOptions,
  ) {
    this.replica = replica;
    this.store = store;
    this.pending = pending;
    this.#state = state;
    this.#schemes = schemes;
    this.#options = options;
    this.#cosigners = [...(options.keys ?? []), ...(options.indexKeys ?? [])];
    const published = replica.published();
    this.#false = published === undefined ? [] : falseLines(published.note, vkeysOf(options), schemes);
  }

  /**
   * Creates a mirror without entries, in a directory that is empty or not there.
   *
   * @throws CoreError `store-exists`, `store-io`, `log-key`, `key-malformed`; WitnessError `mirror-key`, `state-io`
   */
  static async create(directory: string, options: CreateMirrorOptions): Promise<Mirror> {
    const { origin, vkeys, mapping } = options;
    checkCosigners(vkeys.map(parseVkey), options);
    let store!: LevelStore;
    const createStore = async (description: Uint8Array): Promise<LevelStore> => {
      store = await LevelStore.create(directory, description);
      return store;
    };
    const replica = await Replica.create(createStore, { origin, vkeys, mapping });
    return Mirror.#over({ replica, store }, directory, options);
  }

  /**
   * Opens the mirror in a directory.
   *
   * @throws CoreError with `store-` and `log-` codes; WitnessError `mirror-key`; `state-` codes, `state-corrupt` also if the checkpoint
   * is not there by which its entries were authenticated
   */
  static async open(directory: string, options: MirrorOptions): Promise<Mirror> {
    const store = await LevelStore.open(directory);
    let replica: Replica;
    try {
      replica = await Replica.open(store, { mapping: options.mapping });
    } catch (error) {
      await store[Symbol.asyncDispose]();
      throw error;
    }
    return Mirror.#over({ replica, store }, directory, options);
  }

  static async #over(opened: OpenedReplica, directory: string, options: MirrorOptions): Promise<Mirror> {
    const { replica } = opened;
    const path = join(directory, STATE);
    let state: WitnessState | undefined;
    try {
      checkCosigners(replica.description.vkeys.map(parseVkey), options);
      if (options.indexKeys?.length && !replica.checksIndex) {
        throw new WitnessError(
          'mirror-key',
          `this mirror of ${replica.origin} does not derive the index, and cannot vouch for it`,
        );
      }
      await makeDirectoryDurably(path).catch((cause: Error) => {
        throw new WitnessError('state-io', `${path}: ${cause.message}`, { cause });
      });
      state = await WitnessState.open(path, { keep: KEPT_CHECKPOINTS });
      const keys = [...replica.description.vkeys.map(parseVkey), ...vkeysOf(options)];
      const schemes = await loadSchemes(keys.map(({ type }) => type));
      const { now, onFinding } = options;
      const pending = await PendingCheckpoints.open({ replica, state, schemes, now, onFinding });
      return new Mirror(opened, state, pending, schemes, options);
    } catch (error) {
      await state?.[Symbol.asyncDispose]();
      await replica[Symbol.asyncDispose]();
      throw error;
    }
  }

  get origin(): string {
    return this.replica.origin;
  }

  /** Why it can do nothing any more until it is opened again: a write that failed. */
  get failure(): Error | undefined {
    return this.replica.failure ?? this.#state.failure;
  }

  /**
   * Makes a pending checkpoint whose entries are all stored the mirror's checkpoint, cosigned with the mirror's keys. The same
   * one again is cosigned again, with the time that it is then.
   *
   * @param others signatures of others that came with it, which are passed on
   * @throws WitnessError `mirror-behind` if a larger one was published, or there is none of that size; CoreError as
   * `Replica.publish`
   */
  async publish(size: number, others: readonly NoteSignature[] = []): Promise<LogCheckpoint> {
    const before = this.replica.published();
    const signed =
      before?.size === size
        ? onlyLinesBy(before.note, this.pending.keys)
        : (await this.pending.all()).find((checkpoint) => checkpoint.size === size)?.note;
    if (signed === undefined || size < this.replica.size) {
      throw new WitnessError(
        'mirror-behind',
        `no pending checkpoint of ${this.origin} that is known has ${size} entries`,
      );
    }
    const published = await this.replica.publish(signed, async () => {
      const { text } = parseSignedNote(signed);
      const earlier = this.replica.published();
      const time = this.#timeAfterPublished();
      const own = await Promise.all(this.#cosigners.map((cosigner) => cosign({ text, cosigner, time })));
      const note = publishedNote({ signed, own, others, before: earlier?.note });
      // A key that is broken must not get a cosignature into the world.
      const cosigners = vkeysOf(this.#options);
      openCheckpoint(note, { origin: this.origin, keys: this.pending.keys, cosigners, schemes: this.#schemes });
      return note;
    });
    for (const notify of [...this.#waiting.values()].flatMap((waiting) => [...waiting])) notify();
    return published;
  }

  /**
   * Resolves once a checkpoint of so many entries was published, or more.
   *
   * @param timeout milliseconds
   * @returns whether that was in time
   * @throws WitnessError `witness-limit` if others wait for too many sizes
   */
  async waitFor(size: number, timeout: number): Promise<boolean> {
    const isThere = (): boolean => (this.replica.published()?.size ?? -1) >= size;
    if (isThere()) return true;
    const waiting = this.#waiting.get(size) ?? new Set();
    if (waiting.size === 0 && this.#waiting.size >= MAX_WAITING) {
      throw new WitnessError('witness-limit', 'too many wait for this mirror', { retryAfter: 1 });
    }
    this.#waiting.set(size, waiting);
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        waiting.delete(notify);
        if (waiting.size === 0) this.#waiting.delete(size);
        resolve(isThere());
      };
      const notify = (): void => {
        if (isThere()) end();
      };
      const timer = setTimeout(end, timeout);
      waiting.add(notify);
    });
  }

  /**
   * Publishes the checkpoint with so many entries if it is not yet, or cosigns it again if that is some time ago.
   *
   * @param maxAge seconds
   * @throws as {@link publish}
   */
  async renew(size: number, maxAge: number): Promise<void> {
    const isDone = (): boolean => this.replica.published()?.size === size && !this.isStale(maxAge);
    if (isDone()) return;
    // Many ask at once. One signs for all of them.
    const renewed = this.#renewing.then(async () => {
      if (!isDone()) await this.publish(size);
    });
    this.#renewing = renewed.catch(() => {});
    return renewed;
  }

  /** Whether one of the mirror's keys has not signed its checkpoint, or longer ago than so many seconds. */
  isStale(maxAge: number): boolean {
    const lines = this.#signaturesBy(this.#cosigners);
    const oldest = this.#options.now() - maxAge;
    return lines.length < this.#cosigners.length || lines.some(({ signature }) => cosignatureTime(signature) < oldest);
  }

  /** Whether publishing its checkpoint again, with signatures of others, would leave it as it is but for the time. */
  hasAll(others: readonly NoteSignature[]): boolean {
    const before = this.replica.published()?.note;
    if (before === undefined) return false;
    const signed = onlyLinesBy(before, this.pending.keys);
    const own = this.#signaturesBy(this.#cosigners);
    const known = parseSignedNote(before).signatures;
    const { signatures } = parseSignedNote(publishedNote({ signed, own, others, before }));
    return signatures.every((line) => isOneOf(line, known));
  }

  /** The mirror's own signatures of its checkpoint. */
  cosignatures(): NoteSignature[] {
    return this.#signaturesBy(this.#options.keys);
  }

  /** The signatures of its checkpoint that say that the index is right. */
  indexCosignatures(): NoteSignature[] {
    return this.#signaturesBy(this.#options.indexKeys);
  }

  /** Its checkpoint with the log's signatures and those; undefined if it is not signed so. */
  indexCheckpoint(): Uint8Array | undefined {
    const published = this.replica.published();
    const own = this.indexCosignatures();
    if (published === undefined || own.length === 0) return undefined;
    const { text } = parseSignedNote(published.note);
    return formatSignedNote({ text, signatures: [...linesBy(published.note, this.pending.keys), ...own] });
  }

  /** Whether it has keys that say so. */
  get vouchesForIndex(): boolean {
    return (this.#options.indexKeys ?? []).length > 0;
  }

  #signaturesBy(cosigners: readonly Cosigner[] = []): NoteSignature[] {
    const note = this.replica.published()?.note;
    const keys = cosigners.map(({ vkey }) => vkey);
    return note === undefined ? [] : linesBy(note, keys).filter((line) => !isOneOf(line, this.#false));
  }

  /** Now, and never before what the mirror has said of the log. @throws WitnessError `witness-clock` */
  #timeAfterPublished(): number {
    const now = this.#options.now();
    const lines = this.#signaturesBy(this.#cosigners);
    const last = Math.max(1, ...lines.map(({ signature }) => cosignatureTime(signature)));
    if (now + MAX_SETBACK < last) {
      throw new WitnessError(
        'witness-clock',
        `the clock says ${now}, and this mirror has cosigned at ${last}: one of them is wrong`,
      );
    }
    return Math.max(now, last);
  }

  /** Waits for what is under way, and closes the copy and the state. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#state[Symbol.asyncDispose]();
    await this.replica[Symbol.asyncDispose]();
  }
}
