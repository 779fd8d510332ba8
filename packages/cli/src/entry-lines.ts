import { CoreError, MAX_ENTRY_SIZE } from '@vitrine/core';
import { CliError } from './errors.ts';
import { decodeUtf8 } from './text.ts';

const NEWLINE = 0x0a;

/** What lines are read from. */
export interface LineSource {
  /** Names the source in errors. */
  readonly name: string;
  readonly chunks: AsyncIterable<Uint8Array>;
  /** Whether each line must be a JSON text. */
  readonly json: boolean;
}

/**
 * The lines of a file as entries: each as it is, without its newline. The last one may lack a newline. Reads in constant
 * memory.
 *
 * @throws CliError `line-blank`, `line-json`; CoreError `entry-too-large`; all name the line, counted from 1
 */
export async function* entryLines({ name, chunks, json }: LineSource): AsyncGenerator<Uint8Array, void, undefined> {
  let number = 0;
  let rest = new Uint8Array(0);
  const entry = (line: Uint8Array): Uint8Array => {
    number++;
    check(line, `${name}: line ${number}`, json);
    return line;
  };
  for await (const chunk of chunks) {
    let at = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, at)) {
      yield entry(joined(rest, chunk.subarray(at, end)));
      rest = new Uint8Array(0);
      at = end + 1;
    }
    rest = joined(rest, chunk.subarray(at));
    // A line without an end must not fill the memory.
    if (rest.length > MAX_ENTRY_SIZE) throw tooLarge(`${name}: line ${number + 1}`);
  }
  if (rest.length > 0) yield entry(rest);
}

function check(line: Uint8Array, where: string, json: boolean): void {
  if (line.length === 0) throw new CliError('line-blank', `${where} is blank, and an entry has at least one byte`);
  if (line.length > MAX_ENTRY_SIZE) throw tooLarge(where);
  if (!json) return;
  const text = decodeUtf8(line);
  if (text === undefined) throw new CliError('line-json', `${where} is not JSON: it is not UTF-8`);
  if (text.trim() === '') throw new CliError('line-blank', `${where} is blank`);
  try {
    JSON.parse(text);
  } catch {
    // No cause: it quotes the line, and the file may be the wrong one.
    throw new CliError('line-json', `${where} is not JSON`);
  }
}

function tooLarge(where: string): CoreError {
  return new CoreError('entry-too-large', `${where} has more than the ${MAX_ENTRY_SIZE} bytes of an entry`);
}

/** A copy, because the chunk is read into again. */
function joined(head: Uint8Array, tail: Uint8Array): Uint8Array<ArrayBuffer> {
  const line = new Uint8Array(head.length + tail.length);
  line.set(head);
  line.set(tail, head.length);
  return line;
}
