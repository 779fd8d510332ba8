/**
 * Why this package refused something. Codes are stable and documented in docs/errors.md; messages are for people and
 * may change.
 */
export type CoreErrorCode =
  | 'number-malformed'
  | 'base64-malformed'
  | 'cbor-malformed'
  | 'proof-range'
  | 'proof-length'
  | 'proof-mismatch'
  | 'proof-malformed'
  | 'note-malformed'
  | 'note-too-large'
  | 'note-unsigned'
  | 'note-signature'
  | 'key-malformed'
  | 'key-type'
  | 'checkpoint-malformed'
  | 'checkpoint-origin'
  | 'checkpoint-older'
  | 'checkpoint-missing'
  | 'checkpoint-root'
  | 'cosignature-malformed'
  | 'policy-malformed'
  | 'policy-log'
  | 'policy-quorum'
  | 'tile-malformed'
  | 'tile-missing'
  | 'tile-mismatch'
  | 'bundle-malformed'
  | 'entry-empty'
  | 'entry-too-large'
  | 'entry-reserved'
  | 'log-range'
  | 'log-static'
  | 'log-read-only'
  | 'log-closed'
  | 'log-failed'
  | 'log-corrupt'
  | 'log-key'
  | 'log-admission'
  | 'log-index'
  | 'log-mirror'
  | 'index-false'
  | 'stream-missing'
  | 'stream-present'
  | 'fetch-failed'
  | 'store-exists'
  | 'store-missing'
  | 'store-foreign'
  | 'store-newer'
  | 'store-locked'
  | 'store-conflict'
  | 'store-corrupt'
  | 'store-io'
  | 'store-closed';

/** The one error class of `@vitrine/core`: thrown for bad input, failed verification and broken storage alike. */
export class CoreError extends Error {
  override readonly name: string = 'CoreError';
  readonly code: CoreErrorCode;

  constructor(code: CoreErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

/** A Merkle proof that does not prove what it was offered for. `code` is one of the `proof-` codes. */
export class ProofError extends CoreError {
  override readonly name: string = 'ProofError';
}
