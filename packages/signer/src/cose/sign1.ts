import { type CborMap, type CborValue, encodeCbor } from '@vitrine/core';
import type { Place } from '@vitrine/core/schema';

/** What is signed. */
export interface ToSign {
  /** The protected header: an encoded map. */
  readonly protectedHeader: Uint8Array;
  /** What both sides know without it being sent; empty if left out. */
  readonly externalData?: Uint8Array;
  readonly payload: Uint8Array;
}

/** A COSE_Sign1 structure. RFC 9052, section 4.2. */
export interface Sign1 {
  /** The protected header: an encoded map. */
  readonly protectedHeader: Uint8Array;
  /** What no signature covers. */
  readonly unprotectedHeader: CborMap;
  /** Null if it is detached: both sides know it without it being sent. */
  readonly payload: Uint8Array | null;
  readonly signature: Uint8Array;
}

/** Bytes in an Ed25519 signature, the only kind here. RFC 8032, section 5.1.6. */
export const SIGNATURE_SIZE = 64;

// Tag 18 in one byte. RFC 9052, section 2, table 1.
const TAG_SIGN1 = 0xd2;

// RFC 9052, section 4.4.
const CONTEXT = 'Signature1';

const EMPTY: Uint8Array = new Uint8Array();

/**
 * The bytes that the signature of a COSE_Sign1 structure covers: `["Signature1", protected header, external data,
 * payload]`. RFC 9052, section 4.4.
 */
export function sigStructure({ protectedHeader, externalData = EMPTY, payload }: ToSign): Uint8Array {
  return encodeCbor([CONTEXT, protectedHeader, externalData, payload]);
}

/** Writes a COSE_Sign1 structure with its tag, in deterministic CBOR. RFC 9052, section 4.2. */
export function formatSign1({ protectedHeader, unprotectedHeader, payload, signature }: Sign1): Uint8Array {
  const body = encodeCbor([protectedHeader, unprotectedHeader, payload, signature]);
  const bytes = new Uint8Array(1 + body.length);
  bytes[0] = TAG_SIGN1;
  bytes.set(body, 1);
  return bytes;
}

/**
 * Reads exactly what {@link formatSign1} writes with a signature of 64 bytes. What the headers and the payload contain is not
 * looked at.
 *
 * @throws what `place` refuses with
 */
export function parseSign1(bytes: Uint8Array, place: Place): Sign1 {
  if (bytes[0] !== TAG_SIGN1) throw place.refuse('does not begin with its tag, 18, in one byte');
  const body = place.decode(bytes.subarray(1));
  if (!Array.isArray(body) || body.length !== 4) throw place.refuse('is not an array of 4 elements');
  const [protectedHeader, unprotectedHeader, payload, signature] = body as readonly CborValue[];
  if (!(protectedHeader instanceof Uint8Array)) throw place.refuse('has a protected header that is not a byte string');
  if (!(unprotectedHeader instanceof Map)) throw place.refuse('has an unprotected header that is not a map');
  if (!(payload instanceof Uint8Array) && payload !== null) {
    throw place.refuse('has a payload that is neither a byte string nor null');
  }
  if (!(signature instanceof Uint8Array)) throw place.refuse('has a signature that is not a byte string');
  if (signature.length !== SIGNATURE_SIZE) {
    throw place.refuse(`has a signature of ${signature.length} bytes, not ${SIGNATURE_SIZE}`);
  }
  return { protectedHeader, unprotectedHeader, payload, signature };
}
