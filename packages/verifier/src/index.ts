export {
  type Bundle,
  type BundledStatement,
  type BundledStream,
  type BundledSubject,
  type EarlierTree,
  formatBundle,
  MAX_BUNDLE_SIZE,
  MAX_BUNDLED_MANIFEST_SIZE,
  MAX_EARLIER_TREES,
  parseBundle,
} from './bundle/bundle.ts';
export { type BundleLog, type BundleOptions, makeBundle } from './bundle/make-bundle.ts';
export type { ReleaseRequest } from './decision/artifact.ts';
export { CLOCK_TOLERANCE } from './decision/checkpoint-time.ts';
export type { Finding, FoundReview, FoundWitness } from './decision/finding.ts';
export { findingJson } from './decision/finding-json.ts';
export { type Decision, type VerifyOptions, verifyRelease } from './decision/verify.ts';
export type { Receipt, ReceiptProof } from './receipt/receipt.ts';
export { type ReceiptRequest, signReceipt } from './receipt/sign-receipt.ts';
export {
  formatTransparentStatement,
  hasReceipts,
  MAX_TRANSPARENT_STATEMENT_SIZE,
  parseTransparentStatement,
  type TransparentStatement,
} from './receipt/transparent-statement.ts';
export { type LoggedStatement, type VerifiedReceipt, verifyReceipts } from './receipt/verify-receipts.ts';
export { type ForkEvidence, Refusal, type RefusalCode } from './refusal.ts';
export {
  type AgentState,
  type InstalledRelease,
  type LogState,
  NO_STATE,
  type SeenCheckpoint,
  type StreamState,
} from './state/state.ts';
export { formatState, MAX_STATE_SIZE, parseState } from './state/state-codec.ts';
export { formatDuration, parseDuration, parseTime } from './trust/duration.ts';
export { MAX_TRUST_ENTRIES, parseTrust, trustPolicy } from './trust/parse-trust.ts';
export { quorumOverlap } from './trust/quorum-overlap.ts';
export { isExactPattern, matchesPattern } from './trust/stream-pattern.ts';
export type { ReleaseRule, ReviewDemands, ReviewerGroup, Trust, TrustedIssuer, TrustedKey } from './trust/trust.ts';
export { trustSchemes } from './trust/trust-schemes.ts';
export { type TrustWarning, trustWarnings } from './trust/warnings.ts';
