import {
  CoreError,
  cosignatureTime,
  isLineOf,
  openCheckpoint,
  type SignatureScheme,
  type VerifierKey,
} from '@vitrine/core';
import { WitnessError } from '../error.ts';
import { originHash } from '../witness/origin-hash.ts';
import { askOnce, type HttpQuestion } from './http-answer.ts';
import type { WitnessEndpoint } from './witness-endpoint.ts';

/** What a witness shows of a log. */
export interface Witnessed {
  /** Entries of the tree that it cosigned last. */
  readonly size: number;
  readonly root: Uint8Array;
  /** The signed note. */
  readonly note: Uint8Array;
  /** When each of its keys cosigned it, by their names in the policy, in seconds since the Epoch. */
  readonly times: ReadonlyMap<string, number>;
}

/** Which log a witness is asked about. */
export interface WitnessedLog {
  readonly origin: string;
  readonly keys: readonly VerifierKey[];
  readonly schemes: readonly SignatureScheme[];
}

/**
 * Reads the newest checkpoint of a log that a witness cosigned, where it shows that below the URL at which it is asked to cosign;
 * undefined if there is none. https://c2sp.org/tlog-witness#monitor-retrieval-mechanism
 *
 * @throws WitnessError `witness-unreachable`, `witness-refused`; `witness-answer` if it is not signed by the log and by the witness
 */
export async function readWitnessed(
  { url, witnesses }: WitnessEndpoint,
  { origin, keys, schemes }: WitnessedLog,
  options: Omit<HttpQuestion, 'url' | 'body'>,
): Promise<Witnessed | undefined> {
  const { status, body } = await askOnce({ ...options, url: `${url}/${originHash(origin)}/checkpoint` });
  if (status === 404) return undefined;
  if (status !== 200) throw new WitnessError('witness-refused', `it answers ${status}`, { status });
  try {
    const cosigners = witnesses.map(({ key }) => key);
    const { checkpoint, note } = openCheckpoint(body, { origin, keys, cosigners, schemes });
    const times = new Map<string, number>();
    for (const { verifier, signatures } of note.verified) {
      const known = witnesses.find(({ key }) => isLineOf(verifier, key));
      if (known !== undefined) times.set(known.name, Math.max(...signatures.map(cosignatureTime)));
    }
    if (times.size > 0) return { size: checkpoint.size, root: checkpoint.root, note: body, times };
  } catch (cause) {
    if (!(cause instanceof CoreError)) throw cause;
    throw new WitnessError('witness-answer', `what it shows is no cosigned checkpoint: ${cause.message}`, { cause });
  }
  throw new WitnessError('witness-answer', 'what it shows has no cosignature by its key');
}
