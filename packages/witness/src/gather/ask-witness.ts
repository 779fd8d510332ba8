import { type Consistency, formatAddCheckpoint, type SignatureScheme, type VerifierKey } from '@vitrine/core';
import type { LogCheckpoint } from '@vitrine/core/log';
import { WitnessError } from '../error.ts';
import { askOnce } from './http-answer.ts';
import { logSigned, openAnswer, readSize, refusalOf, type WitnessLine } from './witness-answer.ts';
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

/** How often a witness may name another size than the one before: others may make the log's requests too. */
const MAX_CONFLICTS = 3;

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
      return openAnswer(answer.body, witnesses, target, options);
    }
    if (answer.status !== 409) throw refusalOf(answer);
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
