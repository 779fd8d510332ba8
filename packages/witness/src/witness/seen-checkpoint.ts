import {
  CoreError,
  encodeCbor,
  formatCheckpoint,
  formatSignedNote,
  formatVkey,
  loadSchemes,
  MAX_NOTE_SIZE,
  type NoteSignature,
  type OpenedCheckpoint,
  openCheckpoint,
  parseVkey,
  type VerifierKey,
} from '@vitrine/core';
import { anyText, list, octetsUpTo, Place, record } from '@vitrine/core/schema';
import { WitnessError } from '../error.ts';

/** A checkpoint that its log signed, and nothing in it that the log did not sign. */
export interface SeenCheckpoint {
  readonly origin: string;
  readonly size: number;
  readonly root: Uint8Array;
  /** The text of the note. */
  readonly text: string;
  /** One signature of each key of the log that signed. */
  readonly signatures: readonly NoteSignature[];
  /** The signed note: {@link text} and {@link signatures}. */
  readonly note: Uint8Array;
  /** The keys of the log that are needed to verify it, and those that were needed for earlier ones. */
  readonly keys: readonly VerifierKey[];
}

// More than any log changes its keys.
const MAX_KEYS = 64;

const stored = record<{ readonly note: Uint8Array; readonly vkeys: readonly string[] }>({
  note: octetsUpTo(MAX_NOTE_SIZE),
  vkeys: list(anyText, { min: 1, max: MAX_KEYS }),
});

/**
 * What is kept of a checkpoint: lines of other keys than the log's are left out, and extension lines that no signature of
 * the log covers, which anybody may have put there. https://c2sp.org/tlog-cosignature#ml-dsa-44-signed-message
 *
 * @param earlier the checkpoint that this one follows
 */
export function seenCheckpoint(opened: OpenedCheckpoint, earlier?: SeenCheckpoint): SeenCheckpoint {
  const { checkpoint, note } = opened;
  const text = formatCheckpoint(checkpoint);
  const signatures = note.verified.map(({ verifier, signatures: [signature] }) => ({
    keyName: verifier.keyName,
    keyId: verifier.keyId,
    signature: signature!,
  }));
  const keys = new Map<string, VerifierKey>();
  for (const { keyName, keyId, type, publicKey } of note.verified.map(({ verifier }) => verifier)) {
    const key = { keyName, keyId, type, publicKey };
    keys.set(formatVkey(key), key);
  }
  for (const key of earlier?.keys ?? []) if (keys.size < MAX_KEYS) keys.set(formatVkey(key), key);
  const { origin, size, root } = checkpoint;
  const bytes = formatSignedNote({ text, signatures });
  return { origin, size, root, text, signatures, note: bytes, keys: Array.from(keys.values()) };
}

/** How a checkpoint stands in the state. */
export function encodeSeen({ note, keys }: SeenCheckpoint): Uint8Array {
  const place = new Place((message) => new RangeError(message), 'the checkpoint');
  return encodeCbor(stored.write({ note, vkeys: keys.map(formatVkey) }, place));
}

/**
 * Reads a checkpoint out of the state, and verifies it again.
 *
 * @param what names it in errors
 * @throws WitnessError `state-corrupt`
 */
export async function decodeSeen(bytes: Uint8Array, what: string): Promise<SeenCheckpoint> {
  const place = new Place((message, cause) => new WitnessError('state-corrupt', message, { cause }), what);
  const { note, vkeys } = stored.read(place.decode(bytes), place);
  try {
    const keys = vkeys.map(parseVkey);
    const schemes = await loadSchemes(keys.map(({ type }) => type));
    const opened = openCheckpoint(note, { origin: keys[0]!.keyName, keys, schemes });
    return { ...seenCheckpoint(opened), keys };
  } catch (cause) {
    if (!(cause instanceof CoreError)) throw cause;
    throw new WitnessError('state-corrupt', `${what}: ${cause.message}`, { cause });
  }
}
