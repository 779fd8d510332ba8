// Bytes in a public key and in the seed (RFC 8032's private key) that a key pair is derived from: section 5.1.5.
const ED25519_PUBLIC_KEY_SIZE = 32;
const ED25519_SEED_SIZE = 32;

// Bytes in a signature: R, then S. Section 5.1.6.
const ED25519_SIGNATURE_SIZE = 64;

// The y coordinates of the eight points whose order divides the cofactor, little-endian in hex, in the order 4, 1, 2, 8,
// 8. Both points with x = 0 are among them, so their encodings with a sign bit are covered too.
const SMALL_ORDER_Y = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
].map((hex) => Uint8Array.from({ length: 32 }, (_, i) => Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16)));

// Little-endian 2^255 - 19, and the order of the base point (RFC 8032, section 5.1).
const P = littleEndian((1n << 255n) - 19n);
const L = littleEndian((1n << 252n) + 27742317777372353535851937790883648493n);

function littleEndian(value: bigint): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn));
}

function isBelow(value: Uint8Array, bound: Uint8Array): boolean {
  for (let i = 31; i >= 0; i--) if (value[i] !== bound[i]) return value[i]! < bound[i]!;
  return false;
}

/** The y of an encoded point, without the sign of x. */
function yOf(point: Uint8Array): Uint8Array {
  // Not slice(), which of a Buffer is a view: the caller's key would lose its sign.
  const y = new Uint8Array(point);
  y[31] = y[31]! & 0x7f;
  return y;
}

const isSmallOrder = (y: Uint8Array): boolean => SMALL_ORDER_Y.some((small) => small.every((byte, i) => byte === y[i]));

/**
 * The checks on which libraries, and versions of them, differ, made before either of ours is asked, so that the native
 * and the portable path accept the same: the key is the canonical encoding of a y below p, neither the key nor R is a
 * point of small order, and S is below L. RFC 8032, sections 5.1.3 and 5.1.7. Whether the key is on the curve is left to
 * the library: all agree on that. (Node 20 and 22 take keys and an R of small order, Node 24 and later do not; no signer
 * makes such an R. OpenSSL takes keys that are not canonical.)
 */
export function isVerifiable(publicKey: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.length !== ED25519_PUBLIC_KEY_SIZE || signature.length !== ED25519_SIGNATURE_SIZE) return false;
  const y = yOf(publicKey);
  if (!isBelow(y, P)) return false;
  if (isSmallOrder(y) || isSmallOrder(yOf(signature.subarray(0, 32)))) return false;
  return isBelow(signature.subarray(32), L);
}

/** @throws TypeError or RangeError unless `seed` is 32 bytes; the message does not show it */
export function checkSeed(seed: Uint8Array): void {
  if (!(seed instanceof Uint8Array)) throw new TypeError('seed must be a Uint8Array');
  if (seed.length !== ED25519_SEED_SIZE) throw new RangeError(`seed must be ${ED25519_SEED_SIZE} bytes`);
}
