import type { VerifierKey } from '../note/vkey.ts';

/**
 * The entries of a log and what its admission derived from them. Handed to an {@link Admission} it shows the log as it
 * will be just before the entry that is judged, and only until the judgement is made: entries on their way into the log
 * are there as if they were durable. A `Log` shows what is durable.
 */
export interface LogView {
  readonly origin: string;
  /** The key that signs the log's checkpoints. */
  readonly key: VerifierKey;
  /** Entries that it has: the index of the entry that is judged. */
  readonly size: number;
  /** The entry at `index`: a copy. @throws CoreError `log-range`, `log-corrupt` */
  entry(index: number): Promise<Uint8Array>;
  /** The leaf hash of the entry at `index`: a copy. @throws CoreError `log-range`, `log-corrupt` */
  leafHash(index: number): Promise<Uint8Array>;
  /** The index of the entry with this leaf hash, or undefined if there is none. @throws CoreError `log-corrupt` */
  indexOf(leafHash: Uint8Array): Promise<number | undefined>;
  /** What the admission said last of this key, or undefined if it never did: a copy. */
  derived(key: Uint8Array): Promise<Uint8Array | undefined>;
}

/** A key that an {@link Admission} derives from an entry, and the value that replaces the one that it has. */
export type DerivedPair = readonly [key: Uint8Array, value: Uint8Array];

/**
 * Judges what a log of statements takes. Knows the log by its entries alone, so that whoever has them, `fsck` for
 * instance, comes to the same judgement: no clock, no memory of its own that would matter.
 */
export interface Admission {
  /**
   * Resolves to what is to be derived from the entry, which is stored together with it. Rejects to refuse the entry, and
   * with it all that were to be appended together; whoever wanted to append them gets the error as it is.
   *
   * Called for one entry after the other, for none that the log has already, and for none before the judgement of the one
   * before it.
   *
   * @param entry 1 to 65,535 bytes, not to be changed
   */
  admit(entry: Uint8Array, leafHash: Uint8Array, log: LogView): Promise<Iterable<DerivedPair>>;
}

/** First byte of the derived keys that are an admission's own. */
export const ADMISSION_KEY_PREFIX = 0x61;

/** An admission's key as the store has it. */
export function admissionKey(key: Uint8Array): Uint8Array {
  const prefixed = new Uint8Array(1 + key.length);
  prefixed[0] = ADMISSION_KEY_PREFIX;
  prefixed.set(key, 1);
  return prefixed;
}
