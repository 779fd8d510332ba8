/** The one check of Ed25519 signatures that are not a note's: those of statements. */
export { ed25519Verify as verifyEd25519 } from '#ed25519';
export { sha256 } from '#sha256';
export { formatBase64, parseBase64 } from './bytes/base64.ts';
export { compareBytes } from './bytes/compare.ts';
export { compareText } from './bytes/compare-text.ts';
export { parseDecimal } from './bytes/decimal.ts';
export { equalBytes } from './bytes/equal.ts';
export { type CborMap, type CborValue, decodeCbor, encodeCbor } from './cbor/cbor.ts';
export { CoreError, type CoreErrorCode, ProofError } from './error.ts';
export {
  type HistoryClaim,
  type StreamClaim,
  type StreamsClaim,
  type SubjectClaim,
  verifyHistory,
  verifyStream,
  verifyStreams,
  verifySubject,
} from './log-index/index-claim.ts';
export {
  formatIndexEntry,
  type IndexEntry,
  type IndexInclusion,
  indexEntryOf,
  indexLeaf,
  verifyIndexInclusion,
} from './log-index/index-entry.ts';
export type { Indexed, IndexMapping } from './log-index/index-mapping.ts';
export {
  formatIndexProof,
  type IndexProof,
  isIndexProof,
  parseIndexProof,
  type StreamProof,
  type StreamsProof,
  type SubjectProof,
} from './log-index/index-proof.ts';
export { type StreamName, type StreamRecord, streamKey } from './log-index/stream.ts';
export { type SubjectElement, type SubjectRecord, subjectKey } from './log-index/subject.ts';
export { type VerifyIndexProofOptions, verifyIndexProof } from './log-index/verify-index-proof.ts';
export {
  type AddCheckpoint,
  formatAddCheckpoint,
  MAX_ADD_CHECKPOINT_SIZE,
  parseAddCheckpoint,
} from './note/add-checkpoint.ts';
export { type Checkpoint, formatCheckpoint, parseCheckpoint } from './note/checkpoint.ts';
export { type CosignRequest, cosign, cosignatureTime, lastCosigned } from './note/cosignature.ts';
export { fitsCosignedMessage } from './note/cosigned-message.ts';
export { type Cosigner, cosignerOf } from './note/cosigner.ts';
export { ed25519Signer } from './note/ed25519.ts';
export { formatPolicy } from './note/format-policy.ts';
export { isKeyName, KEY_NAME_RULE } from './note/key-name.ts';
export { KEY_TYPE_ED25519, KEY_TYPE_ED25519_COSIGNATURE, KEY_TYPE_ML_DSA_44_COSIGNATURE } from './note/key-type.ts';
export { verifierOf } from './note/key-verifier.ts';
export { loadSchemes } from './note/load-schemes.ts';
export { bytesOf as bytesOfOctets, displayOctets } from './note/octets.ts';
export { type OpenCheckpointOptions, type OpenedCheckpoint, openCheckpoint } from './note/open-checkpoint.ts';
export { type OpenedNote, openNote, type VerifiedSignatures } from './note/open-note.ts';
export { parsePolicy, readPolicy } from './note/parse-policy.ts';
export {
  MAX_POLICY_SIZE,
  NO_QUORUM,
  type Policy,
  type PolicyGroup,
  type PolicyLog,
  type PolicyWitness,
} from './note/policy.ts';
export { type PolicyLine, policyLines } from './note/policy-line.ts';
export { formatPrivateKey, type PrivateKey, parsePrivateKey, privateKeyFromSeed } from './note/private-key.ts';
export { describeQuorum, quorumSatisfied, quorumSize } from './note/quorum.ts';
export { formatSignSubtree, MAX_SIGN_SUBTREE_SIZE, parseSignSubtree, type SignSubtree } from './note/sign-subtree.ts';
export {
  formatSignatureLines,
  isLineOf,
  isSameLine,
  type LineKey,
  MAX_NOTE_SIGNATURES,
  MAX_NOTE_SIZE,
  type NoteSignature,
  parseSignatureLines,
} from './note/signature-line.ts';
export type { SchemeOptions, SignatureScheme } from './note/signature-scheme.ts';
export {
  addSignatures,
  formatSignedNote,
  parseSignedNote,
  renewSignatures,
  type SignedNote,
} from './note/signed-note.ts';
export type { Signer } from './note/signer.ts';
export { cosignSubtree, type Subtree, verifySubtreeCosignature } from './note/subtree-cosignature.ts';
export { isNoteText, quote } from './note/text.ts';
export {
  formatTlogProof,
  MAX_TLOG_PROOF_SIZE,
  parseTlogProof,
  type TlogProof,
  type VerifyTlogProofOptions,
  verifyTlogProof,
} from './note/tlog-proof.ts';
export type { Verifier } from './note/verifier.ts';
export {
  satisfiesPolicy,
  type VerifiedCheckpoint,
  verifyCheckpoint,
  type WitnessCosignature,
} from './note/verify-checkpoint.ts';
export { formatKeyId, formatVkey, parseVkey, type VerifierKey, verifierKey } from './note/vkey.ts';
export { EMPTY_PREFIX_ROOT } from './prefix/prefix-hash.ts';
export {
  type Absence,
  type PrefixLeaf,
  type PrefixProof,
  type Presence,
  verifyAbsence,
  verifyPresence,
} from './prefix/prefix-proof.ts';
export { prefixProofFromCbor, prefixProofToCbor } from './prefix/prefix-proof-cbor.ts';
export { type PrefixLeaves, PrefixTree, prefixRoot } from './prefix/prefix-tree.ts';
export {
  checkEntry,
  ENTRY_PREFIX_SIZE,
  formatBundle,
  MAX_BUNDLE_SIZE,
  parseBundle,
} from './tile/entry-bundle.ts';
export {
  formatTilePath,
  parseTilePath,
  partialTiles,
  TILE_HEIGHT,
  TILE_WIDTH,
  type Tile,
  tileWidth,
} from './tile/tile.ts';
export { type FetchTile, type TileCache, TileReader } from './tile/tile-reader.ts';
export {
  appendLeaf,
  type CompactRange,
  EMPTY_RANGE,
  extendRange,
  type NewHashes,
  rangeRoot,
} from './tree/compact-range.ts';
export { EMPTY_ROOT, HASH_SIZE, leafHash, MAX_ENTRY_SIZE, nodeHash } from './tree/hash.ts';
export type { HashReader, Node } from './tree/hash-reader.ts';
export { type Interval, isSubtree, treeRoot } from './tree/interval.ts';
export { MAX_MULTI_PROOF_CLAIMS, type MultiProofClaim, proveMulti, verifyMulti } from './tree/multi-proof.ts';
export {
  type Consistency,
  type Inclusion,
  inclusionRoot,
  MAX_PROOF_LENGTH,
  type SubtreeConsistency,
  type SubtreeInclusion,
  verifyConsistency,
  verifyInclusion,
  verifySubtreeConsistency,
  verifySubtreeInclusion,
} from './tree/proof.ts';
export { proveConsistency, proveInclusion, proveSubtreeConsistency, proveSubtreeInclusion } from './tree/prove.ts';
