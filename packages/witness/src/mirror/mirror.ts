import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Cosigner,
  cosign,
  cosignatureTime,
  equalBytes,
  formatAddCheckpoint,
  type NoteSignature,
  type OpenedCheckpoint,
  openCheckpoint,
  parseSignedNote,
  parseVkey,
  proveConsistency,
  type SignatureScheme,
  TileReader,
  treeRoot,
  type VerifierKey,
} from '@vitrine/core';
import { LevelStore, type LogCheckpoint, type OpenReplicaOptions, Replica } from '@vitrine/core/log';
import { WitnessError } from '../error.ts';
import { type AddedCheckpoint, addCheckpoint } from '../witness/add-checkpoint.ts';
import { Evidence } from '../witness/evidence.ts';
import type { Finding } from '../witness/finding.ts';
import { type SeenCheckpoint, seenCheckpoint } from '../witness/seen-checkpoint.ts';
import { WitnessState } from '../witness/witness-state.ts';
import type { LogSource } from './log-source.ts';
import { checkCosigners, linesBy, type MirrorKeys, onlyLinesBy, publishedNote } from './mirror-cosignatures.ts';

/** What a mirror is opened with. */
export interface MirrorOptions extends MirrorKeys, OpenReplicaOptions {
  /** Needed if the log has a key of type 0x06. */
  readonly schemes?: readonly SignatureScheme[] | undefined;
  /** Seconds since the Epoch. */
  now(): number;
  /** Told of what the log signed and does not fit together. */
  onFinding?(finding: Finding): void;
}

/** What a mirror is created with. */
export interface CreateMirrorOptions extends MirrorOptions {
  readonly origin: string;
  readonly vkeys: readonly string[];
}

/** Where a mirror keeps what it has seen of its log: in the directory of the copy. */
const STATE = 'mirror';

/** Seconds after which the same checkpoint is cosigned again. */
const RENEWAL = 300;

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
  readonly evidence: Evidence;
  readonly #state: WitnessState;
  readonly #options: MirrorOptions;
  readonly #logKeys: readonly VerifierKey[];

  private constructor(replica: Replica, state: WitnessState, options: MirrorOptions) {
    this.replica = replica;
    this.#state = state;
    this.#options = options;
    this.evidence = new Evidence(state.directory);
    this.#logKeys = replica.description.vkeys.map(parseVkey);
  }

  /**
   * Creates a mirror without entries, in a directory that is empty or not there.
   *
   * @throws CoreError `store-exists`, `store-io`, `log-key`, `key-malformed`; WitnessError `mirror-key`, `state-io`
   */
  static async create(directory: string, options: CreateMirrorOptions): Promise<Mirror> {
    const { origin, vkeys, mapping } = options;
    checkCosigners(vkeys.map(parseVkey), options);
    const createStore = (description: Uint8Array): Promise<LevelStore> => LevelStore.create(directory, description);
    return Mirror.#over(await Replica.create(createStore, { origin, vkeys, mapping }), directory, options);
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
    return Mirror.#over(replica, directory, options);
  }

  static async #over(replica: Replica, directory: string, options: MirrorOptions): Promise<Mirror> {
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
      await mkdir(path, { recursive: true }).catch((cause: Error) => {
        throw new WitnessError('state-io', `${path}: ${cause.message}`, { cause });
      });
      state = await WitnessState.open(path, { keep: KEPT_CHECKPOINTS });
      const mirror = new Mirror(replica, state, options);
      await mirror.#checkState();
      return mirror;
    } catch (error) {
      await state?.[Symbol.asyncDispose]();
      await replica[Symbol.asyncDispose]();
      throw error;
    }
  }

  get origin(): string {
    return this.replica.origin;
  }

  /** The pending checkpoints that are known, the newest first. The newest is at or ahead of the next entry. */
  async pending(): Promise<readonly SeenCheckpoint[]> {
    return this.#state.checkpoints(this.origin);
  }

  /** A checkpoint of the log. @throws CoreError if the log did not sign it with its key of type 0x01, or it is malformed */
  openCheckpoint(note: Uint8Array): OpenedCheckpoint {
    const { key, origin } = this.replica;
    const { schemes = [] } = this.#options;
    openCheckpoint(note, { origin, keys: [key] });
    return openCheckpoint(note, { origin, keys: this.#logKeys, schemes });
  }

  /**
   * Handles a request to add a checkpoint, which then is the pending one. Nothing is cosigned.
   * https://c2sp.org/tlog-mirror#add-checkpoint
   *
   * @throws as `addCheckpoint`
   */
  async addCheckpoint(body: Uint8Array): Promise<AddedCheckpoint> {
    const { now, onFinding } = this.#options;
    return addCheckpoint(
      body,
      {
        state: this.#state,
        evidence: this.evidence,
        keysOf: (origin) => (origin === this.origin ? this.#logKeys : []),
        now,
        admit: (checkpoint) => this.#checkSigned(checkpoint),
        onFinding: (finding) => onFinding?.(finding),
      },
      (added) => added,
    );
  }

  /**
   * Makes a checkpoint that the log shows the pending one, if its tree is larger and grew from that of the pending one, by the
   * log's own tiles.
   *
   * @returns the pending checkpoint, which may be a larger one than was shown
   * @throws WitnessError `mirror-fork` if the log signed two trees: the evidence is kept, and the pending checkpoint stays;
   * CoreError as {@link openCheckpoint}, or if its tiles are not those of its tree; what fetching throws
   */
  async observe(note: Uint8Array, source: LogSource): Promise<SeenCheckpoint> {
    const shown = seenCheckpoint(this.openCheckpoint(note));
    const { size, root } = shown;
    for (;;) {
      const [newest] = await this.pending();
      if (newest !== undefined && size <= newest.size) {
        await this.#compare(shown, newest);
        return newest;
      }
      const oldSize = newest?.size ?? 0;
      const reader = new TileReader({ size, root, fetchTile: source });
      const proof = await proveConsistency(oldSize, size, reader);
      const oldRoot = await treeRoot(oldSize, reader);
      if (newest !== undefined && !equalBytes(oldRoot, newest.root)) {
        throw await this.#forked({ kind: 'rewritten', notes: [newest.note, shown.note], root: oldRoot, proof });
      }
      try {
        return (await this.addCheckpoint(formatAddCheckpoint({ oldSize, proof, checkpoint: note }))).checkpoint;
      } catch (error) {
        // Another one was added meanwhile.
        if (!(error instanceof WitnessError && error.code === 'witness-conflict')) throw error;
      }
    }
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
        ? onlyLinesBy(before.note, this.#logKeys)
        : (await this.pending()).find((checkpoint) => checkpoint.size === size)?.note;
    if (signed === undefined || size < this.replica.size) {
      throw new WitnessError(
        'mirror-behind',
        `no pending checkpoint of ${this.origin} that is known has ${size} entries`,
      );
    }
    const { keys = [], indexKeys = [], now } = this.#options;
    return this.replica.publish(signed, async () => {
      const { text } = parseSignedNote(signed);
      const time = now();
      const own = await Promise.all([...keys, ...indexKeys].map((cosigner) => cosign({ text, cosigner, time })));
      return publishedNote({ signed, own, others, before: this.replica.published()?.note });
    });
  }

  /**
   * The mirror's own signatures of the checkpoint with so many entries, which is published if it is not yet.
   *
   * @throws as {@link publish}
   */
  async cosigned(size: number): Promise<NoteSignature[]> {
    if (this.replica.published()?.size !== size || this.isStale(RENEWAL)) await this.publish(size);
    return this.cosignatures();
  }

  /** Whether one of the mirror's keys has not signed its checkpoint, or longer ago than so many seconds: after a few minutes. */
  isStale(seconds: number = RENEWAL): boolean {
    const { keys = [], indexKeys = [], now } = this.#options;
    const cosigners = [...keys, ...indexKeys];
    const lines = this.#signaturesBy(cosigners);
    const oldest = now() - seconds;
    return lines.length < cosigners.length || lines.some(({ signature }) => cosignatureTime(signature) < oldest);
  }

  /** The mirror's own signatures of its checkpoint. */
  cosignatures(): NoteSignature[] {
    return this.#signaturesBy(this.#options.keys);
  }

  /** The signatures of its checkpoint that say that the index is right. */
  indexCosignatures(): NoteSignature[] {
    return this.#signaturesBy(this.#options.indexKeys);
  }

  #signaturesBy(cosigners: readonly Cosigner[] = []): NoteSignature[] {
    const note = this.replica.published()?.note;
    const keys = cosigners.map(({ vkey }) => vkey);
    return note === undefined ? [] : linesBy(note, keys);
  }

  /** Compares a checkpoint with what is known already. @throws WitnessError `mirror-fork` */
  async #compare(shown: SeenCheckpoint, newest: SeenCheckpoint): Promise<void> {
    const { size, root, note } = shown;
    const same = (await this.pending()).find((known) => known.size === size);
    if (same !== undefined) {
      if (!equalBytes(same.root, root)) throw await this.#forked({ kind: 'two-roots', notes: [same.note, note] });
      return;
    }
    // What is neither stored nor was seen says nothing yet.
    if (size > this.replica.next) return;
    const stored = await this.replica.storedRoot(size);
    if (equalBytes(stored, root)) return;
    const published = this.replica.published();
    if (published === undefined || published.size < size) {
      throw await this.#forked({ kind: 'unproven', notes: [note, newest.note], proof: [] });
    }
    const { proof } = await this.replica.proveConsistency(size, published.size);
    const later = onlyLinesBy(published.note, this.#logKeys);
    throw await this.#forked({ kind: 'rewritten', notes: [note, later], root: stored, proof });
  }

  /** Keeps what shows that the log has two histories, and makes the error of it. */
  async #forked(found: Pick<Finding, 'kind' | 'notes' | 'root' | 'proof'>): Promise<WitnessError> {
    const [earlier, later] = found.notes.map((note) => this.openCheckpoint(note).checkpoint.size);
    const reason = `the log signed a tree of ${later} entries that did not grow from its tree of ${earlier}`;
    const { now, onFinding } = this.#options;
    const finding = { ...found, origin: this.origin, keys: this.#logKeys, time: now(), reason };
    await this.evidence.keep(finding);
    onFinding?.(finding);
    return new WitnessError('mirror-fork', `${this.origin}: ${reason}. The evidence is in ${this.evidence.directory}`);
  }

  /** Without the log's key of type 0x01 it could not be published. https://c2sp.org/tlog-tiles#checkpoints */
  #checkSigned({ signatures }: SeenCheckpoint): void {
    const { keyName, keyId } = this.replica.key;
    if (signatures.some((line) => line.keyName === keyName && line.keyId === keyId)) return;
    throw new WitnessError('witness-signature', `the key of ${this.origin} of type 0x01 did not sign the checkpoint`);
  }

  /** @throws WitnessError `state-corrupt` unless the entries that are stored are those of the pending checkpoint */
  async #checkState(): Promise<void> {
    const { replica } = this;
    const [newest] = await this.pending();
    const published = replica.published();
    if (newest === undefined && published !== undefined && published.size >= replica.next) {
      // The copy was taken from elsewhere, without what that had seen: it is whole by itself.
      return this.#state.exclusive(this.origin, () =>
        this.#state.add(seenCheckpoint(this.openCheckpoint(published.note))),
      );
    }
    const isBefore = newest !== undefined && newest.size < replica.next;
    const isOther = newest?.size === replica.next && !equalBytes(await replica.storedRoot(newest.size), newest.root);
    if ((newest === undefined && replica.next > 0) || isBefore || isOther) {
      throw new WitnessError(
        'state-corrupt',
        `${this.#state.directory} does not have the checkpoint of ${this.origin} by which the entries of the mirror were ` +
          'authenticated: put it back, or copy the log again',
      );
    }
  }

  /** Waits for what is under way, and closes the copy and the state. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#state[Symbol.asyncDispose]();
    await this.replica[Symbol.asyncDispose]();
  }
}
