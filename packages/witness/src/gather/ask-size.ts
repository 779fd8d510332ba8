import { formatAddCheckpoint } from '@vitrine/core';
import type { LogCheckpoint } from '@vitrine/core/log';
import type { AskingLog, AskOptions } from './ask-witness.ts';
import { askOnce } from './http-answer.ts';
import { logSigned, openAnswer, readSize, refusalOf } from './witness-answer.ts';
import type { WitnessEndpoint } from './witness-endpoint.ts';

/**
 * The size of the tree that a witness saw last, which it names when it is asked to cosign one from size 0; and by that of the log's
 * newest checkpoint if it had seen nothing yet, because then it cosigns that. https://c2sp.org/tlog-witness#add-checkpoint
 *
 * @throws WitnessError `witness-unreachable`, `witness-refused`, `witness-answer`; the reason of the signal
 */
export async function askSize(
  { url, witnesses }: WitnessEndpoint,
  options: AskOptions & { readonly log: AskingLog & { checkpoint(): LogCheckpoint } },
): Promise<number> {
  const { log } = options;
  const target = log.checkpoint();
  const body = formatAddCheckpoint({ oldSize: 0, proof: [], checkpoint: logSigned(target, log.key) });
  const answer = await askOnce({ ...options, url: `${url}/add-checkpoint`, body });
  if (answer.status === 409) return readSize(answer);
  if (answer.status !== 200) throw refusalOf(answer);
  openAnswer(answer.body, witnesses, target, options);
  return target.size;
}
