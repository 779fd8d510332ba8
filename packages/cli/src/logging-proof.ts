import { CoreError, formatTlogProof, type Signer } from '@vitrine/core';
import type { LogCheckpoint, LogReading } from '@vitrine/core/log';
import { type Statement, statementOf } from '@vitrine/signer';
import { formatTransparentStatement, signReceipt } from '@vitrine/verifier';
import type { Context } from './context.ts';
import { CliError } from './errors.ts';
import { describeLog, type LogKeyOption, type LogPlace, logKeySigner } from './log-option.ts';

/**
 * A proof that the log has the statement at a leaf, and of nothing else: a C2SP tlog-proof, or with a signer, which holds the
 * log's key, a COSE statement with a receipt. docs/receipts.md
 *
 * @throws CliError `usage` for a leaf that is no statement; Refusal `receipt-malformed` for the only leaf of a tree
 */
export async function loggingProof(
  log: LogReading,
  leaf: number,
  { checkpoint: { size, root, note }, signer }: { readonly checkpoint: LogCheckpoint; readonly signer?: Signer },
): Promise<{ readonly bytes: Uint8Array; readonly statement: Statement }> {
  const entry = await log.entry(leaf);
  const statement = statementOf(entry);
  if (statement === undefined) {
    throw new CliError(
      'usage',
      `leaf ${leaf} is no statement: vitrine prove inclusion proves that any entry is logged`,
    );
  }
  const inclusion = { ...(await log.proveInclusion(leaf, size)), root };
  if (signer === undefined) {
    const bytes = formatTlogProof({ extra: entry, index: leaf, proof: inclusion.proof, checkpoint: note });
    return { bytes, statement };
  }
  const receipt = await signReceipt({ entry, inclusion, signer });
  return { bytes: formatTransparentStatement({ entry, receipts: [receipt] }), statement };
}

/**
 * The signer of a log's receipts.
 *
 * @throws CliError `key-missing`, which says what serves without the key; CoreError `log-admission` for a log of arbitrary
 * entries; what `logKeySigner` throws
 */
export async function receiptSigner(
  context: Context,
  place: LogPlace,
  options: LogKeyOption & { readonly json?: boolean },
): Promise<Signer> {
  const description = await describeLog(place);
  if (description.kind !== 'statements') {
    const message = `${description.origin} takes arbitrary entries: a receipt of it would say that somebody has judged the statement`;
    throw new CoreError('log-admission', message);
  }
  try {
    return await logKeySigner(context, description, options);
  } catch (error) {
    if (!(error instanceof CliError) || error.code !== 'key-missing') throw error;
    throw new CliError(
      error.code,
      `only the log itself can sign a receipt, and keeps none for others: ${error.message}; --format tlog-proof shows as much ` +
        'without the key',
      { cause: error },
    );
  }
}
