import {
  addSignatures,
  CoreError,
  cosignatureTime,
  formatSignedNote,
  isLineOf,
  type NoteSignature,
  openCheckpoint,
  parseDecimal,
  parseSignatureLines,
  parseSignedNote,
  type VerifierKey,
} from '@vitrine/core';
import { type LogCheckpoint, parseRetryAfter } from '@vitrine/core/log';
import { WitnessError } from '../error.ts';
import type { AskOptions } from './ask-witness.ts';
import type { HttpAnswer } from './http-answer.ts';
import type { WitnessEndpoint } from './witness-endpoint.ts';

/** A cosignature that was verified. */
export interface WitnessLine {
  /** The witness's name in the policy. */
  readonly witness: string;
  readonly line: NoteSignature;
  /** Seconds since the Epoch, never 0. */
  readonly time: number;
}

const TLOG_SIZE = 'text/x.tlog.size';
/** Clocks may differ by this, in seconds. */
const MAX_SKEW = 300;

/** Without the cosignatures of others, which a witness has no use for. */
export function logSigned({ note }: LogCheckpoint, { keyName: origin }: VerifierKey): Uint8Array {
  const { text, signatures } = parseSignedNote(note);
  return formatSignedNote({ text, signatures: signatures.filter(({ keyName }) => keyName === origin) });
}

/** The size in an answer with the status 409. @throws WitnessError `witness-answer` */
export function readSize({ headers, body }: HttpAnswer): number {
  const type = headers.get('content-type')?.split(';', 1)[0]?.trim();
  const text = new TextDecoder().decode(body);
  try {
    if (type === TLOG_SIZE && text.endsWith('\n')) return parseDecimal(text.slice(0, -1), 'the size');
  } catch (error) {
    if (!(error instanceof CoreError)) throw error;
  }
  throw new WitnessError('witness-answer', 'it answers 409 without a size');
}

/**
 * The cosignatures in an answer: valid ones, at least one, the newest of each key. Lines of unknown keys are ignored.
 * https://c2sp.org/tlog-witness#add-checkpoint
 *
 * @throws WitnessError `witness-answer`
 */
export function openAnswer(
  body: Uint8Array,
  witnesses: WitnessEndpoint['witnesses'],
  target: LogCheckpoint,
  { log, schemes, now }: Pick<AskOptions, 'log' | 'schemes' | 'now'>,
): WitnessLine[] {
  let found: WitnessLine[];
  try {
    const lines = parseSignatureLines(body);
    // One of each key, before any is verified: an answer has room for many, and each takes its time.
    found = witnesses.flatMap(({ name, key }) => newestBy(lines, key).map((line) => ({ witness: name, ...line })));
    const signed = addSignatures(
      parseSignedNote(logSigned(target, log.key)),
      found.map(({ line }) => line),
    );
    const cosigners = witnesses.map(({ key }) => key);
    openCheckpoint(formatSignedNote(signed), { origin: log.origin, keys: [log.key], cosigners, schemes });
  } catch (cause) {
    if (!(cause instanceof CoreError)) throw cause;
    throw new WitnessError('witness-answer', `its answer is not a valid cosignature: ${cause.message}`, { cause });
  }
  if (found.length === 0) throw new WitnessError('witness-answer', 'it gives no cosignature by its key');
  if (found.some(({ time }) => time === 0)) throw new WitnessError('witness-answer', 'its cosignature has no time');
  if (found.some(({ time }) => time > now() + MAX_SKEW)) {
    throw new WitnessError('witness-answer', 'its cosignature is of the future: a clock is wrong');
  }
  return found;
}

/** The line of a key that says the latest time, if there is one. @throws CoreError `cosignature-malformed` */
function newestBy(lines: readonly NoteSignature[], key: VerifierKey): readonly Omit<WitnessLine, 'witness'>[] {
  return lines
    .filter((line) => isLineOf(line, key))
    .map((line) => ({ line, time: cosignatureTime(line.signature) }))
    .sort((a, b) => b.time - a.time)
    .slice(0, 1);
}

/** Why a witness does not do what it was asked. */
export function refusalOf({ status, headers, body }: HttpAnswer): WitnessError {
  const wait = parseRetryAfter(headers.get('retry-after'), Date.now());
  const detail = detailOf(headers, body);
  const said = `it answers ${status}${detail && `: ${detail}`}`;
  // https://c2sp.org/tlog-witness#add-checkpoint
  const meaning = status === 422 ? 'THE LOG HAS SHOWN IT ANOTHER HISTORY, or it is wrong: ' : '';
  return new WitnessError('witness-refused', `${meaning}${said}`, {
    status,
    retryAfter: wait === undefined ? undefined : wait / 1000,
  });
}

const MAX_DETAIL = 200;

/** What an answer says of its reason, for people: the caller shows it where nothing can be acted on by a terminal. */
function detailOf(headers: Headers, body: Uint8Array): string {
  const text = new TextDecoder().decode(body);
  if (headers.get('content-type') !== 'application/problem+json') return firstLine(text);
  try {
    const { detail } = JSON.parse(text) as { detail?: unknown };
    return typeof detail === 'string' ? firstLine(detail) : '';
  } catch {
    return firstLine(text);
  }
}

const firstLine = (text: string): string => (text.split('\n', 1)[0] ?? '').slice(0, MAX_DETAIL);
