import { formatCheckpoint } from '../note/checkpoint.ts';
import { openCheckpoint } from '../note/open-checkpoint.ts';
import { formatSignedNote, parseSignedNote, renewSignatures, signNote } from '../note/signed-note.ts';
import type { Signer } from '../note/signer.ts';
import { parseVkey, type VerifierKey } from '../note/vkey.ts';
import { isCosigned } from './cosigned.ts';
import type { LogDescription } from './description.ts';
import type { Head, Store } from './store.ts';

/** A checkpoint of this log. */
export interface LogCheckpoint extends Head {
  /** The signed note. */
  readonly note: Uint8Array;
}

/** The checkpoints that a log keeps. */
export interface LogCheckpoints {
  /** The newest one. */
  readonly signed?: LogCheckpoint;
  /** The newest one with signatures of others than the log, which can be older. */
  readonly cosigned?: LogCheckpoint;
}

// Some thousand commits of few entries, and one or two of many.
const UNCOSIGNED_ENTRIES = 4096;

/** Signs a log's heads, and keeps the newest checkpoints in memory and in the store. */
export class CheckpointKeeper {
  readonly #store: Store;
  readonly #key: VerifierKey;
  /** All keys of the log: signatures by them are not somebody else's. */
  readonly #own: readonly VerifierKey[];
  #current: LogCheckpoints;
  #stored: LogCheckpoints;
  #unstored: LogCheckpoints = {};
  #storing: Promise<void> | undefined;

  constructor(store: Store, { vkeys }: LogDescription, key: VerifierKey, current: LogCheckpoints) {
    this.#store = store;
    this.#key = key;
    this.#own = vkeys.map(parseVkey);
    this.#current = current;
    this.#stored = current;
  }

  /**
   * Entries in the oldest checkpoint that is kept, or is about to be: what is needed to prove by it must not go. As long as
   * nobody has cosigned any, those of a while ago count as kept too, because the first cosignature takes its time.
   */
  get oldest(): number {
    const signed = this.#stored.signed?.size ?? 0;
    const cosigned = [this.#stored.cosigned, this.#current.cosigned].filter((one) => one !== undefined);
    if (cosigned.length === 0) return Math.max(0, signed - UNCOSIGNED_ENTRIES);
    return Math.min(signed, ...cosigned.map(({ size }) => size));
  }

  get current(): LogCheckpoints {
    return this.#current;
  }

  /** Signs a head that is stored. */
  async sign(head: Head, signer: Signer): Promise<LogCheckpoint> {
    const origin = this.#key.keyName;
    const text = formatCheckpoint({ origin, ...head, extensions: [] });
    const note = formatSignedNote(await signNote(text, [signer]));
    // A signer that is broken, or a fault while it computed, must not get a note into the world.
    openCheckpoint(note, { origin, keys: [this.#key] });
    const signed = { ...head, note };
    this.#current = { ...this.#current, signed };
    this.#keep({ signed: { ...head, note: note.slice() } });
    return signed;
  }

  /**
   * Adds the signatures of a checkpoint of this log, which the caller has verified, to those that are there for its tree. A
   * key that signs again replaces its line.
   *
   * @param becomesCosigned whether it becomes the newest cosigned one, if it is that
   */
  add({ size, root, note }: LogCheckpoint, becomesCosigned = true): LogCheckpoint {
    const { signed, cosigned } = this.#current;
    const parsed = parseSignedNote(note);
    const known = [cosigned, signed].find((other) => other?.size === size);
    const merged = known === undefined ? parsed : renewSignatures(parseSignedNote(known.note), parsed.signatures);
    const added = { size, root, note: formatSignedNote(merged) };
    if (signed?.size === size) {
      this.#current = { ...this.#current, signed: added };
      this.#keep({ signed: added });
    }
    if (becomesCosigned && isCosigned(merged, this.#own) && (cosigned?.size ?? 0) <= size) {
      this.#current = { ...this.#current, cosigned: added };
      this.#keep({ cosigned: added });
    }
    return added;
  }

  /**
   * Takes over a checkpoint of this log, which the caller has verified, as the newest one, with the signatures that it has.
   * Nobody can read it before it is stored.
   *
   * @throws CoreError `store-io`
   */
  async adopt({ size, root, note }: LogCheckpoint): Promise<LogCheckpoint> {
    const adopted = { size, root, note: note.slice() };
    const cosigned = isCosigned(parseSignedNote(note), this.#own) ? adopted : undefined;
    await this.#store.publish({ signed: adopted.note, ...(cosigned && { cosigned: adopted.note }) });
    this.#current = { ...this.#current, signed: adopted, ...(cosigned && { cosigned }) };
    this.#stored = this.#current;
    return adopted;
  }

  /** Resolves once everything that is kept is stored. @throws CoreError `store-io` if that failed, now or before */
  async stored(): Promise<void> {
    await this.#storing;
  }

  /**
   * Has the store keep checkpoints, one write at a time and only the newest ones. Appending does not wait for that: what
   * is lost is signed again when the log is opened.
   */
  #keep(checkpoints: LogCheckpoints): void {
    this.#unstored = { ...this.#unstored, ...checkpoints };
    this.#storing ??= this.#storeAll();
    this.#storing.catch(() => {});
  }

  async #storeAll(): Promise<void> {
    while (Object.keys(this.#unstored).length > 0) {
      const checkpoints = this.#unstored;
      this.#unstored = {};
      const { signed, cosigned } = checkpoints;
      await this.#store.publish({
        ...(signed && { signed: signed.note }),
        ...(cosigned && { cosigned: cosigned.note }),
      });
      this.#stored = { ...this.#stored, ...checkpoints };
    }
    this.#storing = undefined;
  }
}
