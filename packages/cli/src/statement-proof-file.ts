import { formatBase64, formatTlogProof } from '@vitrine/core';
import { formatStatementProof, type StatementProof } from '@vitrine/signer';
import type { Context } from './context.ts';
import { CliError } from './errors.ts';
import { chooseCheckpoint } from './log-checkpoints.ts';
import { type LogOption, logPlace, openLog } from './log-option.ts';
import { checkCovered, deliver } from './proof-file.ts';
import type { OutOptions } from './result-file.ts';
import type { Subject } from './subject.ts';

/** What the commands that prove something of a statement have among their options. */
export interface StatementProofOptions extends LogOption, OutOptions {
  readonly cosigned?: boolean;
  readonly json?: boolean;
}

/** What is proven of a statement. */
export interface StatementFinding {
  readonly extra: StatementProof;
  /** What is particular to it, for `--json`. */
  readonly json: Readonly<Record<string, unknown>>;
  /** For people: what the file proves. */
  readonly what: string;
}

/**
 * Writes a `.tlog-proof` that a statement is in the log, with what is proven of the statement as its extra data.
 *
 * @throws CliError `entry-missing` if the log does not have it; `checkpoint-missing`; what `writeResult` and `openLog` throw
 */
export async function deliverStatementProof(
  context: Context,
  { leafHash }: Subject,
  { extra, json, what }: StatementFinding,
  options: StatementProofOptions,
): Promise<void> {
  await using log = await openLog(await logPlace(context, options));
  const checkpoint = chooseCheckpoint(log, options);
  const index = await log.indexOf(leafHash);
  if (index === undefined) throw new CliError('entry-missing', `the statement is not in the log ${log.origin}`);
  checkCovered(log, index, checkpoint);
  const { proof } = await log.proveInclusion(index, checkpoint.size);
  const extraBytes = formatStatementProof(extra);
  const bytes = formatTlogProof({ extra: extraBytes, index, proof, checkpoint: checkpoint.note });
  const common = {
    index,
    leafHash: formatBase64(leafHash),
    ...json,
    proof: proof.map(formatBase64),
    extra: formatBase64(extraBytes),
  };
  await deliver(context, bytes, { log, checkpoint, options, json: common, what: `${what}, statement ${index}` });
}
