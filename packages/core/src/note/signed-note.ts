import {
  checkNoteSize,
  isLineOf,
  isSameLine,
  malformedNote,
  type NoteSignature,
  readSignatureLines,
  writeSignatureLines,
} from './signature-line.ts';
import type { Signer } from './signer.ts';
import { decodeUtf8, encodeUtf8, isNoteText } from './text.ts';

/** A note that was read but not verified: `openNote` does that. https://c2sp.org/signed-note#format */
export interface SignedNote {
  /** With its final newline, without the empty line that follows. */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

function checkText(text: string): void {
  if (!isNoteText(text)) throw malformedNote('a note has no control characters other than newline');
  if (!text.endsWith('\n')) throw malformedNote('the text of a note ends in a newline');
}

/**
 * Reads a note: exactly what {@link formatSignedNote} writes. The last empty line separates the text from the
 * signatures. https://c2sp.org/signed-note#format
 *
 * @throws CoreError `note-too-large` beyond `MAX_NOTE_SIZE` bytes; `note-malformed`
 */
export function parseSignedNote(bytes: Uint8Array): SignedNote {
  checkNoteSize(bytes.length);
  const note = decodeUtf8(bytes);
  if (note === undefined) throw malformedNote('a note is UTF-8');
  const split = note.lastIndexOf('\n\n');
  if (split < 0) throw malformedNote('no empty line separates the text of the note from its signatures');
  const text = note.slice(0, split + 1);
  checkText(text);
  return { text, signatures: readSignatureLines(note.slice(split + 2)) };
}

/**
 * Writes a note.
 *
 * @throws CoreError `note-malformed` if a note cannot hold this text or these signatures (1 to `MAX_NOTE_SIGNATURES`);
 * `note-too-large` beyond `MAX_NOTE_SIZE` bytes
 */
export function formatSignedNote({ text, signatures }: SignedNote): Uint8Array {
  checkText(text);
  const bytes = encodeUtf8(`${text}\n${writeSignatureLines(signatures)}`);
  checkNoteSize(bytes.length);
  return bytes;
}

/**
 * Signs `text`, which ends in a newline, with every signer, in their order. For plain signatures (type 0x01):
 * cosignatures are made by `cosign`.
 *
 * @throws CoreError `note-malformed`, `note-too-large` as {@link formatSignedNote}; what a signer throws
 */
export async function signNote(text: string, signers: readonly Signer[]): Promise<SignedNote> {
  checkText(text);
  const message = encodeUtf8(text);
  const signatures = await Promise.all(
    signers.map(async (signer) => ({
      keyName: signer.keyName,
      keyId: signer.keyId,
      signature: await signer.sign(message),
    })),
  );
  const note = { text, signatures };
  formatSignedNote(note);
  return note;
}

/**
 * The note with more signature lines. A line that is already there, byte for byte, is not added again. Nothing is
 * verified.
 *
 * @throws CoreError `note-malformed`, `note-too-large` as {@link formatSignedNote}
 */
export function addSignatures(note: SignedNote, signatures: readonly NoteSignature[]): SignedNote {
  const all: NoteSignature[] = [...note.signatures];
  for (const added of signatures) if (!all.some((known) => isSameLine(known, added))) all.push(added);
  const result = { text: note.text, signatures: all };
  formatSignedNote(result);
  return result;
}

/**
 * As {@link addSignatures}, but where a key signs again its earlier lines give way: a witness that cosigns one checkpoint
 * every hour must not fill the note. Nothing is verified.
 *
 * @throws CoreError `note-malformed`, `note-too-large` as {@link formatSignedNote}
 */
export function renewSignatures(note: SignedNote, signatures: readonly NoteSignature[]): SignedNote {
  const kept = note.signatures.filter((line) => {
    const again = signatures.filter((other) => isLineOf(other, line));
    return again.length === 0 || again.some((other) => isSameLine(line, other));
  });
  return addSignatures({ text: note.text, signatures: kept }, signatures);
}
