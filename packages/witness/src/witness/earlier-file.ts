import { join } from 'node:path';
import { CoreError, loadSchemes, openCheckpoint, type VerifierKey } from '@vitrine/core';
import { WitnessError } from '../error.ts';
import { type SeenCheckpoint, seenCheckpoint } from './seen-checkpoint.ts';
import { attempt, readIfThere } from './state-directory.ts';

/**
 * The newest checkpoint of a log as a file that vitrine witness cosign kept before there was a database: undefined if there is
 * none. The file stays.
 *
 * @throws WitnessError `state-corrupt` if it does not verify: a witness that forgot could cosign another tree
 */
export async function readEarlierFile(
  directory: string,
  origin: string,
  keys: readonly VerifierKey[],
): Promise<SeenCheckpoint | undefined> {
  // An origin that is the name of a key has no plus sign.
  const path = join(directory, `${origin.replaceAll('/', '+')}.checkpoint`);
  const bytes = await attempt(path, () => readIfThere(path));
  if (bytes === undefined) return undefined;
  const schemes = await loadSchemes(keys.map(({ type }) => type));
  try {
    return seenCheckpoint(openCheckpoint(bytes, { origin, keys, schemes }));
  } catch (cause) {
    if (!(cause instanceof CoreError)) throw cause;
    throw new WitnessError('state-corrupt', `${path}: ${cause.message}`, { cause });
  }
}
