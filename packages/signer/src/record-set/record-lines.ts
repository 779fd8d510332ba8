import { SignerError } from '../error.ts';
import type { RecordFormat } from '../statement/payload.ts';

/** Longest line that is read as a record, in bytes: a line without an end must not fill the memory. */
export const MAX_RECORD_SIZE: number = 16 * 1024 * 1024;

/** Something that lines are read from. */
export interface LineSource {
  /** Names it in errors. */
  readonly name: string;
  readonly chunks: AsyncIterable<Uint8Array>;
}

const TAB = 0x09;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const SPACE = 0x20;

/** White space of ASCII, of which a line feed cannot be in a line. */
const isWhiteSpace = (byte: number): boolean => byte === SPACE || (byte >= TAB && byte <= CARRIAGE_RETURN);

/**
 * The lines of the sources, one after the other, that are records: their bytes, without the LF or CRLF that ends them.
 * The last line of a source may lack it. A line without any bytes is no record; what else is none, the format says.
 *
 * Each record is a view, which is whole until the next one is asked for. Memory does not grow with the sources.
 *
 * @throws SignerError `records-malformed` for a line of more than {@link MAX_RECORD_SIZE} bytes; RangeError for a comment
 * that no format has
 */
export async function* recordLines(
  sources: AsyncIterable<LineSource>,
  { comment, skipBlank }: Pick<RecordFormat, 'comment' | 'skipBlank'>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const isKept = recordFilter(comment, skipBlank === true);
  for await (const { name, chunks } of sources) {
    let number = 1;
    let parts: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of chunks) {
      // A Buffer's subarray would be a Buffer, and slower.
      const bytes = new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length);
      let at = 0;
      for (let end = bytes.indexOf(LINE_FEED); end >= 0; end = bytes.indexOf(LINE_FEED, at)) {
        let line = bytes.subarray(at, end);
        at = end + 1;
        checkSize(size + line.length, name, number);
        if (size > 0) {
          line = joined([...parts, line]);
          parts = [];
          size = 0;
        }
        number++;
        const record = line.at(-1) === CARRIAGE_RETURN ? line.subarray(0, -1) : line;
        if (isKept(record)) yield record;
      }
      if (at < bytes.length) {
        parts.push(bytes.subarray(at));
        size += bytes.length - at;
        checkSize(size, name, number);
      }
    }
    const last = joined(parts);
    if (isKept(last)) yield last;
  }
}

/**
 * Whether any database that is read in this format can have this record. Where it cannot, it is absent from all of them, and
 * that says nothing: a comment that many lines begin with keeps those out of every set.
 *
 * @throws RangeError for a comment that no format has
 */
export function isRecord(record: Uint8Array, { comment, skipBlank }: RecordFormat): boolean {
  if (record.length > MAX_RECORD_SIZE || record.includes(LINE_FEED)) return false;
  return recordFilter(comment, skipBlank === true)(record);
}

function recordFilter(comment: string | undefined, skipBlank: boolean): (line: Uint8Array) => boolean {
  if (comment !== undefined && !/^[!-~][ -~]{0,7}$/.test(comment)) {
    throw new RangeError('a comment begins with 1 to 8 printable ASCII characters');
  }
  const marker = comment === undefined ? undefined : new TextEncoder().encode(comment);
  return (line) => {
    if (line.length === 0) return false;
    if (marker === undefined && !skipBlank) return true;
    let at = 0;
    while (at < line.length && isWhiteSpace(line[at]!)) at++;
    if (at === line.length) return !skipBlank;
    return marker === undefined || !marker.every((byte, i) => line[at + i] === byte);
  };
}

function checkSize(size: number, name: string, number: number): void {
  if (size > MAX_RECORD_SIZE) {
    throw new SignerError('records-malformed', `${name}: line ${number} has more than ${MAX_RECORD_SIZE} bytes`);
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const line = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    line.set(part, at);
    at += part.length;
  }
  return line;
}
