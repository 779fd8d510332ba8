import { equalBytes } from '@vitrine/core';
import type { RecordSetSummary } from '@vitrine/signer';
import type { RecordSet } from '@vitrine/signer/node';
import type { Context } from './context.ts';
import { type DatabaseFiles, readRecordSet } from './database-files.ts';
import { CliError } from './errors.ts';
import { hex } from './hex.ts';
import { count } from './text.ts';

/**
 * Reads the records of a database in the way that the statement says, and refuses any others than those that were logged.
 *
 * @param logged what the statement says of them
 * @throws CliError `records-differ`; what `readRecordSet` throws
 */
export async function readLoggedRecords(
  context: Context,
  database: DatabaseFiles,
  logged: RecordSetSummary,
  { json }: { readonly json: boolean | undefined },
): Promise<RecordSet> {
  const records = await readRecordSet(context, database, { format: logged.format, json });
  if (equalBytes(records.root, logged.root) && records.count === logged.count) return records;
  throw new CliError(
    'records-differ',
    `${database.path} does not have the records that were logged: expected ${recordsText(logged)}; found ${recordsText(records)}`,
  );
}

/** A set of records for people, on one line. */
export function recordsText({ count: n, root }: Pick<RecordSetSummary, 'count' | 'root'>): string {
  return `${count(n, 'record')}, root ${hex(root)}`;
}
