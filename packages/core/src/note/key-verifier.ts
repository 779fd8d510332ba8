import { cosignatureVerifier } from './cosignature.ts';
import { ed25519Verifier } from './ed25519.ts';
import { KEY_TYPE_ED25519 } from './key-type.ts';
import { isLineOf } from './signature-line.ts';
import type { SchemeOptions } from './signature-scheme.ts';
import type { SignedNote } from './signed-note.ts';
import type { Verifier } from './verifier.ts';
import type { VerifierKey } from './vkey.ts';

/**
 * The verifier of a key of type 0x01, 0x04 or 0x06 (which needs `schemes`).
 *
 * @throws CoreError `key-type` for other types, or a scheme that was not passed in; `key-malformed`
 */
export function verifierOf(vkey: VerifierKey, options: SchemeOptions = {}): Verifier {
  return vkey.type === KEY_TYPE_ED25519 ? ed25519Verifier(vkey) : cosignatureVerifier(vkey, options);
}

/**
 * The verifiers of those keys that have a line in the note: a key that did not sign needs no scheme.
 *
 * @throws CoreError as {@link verifierOf}
 */
export function verifiersOf(note: SignedNote, keys: readonly VerifierKey[], options: SchemeOptions): Verifier[] {
  return keys
    .filter((key) => note.signatures.some((line) => isLineOf(line, key)))
    .map((key) => verifierOf(key, options));
}
