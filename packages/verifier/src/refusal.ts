import type { AgentState } from './state/state.ts';

/**
 * Why a release, or what is needed to judge one, was refused. Codes are stable and documented in docs/errors.md; messages are
 * for people and may change.
 */
export type RefusalCode =
  // What is offered cannot be used.
  | 'trust-malformed'
  | 'trust-expired'
  | 'trust-serial'
  | 'bundle-unreadable'
  | 'bundle-newer'
  // Receipts, which are no bundles.
  | 'receipt-malformed'
  | 'receipt-unwitnessed'
  | 'receipt-log'
  | 'receipt-wrong'
  | 'receipt-other'
  // The checkpoint.
  | 'checkpoint-malformed'
  | 'checkpoint-log'
  | 'checkpoint-unsigned'
  | 'checkpoint-signature'
  | 'checkpoint-witnesses'
  // The statements.
  | 'inclusion-wrong'
  | 'statement-unreadable'
  | 'statement-forged'
  | 'statement-audience'
  | 'statement-type'
  | 'signer-unknown'
  | 'signer-ended'
  | 'signer-other'
  | 'stream-other'
  | 'artifact-unknown'
  | 'manifest-other'
  | 'no-rule'
  | 'log-other'
  // The index, and what others say.
  | 'index-wrong'
  | 'index-unchecked'
  | 'withdrawn'
  | 'source-unknown'
  | 'source-other'
  | 'review-missing'
  | 'review-invalid'
  | 'rejected'
  | 'source-unreviewed'
  | 'unreviewed'
  | 'unreproduced'
  | 'superseded'
  // The download.
  | 'artifact-other'
  | 'size-other'
  // Time.
  | 'release-expired'
  | 'too-old'
  // The state.
  | 'state-malformed'
  | 'state-newer'
  | 'clock'
  | 'fork'
  | 'rollback'
  | 'stale';

/**
 * Two checkpoints that one log signed and that contradict each other: by themselves if their trees have one size, otherwise with the
 * proof of growth in the bundle.
 */
export interface ForkEvidence {
  readonly checkpoints: readonly [Uint8Array, Uint8Array];
}

/** The one error class of `@vitrine/verifier`: a check said no. */
export class Refusal extends Error {
  override readonly name: string = 'Refusal';
  readonly code: RefusalCode;
  /** What the agent has to remember all the same: that it saw a withdrawal, for instance. */
  readonly state: AgentState | undefined;
  /** Of a fork. */
  readonly evidence: ForkEvidence | undefined;

  constructor(
    code: RefusalCode,
    message: string,
    options: { cause?: unknown; state?: AgentState | undefined; evidence?: ForkEvidence } = {},
  ) {
    super(message, options);
    this.code = code;
    this.state = options.state;
    this.evidence = options.evidence;
  }
}
