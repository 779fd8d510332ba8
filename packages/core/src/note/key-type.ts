/**
 * Ed25519 signatures of the note text: what logs sign with.
 * https://c2sp.org/signed-note#signature-types
 */
export const KEY_TYPE_ED25519 = 0x01;

/**
 * Timestamped Ed25519 cosignatures of checkpoints.
 * https://c2sp.org/tlog-cosignature#ed25519-signed-message
 */
export const KEY_TYPE_ED25519_COSIGNATURE = 0x04;

/**
 * Timestamped ML-DSA-44 cosignatures of checkpoints and subtrees.
 * https://c2sp.org/tlog-cosignature#ml-dsa-44-signed-message
 */
export const KEY_TYPE_ML_DSA_44_COSIGNATURE = 0x06;

/** The types whose keys are understood here, and the length of their public keys in bytes. FIPS 204, table 2, for ML-DSA-44. */
export const PUBLIC_KEY_SIZES: ReadonlyMap<number, number> = new Map([
  [KEY_TYPE_ED25519, 32],
  [KEY_TYPE_ED25519_COSIGNATURE, 32],
  [KEY_TYPE_ML_DSA_44_COSIGNATURE, 1312],
]);

/** A key type as it is written in the specifications: `0x01`. */
export function formatKeyType(type: number): string {
  return `0x${type.toString(16).padStart(2, '0')}`;
}
