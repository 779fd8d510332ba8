import {
  addSignatures,
  type Consistency,
  CoreError,
  cosignatureTime,
  formatAddCheckpoint,
  formatSignedNote,
  type NoteSignature,
  openCheckpoint,
  parseDecimal,
  parseSignatureLines,
  parseSignedNote,
  type SignatureScheme,
  type VerifierKey,
} from '@vitrine/core';
import { type LogCheckpoint, parseRetryAfter } from '@vitrine/core/log';
import { WitnessError } from '../error.ts';

import { askOnce, type HttpAnswer } from './http-answer.ts';
import type { WitnessEndpoint } from './witness-endpoint.ts';

/** The log whose checkpoints are to be cosigned: a `Log` is one. */
export interface AskingLog {
  readonly origin: string;
  /** The key that signs its checkpoints. */
  readonly key: VerifierKey;
  /** Entries in the log. */
  readonly size: number;
  proveConsistency(oldSize: number, newSize: number): Promise<Consistency>;
}

/** How a witness is asked. */
export interface AskOptions {
  readonly log: AskingLog;
  readonly schemes: readonly SignatureScheme[];
  readonly fetch: typeof globalThis.fetch;
  /** Seconds since the Epoch. */
  now(): number;
  /** Milliseconds for one request. */
  readonly timeout: number;
  readonly signal?: AbortSignal | undefined;
}

/** A cosignature that was verified. */
export interface WitnessLine {
  /** The witness's name in the policy. */
  readonly witness: string;
  readonly line: NoteSignature;
  /** Seconds since the Epoch, never 0. */
  readonly time: number;
}

const TLOG_SIZE = 'text/x.tlog.size';
/** How often a witness may name another size than the one before: others may make the log's requests too. */
const MAX_CONFLICTS = 3;
/** Clocks may differ by this, in seconds. */
const MAX_SKEW = 300;

/**
 * Asks a witness to cosign a checkpoint, from the size that it saw last or, where it names another, from that.
 * https://c2sp.org/tlog-witness#add-checkpoint
 *
 * @param oldSize what it is believed to have seen last
 * @param onSize told what it says that it saw last
 * @returns valid cosignatures, at least one; the newest of each key
 * @throws WitnessError `witness-unreachable`, `witness-refused`, `witness-answer`; `log-behind` if it saw a larger tree than the
 * log has; `witness-conflict` if it saw a larger one than the checkpoint's, which the log has; what the log throws
 */
export async function askWitness(
  { url, witnesses }: WitnessEndpoint,
  target: LogCheckpoint,
  { oldSize, onSize, ...options }: AskOptions & { readonly oldSize: number; readonly onSize: (size: number) => void },
): Promise<readonly WitnessLine[]> {
  const { log } = options;
  let from = Math.min(oldSize, target.size);
  for (let conflicts = 0; conflicts <= MAX_CONFLICTS; conflicts++) {
    // The empty tree is consistent with any, so nothing has to be read for it.
    const proof = from === 0 ? [] : (await log.proveConsistency(from, target.size)).proof;
    const body = formatAddCheckpoint({ oldSize: from, proof, checkpoint: logSigned(target, log.key) });
    const answer = await askOnce({ ...options, url: `${url}/add-checkpoint`, body });
    if (answer.status === 200) {
      onSize(target.size);
      return verifyAnswer(answer.body, witnesses, target, options);
    }
    if (answer.status !== 409) throw refused(answer);
    const size = readSize(answer);
    onSize(size);
    if (size > log.size) {
      throw new WitnessError(
        'log-behind',
        `it has cosigned a tree of ${size} entries of ${log.origin}, which has ${log.size} here`,
        { size },
      );
    }
    if (size > target.size) {
      throw new WitnessError('witness-conflict', `it has cosigned ${size} entries already`, { size });
    }
    if (size === from)
      throw new WitnessError('witness-answer', `it refuses to go on from ${from}, the size that it names`);
    from = size;
  }
  throw new WitnessError('witness-answer', 'it names another size each time');
}

/** Without the cosignatures of others, which a witness has no use for. */
function logSigned({ note }: LogCheckpoint, { keyName, keyId }: VerifierKey): Uint8Array {
  const { text, signatures } = parseSignedNote(note);
  return formatSignedNote({ text, signatures: signatures.filter((l) => l.keyName === keyName && l.keyId === keyId) });
}

/** The size in an answer with the status 409. */
function readSize({ headers, body }: HttpAnswer): number {
  const type = headers.get('content-type')?.split(';', 1)[0]?.trim();
  const text = new TextDecoder().decode(body);
  try {
    if (type === TLOG_SIZE && text.endsWith('\n')) return parseDecimal(text.slice(0, -1), 'the size');
  } catch (error) {
    if (!(error instanceof CoreError)) throw error;
  }
  throw new WitnessError('witness-answer', 'it answers 409 without a size');
}

function verifyAnswer(
  body: Uint8Array,
  witnesses: WitnessEndpoint['witnesses'],
  target: LogCheckpoint,
  { log, schemes, now }: AskOptions,
): WitnessLine[] {
  const keys = witnesses.map(({ key }) => key);
  let lines: readonly NoteSignature[];
  try {
    // Signatures of unknown keys are ignored: https://c2sp.org/tlog-witness#add-checkpoint
    lines = parseSignatureLines(body).filter((line) => keys.some((key) => isBy(line, key)));
    const signed = addSignatures(parseSignedNote(logSigned(target, log.key)), lines);
    openCheckpoint(formatSignedNote(signed), { origin: log.origin, keys: [log.key], cosigners: keys, schemes });
  } catch (cause) {
    if (!(cause instanceof CoreError)) throw cause;
    throw new WitnessError('witness-answer', `its answer is not a valid cosignature: ${cause.message}`, { cause });
  }
  const found = witnesses.flatMap(({ name, key }): WitnessLine[] => {
    const own = lines
      .filter((line) => isBy(line, key))
      .map((line) => ({ line, time: cosignatureTime(line.signature) }));
    const newest = own.sort((a, b) => b.time - a.time)[0];
    return newest === undefined ? [] : [{ witness: name, ...newest }];
  });
  if (found.length === 0) throw new WitnessError('witness-answer', 'it gives no cosignature by its key');
  if (found.some(({ time }) => time === 0)) throw new WitnessError('witness-answer', 'its cosignature has no time');
  if (found.some(({ time }) => time > now() + MAX_SKEW)) {
    throw new WitnessError('witness-answer', 'its cosignature is of the future: a clock is wrong');
  }
  return found;
}

const isBy = (line: NoteSignature, { keyName, keyId }: VerifierKey): boolean =>
  line.keyName === keyName && line.keyId === keyId;

function refused({ status, headers, body }: HttpAnswer): WitnessError {
  const wait = parseRetryAfter(headers.get('retry-after'), Date.now());
  const detail = detailOf(headers, body);
  return new WitnessError('witness-refused', `it answers ${status}${detail && `: ${detail}`}`, {
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
