import { CoreError } from '../error.ts';
import { formatKeyType, KEY_TYPE_ED25519_COSIGNATURE, KEY_TYPE_ML_DSA_44_COSIGNATURE } from './key-type.ts';
import type { PrivateKey } from './private-key.ts';
import { type SchemeOptions, schemeOf } from './signature-scheme.ts';
import type { VerifierKey } from './vkey.ts';

/** Holds a cosignature key (0x04 or 0x06), or asks something that does. Not a `Signer`: it signs no notes. */
export interface Cosigner {
  readonly vkey: VerifierKey;
  /** The bare signature of `message`, 64 bytes for Ed25519 and 2,420 for ML-DSA-44. */
  sign(message: Uint8Array): Uint8Array | Promise<Uint8Array>;
}

/** @throws CoreError `key-type` unless keys of this type make cosignatures */
export function checkCosignatureType(type: number): void {
  if (type !== KEY_TYPE_ED25519_COSIGNATURE && type !== KEY_TYPE_ML_DSA_44_COSIGNATURE) {
    throw new CoreError(
      'key-type',
      `expected a cosignature key of type 0x04 or 0x06, found type ${formatKeyType(type)}`,
    );
  }
}

/**
 * A cosigner with its key in memory. Type 0x06 needs `schemes`.
 *
 * @throws CoreError `key-type`
 */
export function cosignerOf({ vkey, seed }: PrivateKey, options: SchemeOptions = {}): Cosigner {
  checkCosignatureType(vkey.type);
  const scheme = schemeOf(vkey.type, options);
  return { vkey, sign: (message) => scheme.sign(message, seed) };
}
