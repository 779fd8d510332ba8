import { CoreError, openCheckpoint } from '@vitrine/core';
import { WitnessError } from '../error.ts';
import { originHash } from '../witness/origin-hash.ts';
import type { AskingLog } from './ask-witness.ts';
import { askOnce, type HttpQuestion } from './http-answer.ts';
import type { WitnessEndpoint } from './witness-endpoint.ts';

/**
 * Whether a witness that says that it saw a larger tree than the log has can show one that the log's own key signed, at a
 * monitoring prefix that is its submission prefix: the end of a sentence, for people.
 *
 * @throws the reason of `signal`
 */
export async function findAhead(
  { url }: WitnessEndpoint,
  { log, ...options }: Omit<HttpQuestion, 'url' | 'body'> & { readonly log: AskingLog },
): Promise<string> {
  const { origin, key, size } = log;
  try {
    const { status, body } = await askOnce({ ...options, url: `${url}/${originHash(origin)}/checkpoint` });
    if (status === 200) {
      const found = openCheckpoint(body, { origin, keys: [key] }).checkpoint.size;
      if (found > size) return `it shows a checkpoint of ${found} entries that this log's key has signed`;
    }
  } catch (error) {
    if (!(error instanceof CoreError) && !(error instanceof WitnessError)) throw error;
  }
  return 'it does not show that: if it is wrong, take it out of the policy';
}
