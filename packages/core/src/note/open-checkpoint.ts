import { CoreError } from '../error.ts';
import { type Checkpoint, checkEmptyRoot } from './checkpoint.ts';
import { formatKeyType, KEY_TYPE_ED25519, KEY_TYPE_ML_DSA_44_COSIGNATURE } from './key-type.ts';
import { verifiersOf } from './key-verifier.ts';
import { NoteText } from './note-text.ts';
import { isSameKey, type OpenedNote, verifySignatures } from './open-note.ts';
import type { SchemeOptions } from './signature-scheme.ts';
import { parseSignedNote, type SignedNote } from './signed-note.ts';
import { quote } from './text.ts';
import type { VerifierKey } from './vkey.ts';

/** What a checkpoint is verified with. */
export interface OpenCheckpointOptions extends SchemeOptions {
  /** The log whose checkpoint it must be. */
  readonly origin: string;
  /** The log's keys, types 0x01 and 0x06, with the origin as their name: one of them must have signed. */
  readonly keys: readonly VerifierKey[];
  /** Further keys, of witnesses for instance: where one signed, its signature must be valid. */
  readonly cosigners?: readonly VerifierKey[];
}

/** A checkpoint that its log signed. */
export interface OpenedCheckpoint {
  /** `extensions` is empty unless a key of type 0x01 signed: ML-DSA-44 does not cover them. */
  readonly checkpoint: Checkpoint;
  readonly note: OpenedNote;
  /** The key of the log that signed, the first one if several did. */
  readonly log: VerifierKey;
}

/** @throws CoreError `key-type` unless logs sign with keys of this type */
export function checkLogKeyType(type: number): void {
  if (type !== KEY_TYPE_ED25519 && type !== KEY_TYPE_ML_DSA_44_COSIGNATURE) {
    throw new CoreError('key-type', `expected a log's key of type 0x01 or 0x06, found type ${formatKeyType(type)}`);
  }
}

/**
 * Reads and verifies a checkpoint: it is of this origin, at least one of the log's keys signed it, and no signature line
 * of any key that was passed in is invalid. Type 0x06 needs `schemes`, if such a key has a line.
 * https://c2sp.org/tlog-checkpoint#signatures
 *
 * @throws CoreError `note-too-large`, `note-malformed`, `checkpoint-malformed`; `checkpoint-origin` if it is of another
 * log, or a key's name is another than the origin; `note-unsigned`, `note-signature`, `key-malformed` as `openNote`;
 * `key-type`; `checkpoint-root` if the log signed another root for the empty tree than it has
 */
export function openCheckpoint(bytes: Uint8Array, options: OpenCheckpointOptions): OpenedCheckpoint {
  return openSignedCheckpoint(readSignedCheckpoint(bytes), options);
}

/** A checkpoint that was read, once for all who look at it. Unverified. */
export interface SignedCheckpoint {
  readonly note: SignedNote;
  readonly text: NoteText;
}

/** @throws CoreError `note-too-large`, `note-malformed` */
export function readSignedCheckpoint(bytes: Uint8Array): SignedCheckpoint {
  const note = parseSignedNote(bytes);
  return { note, text: new NoteText(note.text) };
}

/** As {@link openCheckpoint}, of a checkpoint that was read. */
export function openSignedCheckpoint(
  { note: signed, text }: SignedCheckpoint,
  options: OpenCheckpointOptions,
): OpenedCheckpoint {
  const { origin, keys, cosigners = [] } = options;
  for (const { keyName, type } of keys) {
    checkLogKeyType(type);
    if (keyName !== origin) {
      throw new CoreError('checkpoint-origin', `${quote(keyName)} is not a key of the log ${quote(origin)}`);
    }
  }
  const { checkpoint } = text;
  if (checkpoint.origin !== origin) {
    throw new CoreError(
      'checkpoint-origin',
      `expected a checkpoint of ${quote(origin)}, found ${quote(checkpoint.origin)}`,
    );
  }
  const note = verifySignatures(text, signed.signatures, verifiersOf(signed, [...keys, ...cosigners], options));
  const logs = keys.filter((key) => note.verified.some(({ verifier }) => isSameKey(verifier, key)));
  const log = logs[0];
  if (log === undefined)
    throw new CoreError('note-unsigned', `no known key of the log ${quote(origin)} signed the checkpoint`);
  checkEmptyRoot(checkpoint);
  const coversText = logs.some(({ type }) => type === KEY_TYPE_ED25519);
  return { checkpoint: coversText ? checkpoint : { ...checkpoint, extensions: [] }, note, log };
}
