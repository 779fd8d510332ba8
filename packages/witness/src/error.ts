/**
 * Why this package refused something, or could not do it. Codes are stable and documented in docs/errors.md; messages are
 * for people and may change.
 */
export type WitnessErrorCode =
  | 'witness-request'
  | 'witness-log'
  | 'witness-signature'
  | 'witness-conflict'
  | 'witness-proof'
  | 'witness-limit'
  | 'witness-slow'
  | 'witness-too-large'
  | 'witness-clock'
  | 'witness-key'
  | 'witness-unreachable'
  | 'witness-refused'
  | 'witness-answer'
  | 'log-behind'
  | 'log-unwitnessed'
  | 'log-closed'
  | 'evidence-malformed'
  | 'evidence-newer'
  | 'state-missing'
  | 'state-foreign'
  | 'state-newer'
  | 'state-locked'
  | 'state-corrupt'
  | 'state-io'
  | 'state-closed'
  | 'mirror-key'
  | 'mirror-fork'
  | 'mirror-behind'
  | 'mirror-source'
  | 'mirror-refused'
  | 'mirror-signature';

/** What a caller can act on, beside the code. */
interface WitnessErrorOptions {
  readonly cause?: unknown;
  /** Of `witness-conflict` and `log-behind`: the size that the witness saw last. */
  readonly size?: number | undefined;
  /** Of `witness-limit` and `witness-refused`: seconds until it is worth asking again. */
  readonly retryAfter?: number | undefined;
  /** Of `witness-refused`: the status of the answer. */
  readonly status?: number | undefined;
}

/** The one error class of `@vitrine/witness`. */
export class WitnessError extends Error {
  override readonly name: string = 'WitnessError';
  readonly code: WitnessErrorCode;
  readonly size: number | undefined;
  readonly retryAfter: number | undefined;
  readonly status: number | undefined;

  constructor(code: WitnessErrorCode, message: string, { cause, size, retryAfter, status }: WitnessErrorOptions = {}) {
    super(message, { cause });
    this.code = code;
    this.size = size;
    this.retryAfter = retryAfter;
    this.status = status;
  }
}
