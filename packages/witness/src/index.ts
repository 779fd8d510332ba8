export { WitnessError, type WitnessErrorCode } from './error.ts';
export { type AddCheckpointOptions, type AddedCheckpoint, addCheckpoint } from './witness/add-checkpoint.ts';
export { EVIDENCE_LIMITS, Evidence, type EvidenceLimits, evidenceFiles, type Kept } from './witness/evidence.ts';
export { type Finding, type FindingKind, findingId, formatFinding, openFinding } from './witness/finding.ts';
export { originHash } from './witness/origin-hash.ts';
export type { SeenCheckpoint } from './witness/seen-checkpoint.ts';
export { WitnessState, type WitnessStateOptions } from './witness/witness-state.ts';
