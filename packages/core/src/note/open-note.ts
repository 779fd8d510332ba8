import { equalBytes } from '../bytes/equal.ts';
import { CoreError } from '../error.ts';
import { NoteText } from './note-text.ts';
import type { NoteSignature } from './signature-line.ts';
import { parseSignedNote, type SignedNote } from './signed-note.ts';
import { quote } from './text.ts';
import type { Verifier } from './verifier.ts';
import { formatKeyId, type VerifierKey } from './vkey.ts';

/** A known key with what it signed a note with. */
export interface VerifiedSignatures {
  readonly verifier: Verifier;
  /** One for each of the key's lines, in their order, identical ones once: at least one, all of them valid. */
  readonly signatures: readonly Uint8Array[];
}

/** A note that at least one known key signed. */
export interface OpenedNote {
  readonly text: string;
  /** Each key once, in the order of its first line. */
  readonly verified: readonly VerifiedSignatures[];
  /** The lines of unknown keys. */
  readonly unverified: readonly NoteSignature[];
}

const idOf = ({ keyName, keyId }: { keyName: string; keyId: number }): string => `${keyName} ${formatKeyId(keyId)}`;

/** Whether both are the same key, for the same use, under the same name. */
export function isSameKey(a: VerifierKey, b: VerifierKey): boolean {
  return idOf(a) === idOf(b) && a.type === b.type && equalBytes(a.publicKey, b.publicKey);
}

/**
 * Verifies a note with the keys that are known. Every line with the name and ID of a known key must be valid; a key that
 * signed more than once stands in the result once, with all of its signatures (cosignatures differ in their times). Lines
 * of unknown keys are ignored. https://c2sp.org/signed-note#signatures
 *
 * @throws CoreError `note-too-large`, `note-malformed` as `parseSignedNote`; `note-signature` if a line of a known key is
 * not valid; `note-unsigned` if there is no line of a known key; `key-malformed` if two different keys share name and ID
 */
export function openNote(note: SignedNote | Uint8Array, verifiers: readonly Verifier[]): OpenedNote {
  const { text, signatures } = note instanceof Uint8Array ? parseSignedNote(note) : note;
  return verifySignatures(new NoteText(text), signatures, verifiers);
}

/** As {@link openNote}, of a note that was read. */
export function verifySignatures(
  note: NoteText,
  signatures: readonly NoteSignature[],
  verifiers: readonly Verifier[],
): OpenedNote {
  const known = new Map<string, Verifier>();
  for (const verifier of verifiers) {
    const other = known.get(idOf(verifier));
    if (other !== undefined && !isSameKey(verifier, other)) {
      throw new CoreError(
        'key-malformed',
        `two different keys are ${quote(verifier.keyName)} ${formatKeyId(verifier.keyId)}`,
      );
    }
    known.set(idOf(verifier), verifier);
  }

  const verified = new Map<Verifier, Uint8Array[]>();
  const unverified: NoteSignature[] = [];
  for (const line of signatures) {
    const verifier = known.get(idOf(line));
    if (verifier === undefined) {
      unverified.push(line);
      continue;
    }
    const earlier = verified.get(verifier) ?? [];
    if (earlier.some((signature) => equalBytes(signature, line.signature))) continue;
    if (!verifier.verify(note, line.signature)) {
      throw new CoreError(
        'note-signature',
        `the signature by ${quote(line.keyName)} ${formatKeyId(line.keyId)} is not valid`,
      );
    }
    verified.set(verifier, [...earlier, line.signature]);
  }
  if (verified.size === 0) {
    const signers = signatures.map(({ keyName, keyId }) => `${quote(keyName)} ${formatKeyId(keyId)}`).join(', ');
    throw new CoreError('note-unsigned', `no known key signed the note, only ${signers}`);
  }
  return {
    text: note.text,
    verified: Array.from(verified, ([verifier, list]) => ({ verifier, signatures: list })),
    unverified,
  };
}
