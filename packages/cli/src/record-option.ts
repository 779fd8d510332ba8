import { isRecord, type RecordFormat } from '@vitrine/signer';
import type { Context } from './context.ts';
import { CliError } from './errors.ts';
import { readInput } from './files.ts';
import { formatText } from './statement-view.ts';

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

// Node turns each invalid byte of a command line into this character, so it may stand for something else.
const REPLACEMENT = '\ufffd';

/**
 * The record that the user gave: as text, or in a file, whose bytes are the record. The newline that ends them is not part
 * of it. What no record can be is refused: that it is absent would be true and mean nothing.
 *
 * @throws CliError `usage` if both are given, or none, and for what is not one line; `file-` codes
 */
export async function readRecord(
  context: Context,
  { record, recordFile }: { readonly record: string | undefined; readonly recordFile: string | undefined },
): Promise<Uint8Array> {
  if ((record === undefined) === (recordFile === undefined)) {
    throw new CliError('usage', 'give the record either as text or in a file, with --record-file');
  }
  const bytes = recordFile === undefined ? fromText(record!) : await fromFile(context, recordFile);
  if (bytes.length === 0) throw new CliError('usage', 'the record is empty, and no database has such a one');
  if (bytes.includes(LINE_FEED)) throw new CliError('usage', 'a record is one line, and this has several');
  return bytes;
}

/**
 * Why it would mean nothing that a database, read in this format, does not have a record; undefined if it means something.
 */
export function emptyAbsence(record: Uint8Array, format: RecordFormat): string | undefined {
  if (!isRecord(record, format)) {
    return `what is read as ${formatText(format)} never has this record, and that it is absent means nothing`;
  }
  if (record.at(-1) !== CARRIAGE_RETURN) return undefined;
  return 'the record ends with a carriage return, which is mostly the end of its line and no part of it: leave it out';
}

function fromText(record: string): Uint8Array {
  if (!record.includes(REPLACEMENT)) return new TextEncoder().encode(record);
  throw new CliError('usage', 'the record is not valid UTF-8: give its bytes in a file, with --record-file');
}

async function fromFile(context: Context, path: string): Promise<Uint8Array> {
  const { MAX_RECORD_SIZE } = await import('@vitrine/signer/node');
  const bytes = await readInput(path, MAX_RECORD_SIZE, context.stdin);
  if (bytes.length > MAX_RECORD_SIZE) {
    throw new CliError('usage', `${path} has more than the ${MAX_RECORD_SIZE} bytes of a record`);
  }
  if (bytes.at(-1) !== LINE_FEED) return bytes;
  return bytes.slice(0, bytes.at(-2) === CARRIAGE_RETURN ? -2 : -1);
}
