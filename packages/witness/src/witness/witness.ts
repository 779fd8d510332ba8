import {
  type Cosigner,
  cosign,
  equalBytes,
  fitsCosignedMessage,
  formatSignedNote,
  KEY_TYPE_ED25519_COSIGNATURE,
  KEY_TYPE_ML_DSA_44_COSIGNATURE,
  type NoteSignature,
  quote,
  type VerifierKey,
} from '@vitrine/core';
import { WitnessError } from '../error.ts';
import { type AddCheckpointOptions, type AddedCheckpoint, addCheckpoint } from './add-checkpoint.ts';
import type { CosignedNote } from './cosigned-note.ts';
import { Evidence, type Kept } from './evidence.ts';
import type { Finding } from './finding.ts';
import { refusing } from './refusing.ts';
import { givenFor, hasLess, mergeSameTree } from './same-tree.ts';
import type { SeenCheckpoint } from './seen-checkpoint.ts';
import { signSubtree } from './sign-subtree.ts';
import { type Rate, TokenBuckets } from './token-buckets.ts';
import { WitnessState } from './witness-state.ts';

/** What a witness is made of. */
export interface WitnessOptions {
  /** Where its state is. */
  readonly directory: string;
  /** Its keys, types 0x04 and 0x06, at least one: each cosigns. */
  readonly cosigners: readonly Cosigner[];
  readonly keysOf: AddCheckpointOptions['keysOf'];
  /** Seconds since the Epoch. */
  now(): number;
  /** How fast a log may grow, and how fast what was cosigned of one tree may change. */
  readonly growth?: Rate | undefined;
  /** Seconds for which a cosignature of the same checkpoint is given again, before a new one is made. */
  readonly renewAfter?: number | undefined;
  readonly onFinding?: ((finding: Finding, kept: Kept) => void) | undefined;
}

/** What a witness answered. */
export interface Cosigned {
  readonly added: AddedCheckpoint;
  /** One of each key that cosigns this log. */
  readonly cosignatures: readonly NoteSignature[];
  /** Seconds since the Epoch, never 0. */
  readonly time: number;
}

const GROWTH: Rate = { perSecond: 10, burst: 100 };
/** Anybody can ask for subtrees of a log, and can use this up. */
const SUBTREES: Rate = { perSecond: 10, burst: 100 };
const RENEW_AFTER = 5;
/** A clock that is set back by more than this, in seconds, is out of order. */
const MAX_SETBACK = 300;
/** Bytes of a cosignature with its time, by type. https://c2sp.org/tlog-cosignature */
const SIGNATURE_SIZE: Readonly<Record<number, number>> = {
  [KEY_TYPE_ED25519_COSIGNATURE]: 72,
  [KEY_TYPE_ML_DSA_44_COSIGNATURE]: 2428,
};

/**
 * A witness: it vouches that a log showed it one tree, which only ever grew. It cosigns what it has stored, and nothing that
 * contradicts it, whatever crashes, races or restarts. https://c2sp.org/tlog-witness
 */
export class Witness implements AsyncDisposable {
  readonly state: WitnessState;
  readonly #cosigners: readonly Cosigner[];
  readonly #options: AddCheckpointOptions;
  readonly #now: () => number;
  readonly #renewAfter: number;
  readonly #growth: TokenBuckets;
  readonly #renewals: TokenBuckets;
  readonly #subtrees: TokenBuckets;

  private constructor(state: WitnessState, options: WitnessOptions) {
    const { cosigners, keysOf, now, growth = GROWTH, renewAfter = RENEW_AFTER, onFinding } = options;
    this.state = state;
    this.#cosigners = cosigners;
    this.#now = now;
    this.#renewAfter = renewAfter;
    this.#growth = new TokenBuckets(growth, () => performance.now());
    this.#renewals = new TokenBuckets(growth, () => performance.now());
    this.#subtrees = new TokenBuckets(SUBTREES, () => performance.now());
    this.#options = {
      state,
      evidence: new Evidence(state.directory),
      keysOf,
      now,
      admit: (added) => this.#admit(added),
      ...(onFinding && { onFinding }),
    };
  }

  /**
   * Opens the state of a witness.
   *
   * @throws WitnessError as `WitnessState.open`; `witness-key` if one key is there twice
   * @throws RangeError without a key
   */
  static async open(options: WitnessOptions): Promise<Witness> {
    const { directory, cosigners } = options;
    if (cosigners.length === 0) throw new RangeError('a witness has at least one key');
    const keys = cosigners.map(({ vkey }) => vkey);
    checkDistinct(keys);
    return new Witness(await WitnessState.open(directory, { cosigners: keys }), options);
  }

  /** Its keys. */
  get keys(): readonly VerifierKey[] {
    return this.#cosigners.map(({ vkey }) => vkey);
  }

  /**
   * Handles the body of an add-checkpoint request: cosigns the checkpoint if the log grew to it, once that is stored.
   *
   * @throws WitnessError as `addCheckpoint`; `witness-limit` if the log grows too fast, or one tree of it is shown in too many ways;
   * `witness-clock` if the clock went back
   */
  async addCheckpoint(body: Uint8Array): Promise<Cosigned> {
    return addCheckpoint(body, this.#options, (added) => this.#cosign(added));
  }

  /**
   * Handles the body of a sign-subtree request, without a time: cosigns a part of the tree of a checkpoint that this witness
   * cosigned.
   *
   * @throws WitnessError as `signSubtree`; `witness-limit`
   */
  async signSubtree(body: Uint8Array): Promise<readonly NoteSignature[]> {
    return signSubtree(body, {
      cosigners: this.#cosigners,
      isKnown: async (origin) => (await this.#options.keysOf(origin)).length > 0,
      admit: (origin) => take(this.#subtrees, origin, 'too many subtrees are to be cosigned at one time'),
    });
  }

  /**
   * The newest checkpoint that was cosigned, of the log whose origin has this hash, with the cosignatures that were given for it;
   * undefined if none was. https://c2sp.org/tlog-witness#monitor-retrieval-mechanism
   *
   * @throws WitnessError with `state-` codes
   */
  async checkpoint(originHash: string): Promise<Uint8Array | undefined> {
    return (await this.state.cosignedByHash(originHash))?.note;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.state[Symbol.asyncDispose]();
  }

  /** Before anything is stored: what could not be cosigned must not be what the log is held to. */
  #admit(added: AddedCheckpoint): void {
    const { origin, text, signatures } = added.checkpoint;
    const lines = this.#cosignersOf(added).map(({ vkey: { keyName, keyId, type } }) => ({
      keyName,
      keyId,
      signature: new Uint8Array(SIGNATURE_SIZE[type]!),
    }));
    refusing('witness-request', () => formatSignedNote({ text, signatures: [...signatures, ...lines] }));
    if (added.isNew) take(this.#growth, origin, `${origin} grows too fast for this witness`);
  }

  /**
   * The keys that cosign this checkpoint. A cosignature of type 0x04 covers extension lines, so there have to be none but what
   * the log signed; one of type 0x06 does not, and has no room for a long origin.
   *
   * @param same what was cosigned of the same tree
   */
  #cosignersOf({ checkpoint, isWhole }: AddedCheckpoint, same?: CosignedNote): readonly Cosigner[] {
    const { origin } = checkpoint;
    const coversText = isWhole && (same === undefined || !hasLess(checkpoint, same));
    const cosigners = this.#cosigners.filter(({ vkey }) =>
      vkey.type === KEY_TYPE_ED25519_COSIGNATURE ? coversText : fitsCosignedMessage(origin),
    );
    if (cosigners.length > 0) return cosigners;
    let why = 'its extension lines are not covered by a signature of the log';
    if (coversText) why = 'an ML-DSA-44 cosignature has no room for an origin of more than 255 bytes';
    else if (isWhole) why = 'the log has signed this tree with other extension lines';
    throw new WitnessError('witness-signature', `no key of this witness can cosign the checkpoint: ${why}`);
  }

  async #cosign(added: AddedCheckpoint): Promise<Cosigned> {
    const { checkpoint, isNew } = added;
    const { origin, text } = checkpoint;
    const before = await this.state.cosigned(origin);
    // Its root is that of the checkpoint, or there would have been no consistency.
    const same = before?.size === checkpoint.size ? before : undefined;
    const cosigners = this.#cosignersOf(added, same);
    const given = same && this.#givenAlready(checkpoint, same, cosigners);
    if (given !== undefined) return { added, ...given };
    // Whoever has checkpoints of one tree with different lines can send them in turn, and must not use up what the log may grow.
    if (!isNew) take(this.#renewals, origin, `checkpoints of one tree of ${origin} come too fast for this witness`);

    // After the checkpoint was stored: nothing larger was seen by then.
    const time = this.#timeAfter(before, origin);
    const cosignatures: NoteSignature[] = [];
    for (const cosigner of cosigners) cosignatures.push(await cosign({ text, cosigner, time }));
    const note =
      same === undefined
        ? formatSignedNote({ text, signatures: [...checkpoint.signatures, ...cosignatures] })
        : mergeSameTree(checkpoint, same, cosignatures);
    // It verifies them: a key that is broken must not get a cosignature into the world. If the process dies before this is done,
    // nobody has them; the next request gets others.
    await this.state.keepCosigned(origin, note);
    return { added, cosignatures, time };
  }

  /**
   * What was given for this tree a moment ago, or at a time that is still to come because the clock was set back. Whoever repeats a
   * request must not keep the witness busy.
   */
  #givenAlready(
    checkpoint: SeenCheckpoint,
    same: CosignedNote,
    cosigners: readonly Cosigner[],
  ): ReturnType<typeof givenFor> {
    const given = givenFor(
      checkpoint,
      same,
      cosigners.map(({ vkey }) => vkey),
    );
    if (given === undefined) return undefined;
    const age = this.#now() - given.time;
    return age >= -MAX_SETBACK && age < this.#renewAfter ? given : undefined;
  }

  /** Now, and never before what this witness said of the log: a tree that it had seen is not the largest at an earlier time. */
  #timeAfter(before: CosignedNote | undefined, origin: string): number {
    const now = this.#now();
    const last = before?.time ?? 1;
    if (now + MAX_SETBACK < last) {
      throw new WitnessError(
        'witness-clock',
        `the clock says ${now}, and this witness cosigned ${origin} at ${last}: one of them is wrong`,
      );
    }
    return Math.max(now, last);
  }
}

/** Also under two names one key is one cosigner. https://c2sp.org/tlog-cosignature */
function checkDistinct(keys: readonly VerifierKey[]): void {
  for (const [i, key] of keys.entries()) {
    const other = keys.slice(0, i).find(({ publicKey }) => equalBytes(publicKey, key.publicKey));
    if (other === undefined) continue;
    throw new WitnessError(
      'witness-key',
      `one key is there twice, as ${quote(other.keyName)} and ${quote(key.keyName)}`,
    );
  }
}

/** @throws WitnessError `witness-limit` */
function take(buckets: TokenBuckets, name: string, message: string): void {
  const found = buckets.take(name);
  if (!found.taken) throw new WitnessError('witness-limit', message, { retryAfter: found.retryAfter });
}
