import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { equalBytes } from '@vitrine/core';
import { SignerError } from '../error.ts';
import type { HandlingPayload } from '../statement/payload.ts';

/** Bytes in the key of a commitment. */
export const COMMITMENT_KEY_SIZE = 32;

/**
 * What a `handling` statement says of a document: HMAC-SHA256 under a key that is disclosed with it, so that the
 * statement alone gives nobody anything to guess by. 32 bytes.
 *
 * @param key 32 random bytes, for this document alone
 * @throws RangeError for a key of another length
 */
export function commitTo(document: Uint8Array, key: Uint8Array): Uint8Array {
  if (key.length !== COMMITMENT_KEY_SIZE) throw new RangeError(`key must be ${COMMITMENT_KEY_SIZE} bytes`);
  return hmac(sha256, key, document);
}

/**
 * Checks that a document is the one that a statement commits to.
 *
 * @param payload of a statement whose signature was verified
 * @throws SignerError `statement-proof-mismatch`; RangeError as {@link commitTo}
 */
export function verifyDocument({
  payload,
  key,
  document,
}: {
  readonly payload: HandlingPayload;
  readonly key: Uint8Array;
  readonly document: Uint8Array;
}): void {
  if (!equalBytes(commitTo(document, key), payload.commitment)) {
    throw new SignerError(
      'statement-proof-mismatch',
      'the statement commits to another document, or under another key',
    );
  }
}
