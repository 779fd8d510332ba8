/** Bytes of an origin in a cosignature of type 0x06. https://c2sp.org/tlog-cosignature#ml-dsa-44-signed-message */
export const MAX_ML_DSA_ORIGIN = 255;

/** Whether a key of type 0x06 can cosign checkpoints and subtrees of a log. */
export function fitsMlDsa(origin: string): boolean {
  return new TextEncoder().encode(origin).length <= MAX_ML_DSA_ORIGIN;
}
