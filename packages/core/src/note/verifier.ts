import type { NoteText } from './note-text.ts';
import type { VerifierKey } from './vkey.ts';

/** A known key: verifies the signature lines that have its name and ID. */
export interface Verifier extends VerifierKey {
  /** Whether `signature` (a line's bytes after the key ID) is this key's signature of a note's text. */
  verify(note: NoteText, signature: Uint8Array): boolean;
}
