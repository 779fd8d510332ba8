import { basename } from 'node:path';
import { formatBase64, formatKeyId, leafHash as hashLeaf, type TlogProof, verifyTlogProof } from '@vitrine/core';
import { parseStatement, SignerError, type Statement } from '@vitrine/signer';
import { hasReceipts, MAX_TRANSPARENT_STATEMENT_SIZE, verifyReceipts } from '@vitrine/verifier';
import { type CheckpointJson, checkpointJson, checkpointRows } from './checkpoint-view.ts';
import type { Context } from './context.ts';
import { CliError, naming } from './errors.ts';
import { readIfRegular } from './files.ts';
import { hashFiles } from './hashed-file.ts';
import { hex } from './hex.ts';
import { keyTypeName } from './keys.ts';
import { isSameFile } from './logged-artifacts.ts';
import type { LoadedPolicy } from './policy-file.ts';
import { type StatementOptions, verifyStatement } from './statement-verification.ts';
import type { Row } from './statement-view.ts';
import { aligned, printable } from './text.ts';

/** A proof that a statement is logged, and what it is to be verified with. */
export interface LoggingProofInput {
  /** A file that the statement is to name as its artifact; undefined if the statement alone is asked about. */
  readonly file: string | undefined;
  /** Names the proof in errors. */
  readonly path: string;
  readonly loaded: LoadedPolicy;
}

/** A statement that is shown to be logged. */
interface Logged {
  readonly entry: Uint8Array;
  readonly statement: Statement;
  readonly index: number;
  readonly checkpoint: CheckpointJson;
}

/**
 * The statement with receipts that a file is, if it is one.
 *
 * @throws CliError with `file-` codes
 */
export async function readReceipts(path: string): Promise<Uint8Array | undefined> {
  const bytes = await readIfRegular(path, MAX_TRANSPARENT_STATEMENT_SIZE);
  return bytes !== undefined && hasReceipts(bytes) ? bytes : undefined;
}

/**
 * Verifies that a log of the policy gave a receipt for a statement, and prints it.
 *
 * @throws Refusal with `receipt-` codes, `statement-unreadable`, `statement-audience`; as {@link verifyLoggedStatement}
 */
export async function verifyReceiptFile(
  context: Context,
  { bytes, ...input }: LoggingProofInput & { readonly bytes: Uint8Array },
  options: StatementOptions,
): Promise<void> {
  const { entry, statement, receipts } = naming(input.path, () => verifyReceipts(bytes, input.loaded.policy));
  // All are by the log that the statement is meant for; one says enough.
  const { origin, size, index, root, key } = receipts[0]!;
  const signer = { keyName: key.keyName, keyId: formatKeyId(key.keyId), type: keyTypeName(key.type) };
  const checkpoint = { origin, size, root: formatBase64(root), signers: [signer], witnesses: [], unwitnessed: true };
  await printLogged(context, 'receipt', { entry, statement, index, checkpoint }, input, options);
}

/**
 * Verifies that the statement in the extra data of a tlog-proof is in a log that the policy accepts, and prints it.
 *
 * @param entry the statement
 * @throws CoreError as `verifyTlogProof`; ProofError; SignerError `statement-proof-mismatch` if the statement does not name the
 * file, or stands in another log than it is meant for; `statement-key`, `statement-signature`; CliError with `file-` codes
 */
export async function verifyLoggedStatement(
  context: Context,
  { proof, entry, ...input }: LoggingProofInput & { readonly proof: TlogProof; readonly entry: Uint8Array },
  options: StatementOptions,
): Promise<void> {
  const verified = verifyTlogProof({ leafHash: hashLeaf(entry), proof, ...input.loaded });
  const statement = naming(input.path, () => parseStatement(entry));
  const checkpoint = checkpointJson(verified, input.loaded.policy);
  await printLogged(context, 'tlog-proof', { entry, statement, index: proof.index, checkpoint }, input, options);
}

async function printLogged(
  context: Context,
  by: 'receipt' | 'tlog-proof',
  { entry, statement, index, checkpoint }: Logged,
  { file }: LoggingProofInput,
  options: StatementOptions,
): Promise<void> {
  const { output } = context;
  if (file !== undefined && options.signer === undefined) {
    throw new CliError(
      'usage',
      'that a logged statement names a file is worth what its signer is: name the key with --signer',
    );
  }
  const words = await verifyStatement(entry, statement, checkpoint.origin, options);
  const artifact = file === undefined ? undefined : await checkNamed(context, file, statement, options);
  const leafHash = formatBase64(hashLeaf(entry));
  // The root hash, which is all that a receipt signs, does not bind where the statement is, nor the size of the tree.
  const { size, ...others } = checkpoint;
  const place = by === 'receipt' ? { claimed: { index, size } } : { index, size };
  const claimed = (n: number): string => (by === 'receipt' ? `${n} (the receipt's claim)` : String(n));
  if (options.json) {
    return output.json({ verified: 'logging', by, ...artifact?.json, ...words.json, ...place, leafHash, ...others });
  }
  const what = file === undefined ? 'the statement is' : `a statement that names ${printable(file)} is`;
  await output.text(
    aligned([
      ['verified', `${what} in the log, and nothing else: reviews, withdrawals and age take a bundle`],
      ...(artifact?.rows ?? []),
      ...words.rows,
      ['index', claimed(index)],
      ['leaf hash', leafHash],
      ...checkpointRows(checkpoint).map(
        ([label, value]): Row => [label, label === 'tree size' ? claimed(size) : value],
      ),
    ]),
  );
}

/** Checks that a statement names a file, with this content. @throws SignerError `statement-proof-mismatch` */
async function checkNamed(
  context: Context,
  file: string,
  { payload }: Statement,
  options: StatementOptions,
): Promise<{ readonly rows: readonly Row[]; readonly json: object }> {
  if (payload.type !== 'build' && payload.type !== 'database') {
    throw mismatch(
      `the proof is of a statement of the type ${payload.type}, which names no files: verify it without one`,
    );
  }
  if (payload.artifacts === undefined) {
    throw mismatch('the proof is of a release that has a manifest, and does not name its files itself');
  }
  const name = options.name ?? basename(file);
  const logged = payload.artifacts.find((artifact) => artifact.name === name);
  if (logged === undefined) {
    throw mismatch(
      `the release has no artifact of the name ${name}: if the file was renamed, give its old name with --name`,
    );
  }
  const [found] = await hashFiles(context, [{ path: file, name }], options);
  if (!isSameFile(found!, logged)) throw mismatch(`${file} is not the ${name} that was logged`);
  return {
    rows: [['artifact', `${printable(name)}, SHA-256 ${hex(logged.sha256)}`]],
    json: { file, artifact: { ...logged, sha256: hex(logged.sha256) } },
  };
}

const mismatch = (message: string): SignerError => new SignerError('statement-proof-mismatch', message);
