import { formatBase64, type Signer } from '@vitrine/core';
import type { Statement } from '@vitrine/signer';
import type { Context } from './context.ts';
import { type LogPlace, type OpenedLog, openLog } from './log-option.ts';
import { type Mentions, mentionsIn } from './mentions.ts';
import { statementJson, statementLine } from './statement-view.ts';

/** A statement to append. */
export interface SignedStatement {
  /** Its exact bytes. */
  readonly entry: Uint8Array;
  readonly statement: Statement;
  /** The file that it was read from. */
  readonly file?: string;
}

/** Where statements are appended to. */
export interface AppendTarget {
  readonly place: LogPlace;
  /** Holds the log's key; undefined where its server does. */
  readonly signer: Signer | undefined;
  readonly json?: boolean | undefined;
}

/**
 * Appends statements to a log, and prints a line for each once they are durable. The log is locked no longer than that
 * takes. It judges them all before it takes any.
 *
 * @throws SignerError with `admission-` codes; CoreError with `log-` and `store-` codes
 */
export async function appendStatements(
  context: Context,
  statements: readonly SignedStatement[],
  { place, signer, json }: AppendTarget,
): Promise<void> {
  await using log = await openLog(place, signer);
  await appendTo(context, log, statements, { json });
}

/** As {@link appendStatements}, to a log that is open. */
export async function appendTo(
  context: Context,
  log: OpenedLog,
  statements: readonly SignedStatement[],
  { json }: { readonly json?: boolean | undefined },
): Promise<void> {
  const before = log.size;
  let done = 0;
  for await (const batch of log.appendAll(statements.map(({ entry }) => entry))) {
    for (const { index, leafHash } of batch) {
      const next = statements[done++]!;
      const mentions = await mentionsIn(log, next.statement);
      await printLogged(context, { ...next, index, leafHash, known: index < before, mentions }, { json });
    }
  }
}

/** A statement that the log has. */
export interface LoggedStatement extends Omit<SignedStatement, 'entry'> {
  readonly index: number;
  readonly leafHash: Uint8Array;
  /** Whether it was there before the command. */
  readonly known: boolean;
  /** What it speaks of. */
  readonly mentions?: Mentions;
}

/** Prints a line about a statement that the log has. */
export async function printLogged(
  { output }: Context,
  { index, leafHash, known, file, statement, mentions }: LoggedStatement,
  { json }: { readonly json?: boolean | undefined },
): Promise<void> {
  const where = { index, leafHash: formatBase64(leafHash), ...(file !== undefined && { file }) };
  if (json) return output.json({ ...where, known, statement: statementJson(statement) });
  await output.text(`${index}  ${where.leafHash}  ${statementLine(statement, mentions)}\n`);
  if (known) output.note(`${file ?? 'the statement'} was in the log already, at index ${index}`);
}
