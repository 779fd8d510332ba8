import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { SALT_SIZE } from './source-file.ts';

/** Bytes in the secret of a confidential tree. */
export const TREE_SECRET_SIZE = 32;

/**
 * The salt of a file's line in a confidential tree: the first 16 bytes of HMAC-SHA256 of the path under the tree's secret.
 * A disclosed line tells its own salt and nothing of the others'.
 *
 * @throws RangeError if `secret` is not 32 bytes
 */
export function pathSalt(secret: Uint8Array, path: Uint8Array): Uint8Array {
  if (secret.length !== TREE_SECRET_SIZE) {
    throw new RangeError(`the secret of a tree has ${TREE_SECRET_SIZE} bytes, found ${secret.length}`);
  }
  return hmac(sha256, secret, path).slice(0, SALT_SIZE);
}
