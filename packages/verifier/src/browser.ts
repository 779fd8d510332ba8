/**
 * What an agent needs that runs in a browser, a worker, or anywhere else where there is nothing of Node. It is built into one ES
 * module, `@vitrine/verifier/browser`, which imports nothing but ML-DSA-44, and that only when a trust file needs it.
 */
export { MAX_BUNDLE_SIZE } from './bundle/bundle.ts';
export type { ReleaseRequest } from './decision/artifact.ts';
export type { Finding, FoundReview, FoundWitness } from './decision/finding.ts';
export { type Decision, type VerifyOptions, verifyRelease } from './decision/verify.ts';
export { type ForkEvidence, Refusal, type RefusalCode } from './refusal.ts';
export {
  type AgentState,
  type InstalledRelease,
  type LogState,
  NO_STATE,
  type SeenCheckpoint,
  type StreamState,
} from './state/state.ts';
export { formatState, parseState } from './state/state-codec.ts';
export { parseTrust } from './trust/parse-trust.ts';
export type { ReleaseRule, ReviewDemands, ReviewerGroup, Trust, TrustedIssuer, TrustedKey } from './trust/trust.ts';
export { trustSchemes } from './trust/trust-schemes.ts';
