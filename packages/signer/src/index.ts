export { SignerError, type SignerErrorCode } from './error.ts';
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
export type { Claims, OpenedStatement, Statement } from './statement/statement.ts';
