import type { RecordFormat } from '../statement/payload.ts';
import { cvdMembers } from './cvd-members.ts';
import { lineFiles } from './line-files.ts';
import { recordLines } from './record-lines.ts';

/**
 * Reads the records of a signature database: with `lines` of the file at `path`, or of all files below the directory
 * there; with `cvd` of the databases in a ClamAV container. Memory does not grow with the database.
 *
 * Each record is a view, which is whole until the next one is asked for: copy what is kept.
 *
 * @throws SignerError `records-malformed`; what Node says if a file cannot be read
 */
export function readRecords(path: string, format: RecordFormat): AsyncGenerator<Uint8Array, void, undefined> {
  return recordLines(format.reader === 'cvd' ? cvdMembers(path) : lineFiles(path), format);
}
