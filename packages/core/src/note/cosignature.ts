import { CoreError } from '../error.ts';
import { checkEmptyRoot } from './checkpoint.ts';
import { ed25519CosignedMessage, fitsCosignedMessage, mlDsaCosignedMessage } from './cosigned-message.ts';
import { type Cosigner, checkCosignatureType } from './cosigner.ts';
import { KEY_TYPE_ED25519_COSIGNATURE } from './key-type.ts';
import { NoteText } from './note-text.ts';
import { isLineOf, type LineKey, type NoteSignature } from './signature-line.ts';
import { type SchemeOptions, schemeOf } from './signature-scheme.ts';
import type { SignedNote } from './signed-note.ts';
import {
  formatTimestampedSignature,
  parseTimestampedSignature,
  type TimestampedSignature,
} from './timestamped-signature.ts';
import type { Verifier } from './verifier.ts';
import { checkVerifierKey, type VerifierKey } from './vkey.ts';

/** A checkpoint to be cosigned. */
export interface CosignRequest {
  /** The text of the checkpoint, with its final newline. */
  readonly text: string;
  readonly cosigner: Cosigner;
  /** Seconds since the Epoch; for type 0x06 also 0, which says nothing about time. */
  readonly time: number;
}

/**
 * The seconds since the Epoch at which a cosignature says it was made; 0 means that it says nothing about time. Beyond
 * 2^53, some 285 million years, the number is rounded: it stays far in the future.
 *
 * @throws CoreError `cosignature-malformed`
 */
export function cosignatureTime(signature: Uint8Array): number {
  return Number(parseTimestampedSignature(signature).timestamp);
}

/**
 * The time of the newest cosignature that a note has by a key, as {@link cosignatureTime} gives it; undefined if it has none. Nothing
 * is verified.
 *
 * @throws CoreError `cosignature-malformed`
 */
export function lastCosigned({ signatures }: Pick<SignedNote, 'signatures'>, key: LineKey): number | undefined {
  const times = signatures.filter((line) => isLineOf(line, key)).map(({ signature }) => cosignatureTime(signature));
  return times.length === 0 ? undefined : Math.max(...times);
}

/** @throws CoreError `checkpoint-malformed`, `cosignature-malformed` */
function cosignedMessage(key: VerifierKey, note: NoteText, timestamp: bigint): Uint8Array {
  // Also where the message is the text as it is: only checkpoints are cosigned.
  const { origin, size, root } = note.checkpoint;
  if (key.type === KEY_TYPE_ED25519_COSIGNATURE) return ed25519CosignedMessage(note.bytes, timestamp);
  return mlDsaCosignedMessage({ cosignerName: key.keyName, timestamp, origin, start: 0, end: size, root });
}

/**
 * Cosigns a checkpoint and returns the signature line. Whoever cosigns states that the tree is consistent with all that it
 * has seen of this log, and with a time that it is the largest: make sure first. https://c2sp.org/tlog-cosignature
 *
 * @throws CoreError `checkpoint-malformed`, `checkpoint-root`; `cosignature-malformed` if the origin is too long for type 0x06; `key-type`
 * @throws RangeError if `time` is not a safe integer from 0, or 0 for type 0x04
 */
export async function cosign({ text, cosigner, time }: CosignRequest): Promise<NoteSignature> {
  const { vkey } = cosigner;
  checkCosignatureType(vkey.type);
  const first = vkey.type === KEY_TYPE_ED25519_COSIGNATURE ? 1 : 0;
  if (!Number.isSafeInteger(time) || time < first)
    throw new RangeError(`time must be an integer from ${first}, in seconds`);
  const timestamp = BigInt(time);
  const note = new NoteText(text);
  checkEmptyRoot(note.checkpoint);
  const signature = await cosigner.sign(cosignedMessage(vkey, note, timestamp));
  return { keyName: vkey.keyName, keyId: vkey.keyId, signature: formatTimestampedSignature({ timestamp, signature }) };
}

/**
 * Verifies cosignatures of whole checkpoints, types 0x04 and 0x06 (which needs `schemes`). A cosignature of type 0x06 with
 * the time 0 is valid: it says that the tree is consistent, not that it was the largest. It counts for a quorum, and never
 * for freshness. A text that is no checkpoint has no valid cosignature. https://c2sp.org/tlog-cosignature
 *
 * @throws CoreError `key-type` for a key of another type, or one whose scheme was not passed in; `key-malformed`
 */
export function cosignatureVerifier(vkey: VerifierKey, options: SchemeOptions = {}): Verifier {
  checkCosignatureType(vkey.type);
  checkVerifierKey(vkey);
  const scheme = schemeOf(vkey.type, options);
  if (vkey.type !== KEY_TYPE_ED25519_COSIGNATURE && !fitsCosignedMessage(vkey.keyName)) {
    throw new CoreError('key-malformed', 'the key name of an ML-DSA-44 key has at most 255 bytes');
  }
  const { keyName, keyId, type, publicKey } = vkey;
  const verify = (note: NoteText, signature: Uint8Array): boolean => {
    let timestamped: TimestampedSignature;
    let message: Uint8Array;
    try {
      timestamped = parseTimestampedSignature(signature);
      message = cosignedMessage(vkey, note, timestamped.timestamp);
    } catch (error) {
      if (error instanceof CoreError) return false;
      throw error;
    }
    return scheme.verify(publicKey, message, timestamped.signature);
  };
  return { keyName, keyId, type, publicKey, verify };
}
