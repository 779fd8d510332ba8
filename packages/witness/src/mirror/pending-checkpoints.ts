import {
  equalBytes,
  formatAddCheckpoint,
  isLineOf,
  type OpenedCheckpoint,
  openCheckpoint,
  parseVkey,
  proveConsistency,
  type SignatureScheme,
  TileReader,
  treeRoot,
  type VerifierKey,
} from '@vitrine/core';
import type { Replica } from '@vitrine/core/log';
import { WitnessError } from '../error.ts';
import { type AddedCheckpoint, addCheckpoint } from '../witness/add-checkpoint.ts';
import { Evidence } from '../witness/evidence.ts';
import type { Finding } from '../witness/finding.ts';
import { type SeenCheckpoint, seenCheckpoint } from '../witness/seen-checkpoint.ts';
import type { WitnessState } from '../witness/witness-state.ts';
import { onlyLinesBy } from './mirror-cosignatures.ts';
import type { PullSource } from './pull-source.ts';

/** What {@link PendingCheckpoints} work with. */
export interface PendingOptions {
  readonly replica: Replica;
  readonly state: WitnessState;
  readonly schemes: readonly SignatureScheme[];
  /** Seconds since the Epoch. */
  now(): number;
  /** Told of what the log signed and does not fit together. */
  onFinding?: ((finding: Finding) => void) | undefined;
}

/**
 * The pending checkpoints of a mirror: each of them grew from the one before it, and every entry that is stored is in the tree of
 * the newest. https://c2sp.org/tlog-mirror#updating-a-mirror
 */
export class PendingCheckpoints {
  readonly evidence: Evidence;
  /** All keys of the log. */
  readonly keys: readonly VerifierKey[];
  readonly #options: PendingOptions;

  private constructor(options: PendingOptions) {
    this.#options = options;
    this.evidence = new Evidence(options.state.directory);
    this.keys = options.replica.description.vkeys.map(parseVkey);
  }

  /** @throws WitnessError `state-corrupt` if the checkpoint is missing by which the stored entries were authenticated */
  static async open(options: PendingOptions): Promise<PendingCheckpoints> {
    const pending = new PendingCheckpoints(options);
    await pending.#check();
    return pending;
  }

  /** Those that are known, the newest first. */
  async all(): Promise<readonly SeenCheckpoint[]> {
    const { state, replica } = this.#options;
    return state.checkpoints(replica.origin);
  }

  /** The newest one: at or ahead of the next entry. */
  async newest(): Promise<SeenCheckpoint | undefined> {
    return (await this.all())[0];
  }

  /** A checkpoint of the log. @throws CoreError if the log did not sign it with its key of type 0x01, or it is malformed */
  open(note: Uint8Array): OpenedCheckpoint {
    const { replica, schemes } = this.#options;
    const { key, origin } = replica;
    openCheckpoint(note, { origin, keys: [key] });
    return openCheckpoint(note, { origin, keys: this.keys, schemes });
  }

  /**
   * Handles a request to add a checkpoint, which then is the newest. Nothing is cosigned.
   * https://c2sp.org/tlog-mirror#add-checkpoint
   *
   * @throws as `addCheckpoint`
   */
  async add(body: Uint8Array): Promise<AddedCheckpoint> {
    const { replica, state, now, onFinding } = this.#options;
    return addCheckpoint(
      body,
      {
        state,
        evidence: this.evidence,
        keysOf: (origin) => (origin === replica.origin ? this.keys : []),
        now,
        admit: ({ checkpoint }) => this.#checkSigned(checkpoint),
        onFinding: (finding) => onFinding?.(finding),
      },
      (added) => added,
    );
  }

  /**
   * Makes a checkpoint that the log shows the newest, if its tree is larger and grew from that of the newest one, by the log's
   * own tiles.
   *
   * @returns the newest one, which may be larger than what was shown
   * @throws WitnessError `mirror-fork` if the log signed two trees: the evidence is kept, and the newest checkpoint stays;
   * CoreError as {@link open}, or if its tiles are not those of its tree; what fetching throws
   */
  async observe(note: Uint8Array, source: PullSource): Promise<SeenCheckpoint> {
    const shown = seenCheckpoint(this.open(note));
    const { size, root } = shown;
    for (;;) {
      const newest = await this.newest();
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
        return (await this.add(formatAddCheckpoint({ oldSize, proof, checkpoint: note }))).checkpoint;
      } catch (error) {
        // Another one was added meanwhile.
        if (!(error instanceof WitnessError && error.code === 'witness-conflict')) throw error;
      }
    }
  }

  /** Compares a checkpoint with what is known already. @throws WitnessError `mirror-fork` */
  async #compare(shown: SeenCheckpoint, newest: SeenCheckpoint): Promise<void> {
    const { size, root, note } = shown;
    const { replica } = this.#options;
    const same = (await this.all()).find((known) => known.size === size);
    if (same !== undefined) {
      if (!equalBytes(same.root, root)) throw await this.#forked({ kind: 'two-roots', notes: [same.note, note] });
      return;
    }
    // What is neither stored nor was seen says nothing yet.
    if (size > replica.next) return;
    const stored = await replica.storedRoot(size);
    if (equalBytes(stored, root)) return;
    const published = replica.published();
    if (published === undefined || published.size < size) {
      throw await this.#forked({ kind: 'unproven', notes: [note, newest.note], proof: [] });
    }
    const { proof } = await replica.proveConsistency(size, published.size);
    const later = onlyLinesBy(published.note, this.keys);
    throw await this.#forked({ kind: 'rewritten', notes: [note, later], root: stored, proof });
  }

  /** Keeps what shows that the log has two histories, and makes the error of it. */
  async #forked(found: Pick<Finding, 'kind' | 'notes' | 'root' | 'proof'>): Promise<WitnessError> {
    const [earlier, later] = found.notes.map((note) => this.open(note).checkpoint.size);
    const reason = `the log signed a tree of ${later} entries that did not grow from its tree of ${earlier}`;
    const { replica, now, onFinding } = this.#options;
    const finding = { ...found, origin: replica.origin, keys: this.keys, time: now(), reason };
    await this.evidence.keep(finding);
    onFinding?.(finding);
    return new WitnessError('mirror-fork', `${replica.origin}: ${reason}: see ${this.evidence.directory}`);
  }

  /** Without the log's key of type 0x01 it could not be published. https://c2sp.org/tlog-tiles#checkpoints */
  #checkSigned({ signatures }: SeenCheckpoint): void {
    const { key } = this.#options.replica;
    if (signatures.some((line) => isLineOf(line, key))) return;
    throw new WitnessError('witness-signature', `the key of ${key.keyName} of type 0x01 did not sign the checkpoint`);
  }

  async #check(): Promise<void> {
    const { replica, state } = this.#options;
    const newest = await this.newest();
    const published = replica.published();
    if (newest === undefined && published !== undefined && published.size >= replica.next) {
      // The copy was taken from elsewhere, without what was seen there: it is whole by itself.
      const seen = seenCheckpoint(this.open(published.note));
      return state.exclusive(replica.origin, () => state.add(seen));
    }
    const isBehind = (newest?.size ?? 0) < replica.next;
    const isOther = newest?.size === replica.next && !equalBytes(await replica.storedRoot(newest.size), newest.root);
    if (!isBehind && !isOther) return;
    throw new WitnessError(
      'state-corrupt',
      `${state.directory} does not have the checkpoint of ${replica.origin} by which the entries of the mirror were ` +
        'authenticated: put it back, or copy the log again',
    );
  }
}
