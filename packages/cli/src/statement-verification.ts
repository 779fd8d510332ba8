import { lstat, readlink } from 'node:fs/promises';
import {
  formatBase64,
  formatVkey,
  leafHash as hashLeaf,
  ProofError,
  sha256,
  type TlogProof,
  type VerifierKey,
  verifyTlogProof,
} from '@vitrine/core';
import {
  type DocumentProof,
  displayPath,
  openStatement,
  type Payload,
  parseStatement,
  parseStatementProof,
  type RecordProof,
  SignerError,
  type SourceFile,
  type SourceFileProof,
  type Statement,
  type StatementProof,
  type StatementType,
  verifyDocument,
  verifyFileProof,
  verifyRecord,
} from '@vitrine/signer';
import { checkpointJson, checkpointRows } from './checkpoint-view.ts';
import type { Context } from './context.ts';
import { readDocument } from './document.ts';
import { CliError, fileError, naming } from './errors.ts';
import { hex } from './hex.ts';
import { isSameFile } from './logged-artifacts.ts';
import type { LoadedPolicy } from './policy-file.ts';
import { type Content, readHash } from './read-hash.ts';
import { emptyAbsence, readRecord } from './record-option.ts';
import { readVkey } from './signer-option.ts';
import { keyLabel, type Row, statementJson, statementRows } from './statement-view.ts';
import { aligned, count, preview, printable } from './text.ts';

/** What verifying a proof about a statement takes among the options of `verify`. */
export interface StatementOptions {
  readonly record?: string;
  readonly recordFile?: string;
  readonly signer?: string;
  readonly raw?: boolean;
  readonly name?: string;
  readonly json?: boolean;
}

/** A proof about a statement, and what it is to be verified with. */
export interface StatementProofInput {
  /** What it is said to be about; undefined for a record. */
  readonly file: string | undefined;
  /** Names the proof in errors. */
  readonly path: string;
  readonly proof: TlogProof;
  /** A statement proof, unverified. */
  readonly extra: Uint8Array;
  readonly loaded: LoadedPolicy;
}

/** What a proof shows, in words and for `--json`. */
export interface StatementFinding {
  readonly rows: readonly Row[];
  readonly json: Readonly<Record<string, unknown>>;
}

const PREVIEW_WIDTH = 100;

/**
 * Verifies that a statement is in a log that the policy accepts, and that what the user has belongs to the statement as the
 * proof says; and prints both, and whose word it is.
 *
 * @throws SignerError with `statement-` codes; ProofError; CoreError as `verifyTlogProof`; CliError `usage`, `file-` codes
 */
export async function verifyStatementProof(
  context: Context,
  { file, path, proof, extra, loaded }: StatementProofInput,
  options: StatementOptions,
): Promise<void> {
  const { output } = context;
  if (options.raw || options.name !== undefined) {
    throw new CliError('usage', `--raw and --name are about entries, and ${path} is a proof about a statement`);
  }
  const claim = naming(path, () => parseStatementProof(extra));
  const leafHash = hashLeaf(claim.statement);
  const verified = verifyTlogProof({ leafHash, proof, ...loaded });
  const statement = naming(path, () => parseStatement(claim.statement));
  const words = await verifyStatement(claim.statement, statement, verified.checkpoint.origin, options);
  const finding = await verifyClaim(context, claim, statement, { file, options });

  const checkpoint = checkpointJson(verified, loaded.policy);
  const where = { index: proof.index, leafHash: formatBase64(leafHash) };
  if (options.json) return output.json({ ...finding.json, ...words.json, ...where, ...checkpoint });
  await output.text(
    aligned([
      ...finding.rows,
      ...words.rows,
      ['index', String(where.index)],
      ['leaf hash', where.leafHash],
      ...checkpointRows(checkpoint),
    ]),
  );
}

/**
 * Verifies that a statement which stands in a log is meant for it, and that it is signed by whom the user trusts.
 *
 * @param origin of the log
 * @throws SignerError `statement-key`, `statement-signature`; `statement-proof-mismatch` for another log's; what `readVkey`
 * throws
 */
export async function verifyStatement(
  bytes: Uint8Array,
  statement: Statement,
  origin: string,
  options: StatementOptions,
): Promise<StatementFinding> {
  const signer = options.signer === undefined ? undefined : await readVkey(options.signer);
  if (signer !== undefined) checkSigner(bytes, statement, signer);
  if (statement.audience !== origin) {
    throw mismatch(`the statement is meant for the log ${statement.audience}, and stands in ${origin}`);
  }
  const signature =
    signer === undefined
      ? 'NOT CHECKED: name the key that you trust with --signer'
      : `verified with the key ${keyLabel(signer)}`;
  return {
    rows: [['signature', signature], ...statementRows(statement)],
    json: { statement: statementJson(statement), signer: signer === undefined ? null : formatVkey(signer) },
  };
}

/** @throws SignerError `statement-key`, `statement-signature` */
function checkSigner(bytes: Uint8Array, { issuer, keyId }: Statement, signer: VerifierKey): void {
  if (issuer !== signer.keyName || keyId !== signer.keyId) {
    const found = keyLabel({ keyName: issuer, keyId });
    throw new SignerError('statement-key', `the statement is by ${found}, and --signer names ${keyLabel(signer)}`);
  }
  openStatement(bytes, [signer]);
}

interface Offered {
  readonly file: string | undefined;
  readonly options: StatementOptions;
}

function verifyClaim(
  context: Context,
  claim: StatementProof,
  statement: Statement,
  { file, options }: Offered,
): Promise<StatementFinding> {
  if (claim.type === 'record') {
    if (file !== undefined) {
      throw mismatch('the proof is about a record of a database: give that with --record or --record-file');
    }
    return verifyRecordClaim(context, claim, payloadOf(statement, 'database'), options);
  }
  if (file === undefined) throw mismatch(`the proof is not about a record: name the ${claim.type} that it is about`);
  return claim.type === 'file'
    ? verifyFileClaim(context, claim, payloadOf(statement, 'source'), file)
    : verifyDocumentClaim(claim, payloadOf(statement, 'handling'), file);
}

function payloadOf<T extends StatementType>({ payload }: Statement, type: T): Extract<Payload, { type: T }> {
  if (payload.type === type) return payload as Extract<Payload, { type: T }>;
  throw mismatch(`the proof needs a statement of the type ${type}, and has one of the type ${payload.type}`);
}

async function verifyRecordClaim(
  context: Context,
  { present, proof }: RecordProof,
  { records, name, sequence }: Extract<Payload, { type: 'database' }>,
  options: StatementOptions,
): Promise<StatementFinding> {
  if (records === undefined) throw mismatch('the statement says nothing of records');
  const { record: text, recordFile } = options;
  const record = await readRecord(context, { record: text, recordFile });
  try {
    verifyRecord({ root: records.root, record, present, proof });
  } catch (error) {
    if (!(error instanceof ProofError) || error.code !== 'proof-mismatch') throw error;
    const shown = present ? 'in' : 'not in';
    throw mismatch(`this is not the record that the proof shows to be ${shown} ${name}: ${error.message}`, error);
  }
  const reason = present ? undefined : emptyAbsence(record, records.format);
  if (reason !== undefined) throw mismatch(reason);
  return {
    rows: [
      ['verified', `the record is ${present ? '' : 'NOT '}in ${name} ${sequence}`],
      ['record', preview(record, PREVIEW_WIDTH)],
    ],
    json: { verified: 'record', present },
  };
}

async function verifyFileClaim(
  { signal }: Context,
  claim: SourceFileProof,
  { tree, product, version }: Extract<Payload, { type: 'source' }>,
  file: string,
): Promise<StatementFinding> {
  const logged = verifyFileProof({ tree, file: claim.file });
  const found = await hashSource(file, logged.mode, signal);
  if (!isSameFile(found, logged)) {
    throw mismatch(
      `${file} is not the file in the source: expected ${contentText(logged)}; found ${contentText(found)}`,
    );
  }
  const path = displayPath(logged.path);
  return {
    rows: [
      ['verified', `${printable(file)} is in the source of ${product} ${printable(version)}`],
      ['path', path],
      ['mode', `${logged.mode} (${MODES[logged.mode]})`],
    ],
    json: { verified: 'file', file, path, mode: logged.mode },
  };
}

const MODES: Readonly<Record<SourceFile['mode'], string>> = {
  '100644': 'a file',
  '100755': 'an executable file',
  '120000': 'a symbolic link',
};

/** The content that a file has in a source tree: of a symbolic link, where it leads. */
async function hashSource(path: string, mode: SourceFile['mode'], signal: AbortSignal): Promise<Content> {
  try {
    // Elsewhere a link may have become a file that holds where it leads.
    if (mode === '120000' && (await lstat(path)).isSymbolicLink()) {
      const target = await readlink(path, { encoding: 'buffer' });
      return { size: target.length, sha256: sha256(target) };
    }
    return await readHash(path, { signal, onRead: () => {} });
  } catch (error) {
    throw fileError(path, error);
  }
}

function contentText({ size, sha256 }: { readonly size: number; readonly sha256: Uint8Array }): string {
  return `${count(size, 'byte')}, SHA-256 ${hex(sha256)}`;
}

async function verifyDocumentClaim(
  { key }: DocumentProof,
  payload: Extract<Payload, { type: 'handling' }>,
  file: string,
): Promise<StatementFinding> {
  const document = await readDocument(file);
  naming(file, () => verifyDocument({ payload, key, document }));
  return {
    rows: [['verified', `${printable(file)} is the document that was committed to`]],
    json: { verified: 'document', file },
  };
}

function mismatch(message: string, cause?: unknown): SignerError {
  return new SignerError('statement-proof-mismatch', message, { cause });
}
