import { addSignatures, formatSignedNote, type NoteSignature, parseSignedNote } from '@vitrine/core';

/** A note with more signature lines. */
export function addSignatureLines(note: Uint8Array, lines: readonly NoteSignature[]): Uint8Array {
  return formatSignedNote(addSignatures(parseSignedNote(note), lines));
}
