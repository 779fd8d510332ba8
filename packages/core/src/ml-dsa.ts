import { ml_dsa44 } from '@noble/post-quantum/ml-dsa.js';
import { KEY_TYPE_ML_DSA_44_COSIGNATURE } from './note/key-type.ts';
import type { SignatureScheme } from './note/signature-scheme.ts';

// FIPS 204, section 4, table 2.
const PUBLIC_KEY_SIZE = 1312;
const SIGNATURE_SIZE = 2420;
// The seed ξ of FIPS 204, algorithm 1.
const SEED_SIZE = 32;

/**
 * ML-DSA-44 (FIPS 204) for keys of type 0x06: pure, with an empty context, and in the deterministic variant, so that the
 * same input gives the same signature. Pass it as one of `schemes`.
 */
export const mlDsa44: SignatureScheme = {
  name: 'ML-DSA-44',
  types: [KEY_TYPE_ML_DSA_44_COSIGNATURE],
  seedSize: SEED_SIZE,
  signatureSize: SIGNATURE_SIZE,
  publicKey: (seed) => ml_dsa44.keygen(seed).publicKey,
  sign: (message, seed) => ml_dsa44.sign(message, ml_dsa44.keygen(seed).secretKey, { extraEntropy: false }),
  verify: (publicKey, message, signature) =>
    publicKey.length === PUBLIC_KEY_SIZE &&
    signature.length === SIGNATURE_SIZE &&
    ml_dsa44.verify(signature, message, publicKey),
};
