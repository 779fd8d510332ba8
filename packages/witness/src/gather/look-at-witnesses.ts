import { CoreError, cosignatureTime, formatAddCheckpoint, openCheckpoint, type Policy } from '@vitrine/core';
import type { LogCheckpoint } from '@vitrine/core/log';
import { WitnessError } from '../error.ts';
import { originHash } from '../witness/origin-hash.ts';
import type { AskingLog, AskOptions } from './ask-witness.ts';
import type { WitnessStatus } from './gatherer.ts';
import { askOnce } from './http-answer.ts';
import { logSigned, openAnswer, readSize, refusalOf } from './witness-answer.ts';
import { type WitnessEndpoint, witnessEndpoints } from './witness-endpoint.ts';

/** What witnesses are asked about. */
export interface LookOptions extends AskOptions {
  readonly log: AskingLog & { checkpoint(): LogCheckpoint };
  readonly policy: Policy;
}

/** What one witness has cosigned last. */
interface Seen {
  readonly size: number;
  /** The times of its newest cosignatures, by the names of its keys in the policy: none are known from a size alone. */
  readonly times: ReadonlyMap<string, number>;
}

/**
 * What each witness of a policy has cosigned last: by the checkpoint that it shows, if its monitoring prefix is where it is asked
 * to cosign, and otherwise by the size that it names when it is asked from size 0. One that has seen nothing of the log cosigns
 * its newest checkpoint then.
 *
 * @returns in the order of the policy
 * @throws the reason of `signal`
 */
export async function lookAtWitnesses(options: LookOptions): Promise<WitnessStatus[]> {
  const { policy, now } = options;
  const { endpoints, unreachable } = witnessEndpoints(policy);
  const found = new Map<string, Partial<WitnessStatus>>();
  for (const { witness, reason } of unreachable) {
    found.set(witness.name, { failure: { code: 'witness-unreachable', message: reason, time: now() } });
  }
  await Promise.all(
    endpoints.map(async (endpoint) => {
      const seen = await lookAt(endpoint, options).catch((error: unknown) => {
        if (!(error instanceof WitnessError)) throw error;
        return { failure: { code: error.code, message: error.message, time: now() } };
      });
      for (const { name } of endpoint.witnesses) found.set(name, { url: endpoint.url, ...statusOf(seen, name) });
    }),
  );
  return policy.witnesses.map(({ name, key }) => ({ name, keyName: key.keyName, ...found.get(name) }));
}

function statusOf(seen: Seen | Pick<WitnessStatus, 'failure'>, name: string): Partial<WitnessStatus> {
  if (!('size' in seen)) return seen;
  const { size, times } = seen;
  const time = times.get(name);
  return { size, ...(time !== undefined && { cosigned: { size, time } }) };
}

async function lookAt(endpoint: WitnessEndpoint, options: LookOptions): Promise<Seen> {
  return (await shown(endpoint, options)) ?? (await named(endpoint, options));
}

/** By the checkpoint at its monitoring prefix. https://c2sp.org/tlog-witness#monitor-retrieval-mechanism */
async function shown({ url, witnesses }: WitnessEndpoint, options: LookOptions): Promise<Seen | undefined> {
  const { log, schemes } = options;
  const { status, body } = await askOnce({ ...options, url: `${url}/${originHash(log.origin)}/checkpoint` });
  if (status !== 200) return undefined;
  try {
    const cosigners = witnesses.map(({ key }) => key);
    const { checkpoint, note } = openCheckpoint(body, { origin: log.origin, keys: [log.key], cosigners, schemes });
    const times = witnesses.flatMap(({ name, key }): [string, number][] => {
      const own = note.verified.find(
        ({ verifier }) => verifier.keyName === key.keyName && verifier.keyId === key.keyId,
      );
      return own === undefined ? [] : [[name, Math.max(...own.signatures.map(cosignatureTime))]];
    });
    return { size: checkpoint.size, times: new Map(times) };
  } catch (cause) {
    if (!(cause instanceof CoreError)) throw cause;
    throw new WitnessError('witness-answer', `it shows a checkpoint that is not valid: ${cause.message}`, { cause });
  }
}

/** By the size that it names. https://c2sp.org/tlog-witness#add-checkpoint */
async function named({ url, witnesses }: WitnessEndpoint, options: LookOptions): Promise<Seen> {
  const { log } = options;
  const target = log.checkpoint();
  const body = formatAddCheckpoint({ oldSize: 0, proof: [], checkpoint: logSigned(target, log.key) });
  const answer = await askOnce({ ...options, url: `${url}/add-checkpoint`, body });
  if (answer.status === 409) return { size: readSize(answer), times: new Map() };
  if (answer.status !== 200) throw refusalOf(answer);
  const lines = openAnswer(answer.body, witnesses, target, options);
  return { size: target.size, times: new Map(lines.map(({ witness, time }) => [witness, time])) };
}
