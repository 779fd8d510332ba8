import { compareBytes, HASH_SIZE, sha256 } from '@vitrine/core';
import type { BuildPayload, DatabasePayload } from './payload.ts';

/**
 * What the files of a release are, whatever their names and order: SHA-256 over the distinct SHA-256 digests of its artifacts
 * (of its manifest, if it has one instead) in the order of their bytes. 32 bytes.
 */
export function artifactSet({ artifacts, manifest }: BuildPayload | DatabasePayload): Uint8Array {
  const digests = (artifacts ?? [manifest]).map((file) => file.sha256).sort(compareBytes);
  const distinct = digests.filter((digest, i) => i === 0 || compareBytes(digest, digests[i - 1]!) !== 0);
  const all = new Uint8Array(HASH_SIZE * distinct.length);
  distinct.forEach((digest, i) => {
    all.set(digest, HASH_SIZE * i);
  });
  return sha256(all);
}
