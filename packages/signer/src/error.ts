/**
 * Why this package refused something. Codes are stable and documented in docs/errors.md; messages are for people and
 * may change.
 */
export type SignerErrorCode =
  | 'manifest-malformed'
  // Bytes that are no statement, or content that breaks a rule of its type.
  | 'statement-malformed'
  // A type or version of a statement, or a version of a proof about one, that this program does not know.
  | 'statement-newer'
  // None of the keys given is the one that the statement names, or its signature is wrong.
  | 'statement-key'
  | 'statement-signature'
  // What a log of statements refuses: docs/formats.md has the rules.
  | 'admission-audience'
  | 'admission-key'
  | 'admission-role'
  | 'admission-sequence'
  | 'admission-subject'
  | 'admission-issuer'
  | 'admission-withdrawn'
  // A proof about a statement.
  | 'statement-proof-malformed'
  | 'statement-proof-mismatch'
  // Source trees.
  | 'source-unrepresentable'
  | 'source-changed'
  | 'source-missing'
  | 'git-failed'
  // Record sets.
  | 'records-malformed'
  // Keys and what signs with them.
  | 'passphrase-wrong'
  | 'agent-missing'
  | 'agent-failed'
  | 'agent-key'
  | 'signer-failed';

/** The one error class of `@vitrine/signer`. */
export class SignerError extends Error {
  override readonly name: string = 'SignerError';
  readonly code: SignerErrorCode;

  constructor(code: SignerErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}
