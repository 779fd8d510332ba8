/** Bytes in hex, as sha256sum prints hashes. */
export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
