import { etc, getPublicKey, hash, hashes, Point, sign } from '@noble/ed25519';
import { sha512 } from '@noble/hashes/sha2.js';
import { equalBytes } from '../bytes/equal.ts';
import { checkSeed, isVerifiable } from './ed25519-key.ts';

hashes.sha512 = sha512;

const { n: ORDER } = Point.CURVE();

const fromLittleEndian = (bytes: Uint8Array): bigint => BigInt(`0x${etc.bytesToHex(Uint8Array.from(bytes).reverse())}`);

/**
 * The 32-byte public key of the key pair with a 32-byte seed. RFC 8032, section 5.1.5.
 *
 * @throws TypeError or RangeError if `seed` is not 32 bytes
 */
export function ed25519PublicKey(seed: Uint8Array): Uint8Array {
  checkSeed(seed);
  return getPublicKey(seed);
}

/**
 * The 64-byte signature of `message` by the key pair with a 32-byte seed. The same input gives the same bytes. RFC 8032,
 * section 5.1.6.
 *
 * @throws TypeError or RangeError if `seed` is not 32 bytes
 */
export function ed25519Sign(message: Uint8Array, seed: Uint8Array): Uint8Array {
  checkSeed(seed);
  return sign(message, seed);
}

/**
 * Whether `signature` is a signature of `message` by `publicKey`: cofactorless verification, RFC 8032, section 5.1.7, of
 * canonical encodings, by a key that is not of small order. `false` for a key or a signature of a wrong length.
 */
export function ed25519Verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (!isVerifiable(publicKey, signature)) return false;
  let key: Point;
  try {
    key = Point.fromBytes(publicKey);
  } catch {
    return false; // not on the curve
  }
  const r = signature.subarray(0, 32);
  const s = fromLittleEndian(signature.subarray(32));
  const k = fromLittleEndian(hash(etc.concatBytes(r, publicKey, message))) % ORDER;
  // The library's own verify clears the cofactor, and so accepts what native libraries refuse.
  const expected = Point.BASE.multiplyUnsafe(s).add(key.negate().multiplyUnsafe(k));
  return equalBytes(expected.toBytes(), r);
}
