import type { CborValue } from '../cbor/cbor.ts';
import { ProofError } from '../error.ts';
import { HASH_SIZE } from '../tree/hash.ts';

// What the readers of the index's values have in common. All of them throw ProofError `proof-malformed`.

type Found = CborValue | undefined;

export const malformed = (message: string, cause?: unknown): ProofError =>
  new ProofError('proof-malformed', message, { cause });

/** @param length undefined for any */
export function arrayOf(value: Found, length: number | undefined, what: string): readonly CborValue[] {
  if (!Array.isArray(value) || (length !== undefined && value.length !== length)) {
    throw malformed(`${what} must be an array${length === undefined ? '' : ` of ${length}`}`);
  }
  return value;
}

export function bytesOf(value: Found, what: string): Uint8Array {
  if (!(value instanceof Uint8Array)) throw malformed(`${what} must be a byte string`);
  return value;
}

export function hashOf(value: Found, what: string): Uint8Array {
  const bytes = bytesOf(value, what);
  if (bytes.length !== HASH_SIZE) throw malformed(`${what} must be ${HASH_SIZE} bytes, found ${bytes.length}`);
  return bytes;
}

export function textOf(value: Found, what: string): string {
  if (typeof value !== 'string') throw malformed(`${what} must be text`);
  return value;
}

/** @param min the least that it can be */
export function unsignedOf(value: Found, min: number, what: string): number {
  if (typeof value !== 'number' || value < min) throw malformed(`${what} must be an integer from ${min}`);
  return value;
}
