import { ed25519Sign, ed25519Verify } from '#ed25519';
import { CoreError } from '../error.ts';
import { formatKeyType, KEY_TYPE_ED25519 } from './key-type.ts';
import type { PrivateKey } from './private-key.ts';
import type { Signer } from './signer.ts';
import type { Verifier } from './verifier.ts';
import { checkVerifierKey, type VerifierKey } from './vkey.ts';

function checkType({ type }: VerifierKey): void {
  if (type !== KEY_TYPE_ED25519) {
    throw new CoreError('key-type', `expected an Ed25519 key of type 0x01, found type ${formatKeyType(type)}`);
  }
}

/**
 * Verifies plain Ed25519 signatures, type 0x01. https://c2sp.org/signed-note#ed25519-signatures
 *
 * @throws CoreError `key-type` for a key of another type, `key-malformed`
 */
export function ed25519Verifier(vkey: VerifierKey): Verifier {
  checkType(vkey);
  checkVerifierKey(vkey);
  const { keyName, keyId, type, publicKey } = vkey;
  return {
    keyName,
    keyId,
    type,
    publicKey,
    verify: (note, signature) => ed25519Verify(publicKey, note.bytes, signature),
  };
}

/**
 * Makes plain Ed25519 signatures, type 0x01; the same message gives the same signature.
 * https://c2sp.org/signed-note#ed25519-signatures
 *
 * @throws CoreError `key-type` for a key of another type
 */
export function ed25519Signer({ vkey, seed }: PrivateKey): Signer {
  checkType(vkey);
  return { keyName: vkey.keyName, keyId: vkey.keyId, sign: (message) => ed25519Sign(message, seed) };
}
