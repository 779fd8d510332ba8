export { admittedKeys, type KeyList } from './admission/key-list.ts';
export { signingRole } from './admission/signing-role.ts';
export { newestDatabase, newestWithdrawal, statementAdmission } from './admission/statement-admission.ts';
export type { LoggedStatement } from './admission/statement-reader.ts';
export { formatSign1, parseSign1, type Sign1, sigStructure } from './cose/sign1.ts';
export { SignerError, type SignerErrorCode } from './error.ts';
export { COMMITMENT_KEY_SIZE, commitTo, verifyDocument } from './proof/document-commitment.ts';
export {
  type DocumentProof,
  formatStatementProof,
  isStatementProof,
  MAX_STATEMENT_PROOF_SIZE,
  parseStatementProof,
  type RecordProof,
  type SourceFileProof,
  type StatementProof,
} from './proof/statement-proof.ts';
export { isRecord } from './record-set/record-lines.ts';
export { type RecordClaim, recordKey, verifyRecord } from './record-set/record-proof.ts';
export { type FileProof, verifyFileProof } from './source-tree/file-proof.ts';
export { pathSalt, TREE_SECRET_SIZE } from './source-tree/path-salt.ts';
export {
  displayPath,
  formatSourceLine,
  parseSourceLine,
  type SourceFile,
  type SourceMode,
} from './source-tree/source-file.ts';
export { artifactSet } from './statement/artifact-set.ts';
export { formatManifest, MAX_MANIFEST_SIZE, parseManifest } from './statement/manifest.ts';
export { openStatement } from './statement/open-statement.ts';
export { parseStatement } from './statement/parse-statement.ts';
export type {
  AdmissionPayload,
  Artifact,
  Attachment,
  BuildPayload,
  DatabasePayload,
  HandlingPayload,
  Payload,
  RecordFormat,
  RecordSetSummary,
  ReleasedFiles,
  ReleasePayload,
  ReviewPayload,
  Role,
  SourcePayload,
  SourceTreeSummary,
  StatementType,
  Verdict,
  WithdrawalPayload,
} from './statement/payload.ts';
export { STATEMENT_TYPES, streamOf } from './statement/payload-types.ts';
export { checkPayload, type SignStatementOptions, signStatement } from './statement/sign-statement.ts';
export type { Claims, OpenedStatement, Statement } from './statement/statement.ts';
export { indexedAs, statementMapping } from './statement/statement-mapping.ts';
export { COSE_SIGN1, statementOf } from './statement/statement-of.ts';
