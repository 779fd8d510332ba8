import type { Log } from '@vitrine/core/log';
import type { WitnessStatus } from '@vitrine/witness';
import type { Context } from './context.ts';
import { interrupted } from './errors.ts';
import { gathererOf } from './gathering.ts';
import type { LoadedPolicy } from './policy-file.ts';

/** What came of asking all witnesses of a policy. */
export interface Gathered {
  /** Whether the newest checkpoint satisfies the policy. */
  readonly isMet: boolean;
  readonly witnesses: readonly WitnessStatus[];
}

/**
 * Asks the witnesses of a policy to cosign a log's newest checkpoint, each until it has answered or failed once. What came is kept
 * also if it is not enough: others can add to it later.
 *
 * @throws WitnessError `log-behind` if one knows a larger tree; CoreError `policy-log`; CliError `interrupted`
 */
export async function gatherOnce(context: Context, log: Log, loaded: LoadedPolicy): Promise<Gathered> {
  const { signal } = context;
  await using gatherer = await gathererOf(context, log, loaded, { startUnwitnessed: true });
  const stop = (): void => void gatherer[Symbol.asyncDispose]();
  signal.addEventListener('abort', stop, { once: true });
  try {
    await gatherer.settled();
  } finally {
    signal.removeEventListener('abort', stop);
  }
  if (signal.aborted) throw interrupted();
  const refusal = gatherer.refusal();
  if (refusal !== undefined) throw refusal;
  const isMet = (gatherer.published()?.size ?? -1) >= log.size;
  // The checkpoint that satisfies the policy stays the cosigned one until there is another.
  if (!isMet) await log.publish(gatherer.gathered(), { isCosigned: false });
  return { isMet, witnesses: gatherer.status() };
}
