import { isLineOf } from '../note/signature-line.ts';
import type { SignedNote } from '../note/signed-note.ts';
import type { VerifierKey } from '../note/vkey.ts';

/** Whether a note has a line of another key than these, which are all that its log has. */
export function isCosigned({ signatures }: SignedNote, own: readonly VerifierKey[]): boolean {
  return signatures.some((line) => !own.some((key) => isLineOf(line, key)));
}
