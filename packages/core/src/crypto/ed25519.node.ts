import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { checkSeed, isVerifiable } from './ed25519-key.ts';

// RFC 8410, sections 4 and 7: all that comes before the key in a SubjectPublicKeyInfo and in a PKCS #8 private key.
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');

// Reading a public key costs as much as a verification.
const MAX_CACHED_KEYS = 256;
const cachedKeys = new Map<string, KeyObject>();

function publicKeyObject(publicKey: Uint8Array): KeyObject {
  const id = Buffer.from(publicKey).toString('latin1');
  let key = cachedKeys.get(id);
  if (key === undefined) {
    key = createPublicKey({ key: Buffer.concat([SPKI_PREFIX, publicKey]), format: 'der', type: 'spki' });
    if (cachedKeys.size >= MAX_CACHED_KEYS) cachedKeys.clear();
    cachedKeys.set(id, key);
  }
  return key;
}

// Reading a private key costs ten signatures. It is kept for as long as the owner keeps the array of its seed.
const privateKeys = new WeakMap<Uint8Array, { seed: Buffer; key: KeyObject }>();

function privateKeyObject(seed: Uint8Array): KeyObject {
  checkSeed(seed);
  const kept = privateKeys.get(seed);
  // The array may have been given another seed meanwhile, or zeroes.
  if (kept?.seed.equals(seed)) return kept.key;
  const key = createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' });
  privateKeys.set(seed, { seed: Buffer.from(seed), key });
  return key;
}

/**
 * The 32-byte public key of the key pair with a 32-byte seed. RFC 8032, section 5.1.5.
 *
 * @throws TypeError or RangeError if `seed` is not 32 bytes
 */
export function ed25519PublicKey(seed: Uint8Array): Uint8Array {
  const spki = createPublicKey(privateKeyObject(seed)).export({ format: 'der', type: 'spki' });
  return Uint8Array.from(spki.subarray(SPKI_PREFIX.length));
}

/**
 * The 64-byte signature of `message` by the key pair with a 32-byte seed. The same input gives the same bytes. RFC 8032,
 * section 5.1.6.
 *
 * @throws TypeError or RangeError if `seed` is not 32 bytes
 */
export function ed25519Sign(message: Uint8Array, seed: Uint8Array): Uint8Array {
  return Uint8Array.from(sign(null, message, privateKeyObject(seed)));
}

/**
 * Whether `signature` is a signature of `message` by `publicKey`: cofactorless verification, RFC 8032, section 5.1.7, of
 * canonical encodings, by a key that is not of small order. `false` for a key or a signature of a wrong length.
 */
export function ed25519Verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  return isVerifiable(publicKey, signature) && verify(null, message, publicKeyObject(publicKey), signature);
}
