import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js';

/** SHA-256 (FIPS 180-4) of `message`: 32 bytes. */
export function sha256(message: Uint8Array): Uint8Array {
  return nobleSha256(message);
}

/** SHA-256 of `message`, written to the 32 bytes of `out` at `offset`. */
export function sha256Into(message: Uint8Array, out: Uint8Array, offset: number): void {
  out.set(nobleSha256(message), offset);
}
