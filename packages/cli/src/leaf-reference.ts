import { CoreError, HASH_SIZE, leafHash as hashLeaf, MAX_ENTRY_SIZE, parseBase64 } from '@vitrine/core';
import {
  COSE_SIGN1,
  newestWithdrawal,
  parseStatement,
  SignerError,
  type Statement,
  statementOf,
} from '@vitrine/signer';
import type { Context } from './context.ts';
import { CliError, isMissing, naming } from './errors.ts';
import { readAtMost } from './files.ts';
import { hasLog, type LogOption, logPlace, openLog } from './log-option.ts';
import { decimalArgument } from './numbers.ts';

/** How a leaf is named, for the help of commands. */
export const LEAF_ARGUMENT = 'index, leaf hash or statement file (./12 is a file, 12 an index)';

/** A leaf that somebody named, and as much of it as was found out on the way. */
export interface ResolvedLeaf {
  readonly leafHash: Uint8Array;
  /** Where it is in the log, if the log was asked. */
  readonly index?: number;
  readonly entry?: Uint8Array;
  /** If the entry is known and is a statement. Its signature was not checked. */
  readonly statement?: Statement;
  /** Where the log has a withdrawal of it, or of a release of the same stream with the same content, if the log was asked. */
  readonly withdrawnAt?: number;
}

/** A leaf whose entry is known. */
export interface ResolvedEntry extends ResolvedLeaf {
  readonly entry: Uint8Array;
}

/** A leaf that is a statement. */
export interface ResolvedStatement extends ResolvedEntry {
  readonly statement: Statement;
}

/**
 * What a `<leaf>` on the command line names: an index, a leaf hash in 64 hex digits or in base64, or the path of a statement
 * file. The log is opened to read, and closed again. A statement file needs none, and a leaf hash is taken as it is where no
 * log is named.
 *
 * @throws CliError `usage` for an index without a log; `entry-missing` if the log does not have it; `file-` codes; CoreError `log-range`; what `openLog` throws;
 * SignerError `statement-malformed` for a file that holds none
 */
export async function resolveLeaf(context: Context, reference: string, options: LogOption): Promise<ResolvedLeaf> {
  if (isIndex(reference) && !hasLog(context, options)) {
    throw new CliError(
      'usage',
      `${reference} is an index, which needs the log: name it with --log, or in VITRINE_LOG, or give the statement file`,
    );
  }
  if (isIndex(reference)) return fromLog(context, decimalArgument('index')(reference), reference, options);
  const leafHash = parseLeafHash(reference);
  if (leafHash === undefined) return fromFile(reference);
  return hasLog(context, options) ? fromLog(context, leafHash, reference, options) : { leafHash };
}

/**
 * As {@link resolveLeaf}, where the entry itself is needed.
 *
 * @throws CliError `usage` for a leaf hash without a log
 */
export async function resolveEntry(context: Context, reference: string, options: LogOption): Promise<ResolvedEntry> {
  const resolved = await resolveLeaf(context, reference, options);
  if (resolved.entry !== undefined) return { ...resolved, entry: resolved.entry };
  throw new CliError(
    'usage',
    'a leaf hash says nothing without the log: name it with --log, or give the statement file',
  );
}

/**
 * As {@link resolveEntry}, where the statement is needed.
 *
 * @throws SignerError `statement-malformed`, `statement-newer` for an entry that is none
 */
export async function resolveStatement(
  context: Context,
  reference: string,
  options: LogOption,
): Promise<ResolvedStatement> {
  const resolved = await resolveEntry(context, reference, options);
  if (resolved.statement !== undefined) return { ...resolved, statement: resolved.statement };
  // Again, for its reasons.
  return { ...resolved, statement: naming(reference, () => parseStatement(resolved.entry)) };
}

/** Tells people of a release that was withdrawn, before they build on it. */
export function noteWithdrawn(
  { output }: Context,
  reference: string,
  { withdrawnAt }: ResolvedLeaf,
  { json }: { readonly json?: boolean },
): void {
  if (withdrawnAt === undefined || json) return;
  output.note(`${reference}, or a release with the same content, was withdrawn at leaf ${withdrawnAt}`);
}

/** The leaf hash that a text is, in hex or in base64; undefined if it is none. */
export function parseLeafHash(text: string): Uint8Array | undefined {
  if (/^[0-9a-f]{64}$/i.test(text)) return new Uint8Array(Buffer.from(text, 'hex'));
  if (text.length !== 4 * Math.ceil(HASH_SIZE / 3) || !text.endsWith('=')) return undefined;
  try {
    return parseBase64(text, 'the leaf hash');
  } catch (error) {
    // Then it is the name of a file.
    if (error instanceof CoreError) return undefined;
    throw error;
  }
}

/**
 * Reads a statement file. Its signature is not checked.
 *
 * @throws CliError with `file-` codes; SignerError `statement-malformed`, `statement-newer`, which name the file
 */
export async function readStatementFile(path: string): Promise<ResolvedStatement> {
  const entry = await readAtMost(path, MAX_ENTRY_SIZE);
  if (entry.length > MAX_ENTRY_SIZE) {
    throw new SignerError('statement-malformed', `${path} has more than the ${MAX_ENTRY_SIZE} bytes of an entry`);
  }
  if (entry[0] !== COSE_SIGN1) throw new SignerError('statement-malformed', `${path} is no statement file`);
  const statement = naming(path, () => parseStatement(entry));
  return { leafHash: hashLeaf(entry), entry, statement };
}

/** Whether a text names a leaf by its index. 64 digits are a leaf hash. */
export function isIndex(text: string): boolean {
  return /^[0-9]+$/.test(text) && text.length !== 2 * HASH_SIZE;
}

async function fromFile(path: string): Promise<ResolvedStatement> {
  try {
    return await readStatementFile(path);
  } catch (error) {
    if (!isMissing(error)) throw error;
    const hint = 'a leaf is named by its index, its leaf hash or a statement file';
    throw new CliError(error.code, `${error.message}; ${hint}`, { cause: error });
  }
}

async function fromLog(
  context: Context,
  named: number | Uint8Array,
  reference: string,
  options: LogOption,
): Promise<ResolvedLeaf> {
  await using log = await openLog(await logPlace(context, options));
  const index = typeof named === 'number' ? named : await log.indexOf(named);
  if (index === undefined) throw new CliError('entry-missing', `${reference} is not in the log ${log.origin}`);
  const entry = await log.entry(index);
  const statement = statementOf(entry);
  const leaf = { leafHash: hashLeaf(entry), index, entry };
  if (statement === undefined) return leaf;
  // A server of files cannot be asked.
  const withdrawal = log.answersDerived ? await newestWithdrawal(log, { ...leaf, statement }) : undefined;
  return { ...leaf, statement, ...(withdrawal !== undefined && { withdrawnAt: withdrawal.index }) };
}
