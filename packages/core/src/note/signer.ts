/**
 * Holds a private key, or asks something that does. What `sign` returns goes into a note's signature line after the key
 * ID: for an Ed25519 key the 64 bytes of the signature of `message`.
 */
export interface Signer {
  /** The key name of the signature lines, as in the vkey. */
  readonly keyName: string;
  /** The four-byte key ID as an unsigned integer. */
  readonly keyId: number;
  sign(message: Uint8Array): Uint8Array | Promise<Uint8Array>;
}
