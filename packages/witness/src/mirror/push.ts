import {
  CoreError,
  formatAddCheckpoint,
  formatSignedNote,
  isLineOf,
  loadSchemes,
  type NoteSignature,
  openCheckpoint,
  parseDecimal,
  parseSignatureLines,
  parseSignedNote,
  quote,
  type VerifierKey,
} from '@vitrine/core';
import type { LogCheckpoint, LogReading } from '@vitrine/core/log';
import { WitnessError } from '../error.ts';
import type { HttpAnswer } from '../gather/http-answer.ts';
import {
  formatAddEntriesHeader,
  formatEntryPackage,
  MAX_PACKAGES,
  packageIntervals,
  subtreeOf,
} from './entry-package.ts';
import type { MirrorClient } from './mirror-client.ts';
import { type MirrorInfo, parseMirrorInfo } from './mirror-info.ts';

/** How a log is sent to a mirror. */
export interface PushOptions {
  readonly client: MirrorClient;
  /** The mirror's keys: one of them has to have cosigned at the end. */
  readonly keys: readonly VerifierKey[];
  /** Told how many entries the mirror has, and how many there are. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** A mirror that has all of a log. */
export interface Pushed {
  readonly checkpoint: LogCheckpoint;
  /** The mirror's cosignatures of it, verified. */
  readonly cosignatures: readonly NoteSignature[];
}

/** Bytes of entries after which a request has no further package. */
const MAX_REQUEST_BYTES = 8 * 1024 * 1024;

/** How often a mirror may say that it has something else, and be no further. */
const MAX_CONFLICTS = 8;

const NO_TICKET = new Uint8Array(0);

/**
 * Sends a mirror what it lacks of a log, up to the log's newest checkpoint, and gets its cosignatures.
 * https://c2sp.org/tlog-mirror#updating-a-mirror
 *
 * @throws WitnessError `mirror-refused` if it refuses, knows another log under this origin or a larger tree, or does not get
 * on; `mirror-signature` if none of its keys has cosigned, or a signature is wrong; `witness-unreachable`; what reading the log
 * throws
 */
export async function pushEntries(log: LogReading, { client, keys, onProgress }: PushOptions): Promise<Pushed> {
  const checkpoint = log.checkpoint();
  const { size } = checkpoint;
  await addCheckpoint(log, checkpoint, client);
  // Nobody knows yet where the mirror is. It says so.
  let info: MirrorInfo = { size, next: size, ticket: NO_TICKET };
  for (let conflicts = 0; conflicts < MAX_CONFLICTS; ) {
    const answer = await client.addEntries(await requestFrom(log, info));
    if (answer.status === 200) {
      if (info.size === size)
        return { checkpoint, cosignatures: await openCosignatures(checkpoint, answer.body, log, keys) };
      // It had forgotten the checkpoint, and now has the entries of an earlier one.
      await addCheckpoint(log, checkpoint, client);
      info = { size, next: info.size, ticket: NO_TICKET };
      conflicts++;
      continue;
    }
    const next = answer.status === 202 || answer.status === 409 ? parseMirrorInfo(answer.body) : undefined;
    if (next === undefined) throw refused('entries', answer);
    if (next.size > log.size || next.next > size) {
      throw new WitnessError(
        'mirror-refused',
        `the mirror has ${Math.max(next.size, next.next)} entries of ${quote(log.origin)}, and this log ${size}`,
      );
    }
    const advances = answer.status === 202 && next.next > info.next;
    if (advances) onProgress?.(next.next, size);
    else conflicts++;
    info = next;
  }
  throw new WitnessError('mirror-refused', `the mirror says again and again that it is elsewhere: at ${info.next}`);
}

/** Makes a checkpoint the mirror's pending one. https://c2sp.org/tlog-mirror#add-checkpoint */
async function addCheckpoint(log: LogReading, { size, note }: LogCheckpoint, client: MirrorClient): Promise<void> {
  let oldSize = 0;
  for (let conflicts = 0; conflicts < MAX_CONFLICTS; conflicts++) {
    const { proof } = await log.proveConsistency(oldSize, size);
    const answer = await client.addCheckpoint(formatAddCheckpoint({ oldSize, proof, checkpoint: note }));
    if (answer.status === 200) return;
    const known = answer.status === 409 ? readSize(answer.body) : undefined;
    if (known === undefined) throw refused('the checkpoint', answer);
    if (known > size) {
      throw new WitnessError(
        'mirror-refused',
        `the mirror knows a checkpoint of ${known} entries of ${quote(log.origin)}, and this log has ${size}`,
      );
    }
    oldSize = known;
  }
  throw new WitnessError('mirror-refused', 'the mirror says again and again that its checkpoint is another one');
}

/** https://c2sp.org/tlog-witness#add-checkpoint: decimal, and a newline. */
function readSize(body: Uint8Array): number | undefined {
  const [size, rest, ...more] = new TextDecoder().decode(body.subarray(0, 32)).split('\n');
  if (rest !== '' || more.length > 0) return undefined;
  try {
    return parseDecimal(size!, 'the size');
  } catch (error) {
    if (error instanceof CoreError) return undefined;
    throw error;
  }
}

/** The body of a request from the mirror's next entry on: not more packages than one request may have. */
async function requestFrom(log: LogReading, { size, next, ticket }: MirrorInfo): Promise<Uint8Array> {
  const parts = [formatAddEntriesHeader({ origin: log.origin, start: next, end: size, ticket })];
  let bytes = 0;
  for (const interval of packageIntervals(next, size)) {
    if (parts.length > MAX_PACKAGES || bytes >= MAX_REQUEST_BYTES) break;
    const entries: Uint8Array[] = [];
    for await (const entry of log.entries(interval.start, interval.end)) entries.push(entry);
    const { proof } = await log.proveSubtreeConsistency(subtreeOf(interval), size);
    const part = formatEntryPackage({ entries, proof });
    parts.push(part);
    bytes += part.length;
  }
  return new Uint8Array(Buffer.concat(parts));
}

/** The signatures in an answer that are by the mirror's known keys; those of others are ignored. */
async function openCosignatures(
  { note }: LogCheckpoint,
  body: Uint8Array,
  log: LogReading,
  keys: readonly VerifierKey[],
): Promise<NoteSignature[]> {
  try {
    const lines = parseSignatureLines(body).filter((line) => keys.some((key) => isLineOf(line, key)));
    if (lines.length === 0) throw new WitnessError('mirror-signature', 'no known key of the mirror has cosigned');
    const { text, signatures } = parseSignedNote(note);
    const own = signatures.filter((line) => isLineOf(line, log.key));
    const schemes = await loadSchemes(keys.map(({ type }) => type));
    const signed = formatSignedNote({ text, signatures: [...own, ...lines] });
    openCheckpoint(signed, { origin: log.origin, keys: [log.key], cosigners: keys, schemes });
    return lines;
  } catch (cause) {
    if (!(cause instanceof CoreError)) throw cause;
    throw new WitnessError('mirror-signature', `the answer of the mirror is wrong: ${cause.message}`, { cause });
  }
}

function refused(what: string, { status, body }: Pick<HttpAnswer, 'status' | 'body'>): WitnessError {
  const reason = detailOf(new TextDecoder().decode(body));
  return new WitnessError('mirror-refused', `the mirror refuses ${what} with status ${status}${reason}`);
}

/** What a server that refuses says, if it says it in words. RFC 9457 */
function detailOf(body: string): string {
  try {
    const { detail } = JSON.parse(body) as { detail?: unknown };
    return typeof detail === 'string' ? `: ${detail.slice(0, 500)}` : '';
  } catch {
    return '';
  }
}
