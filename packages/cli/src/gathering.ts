import type { Policy } from '@vitrine/core';
import type { Log, LogCheckpoint } from '@vitrine/core/log';
import type { WitnessStatus } from '@vitrine/witness';
import type { Context } from './context.ts';
import type { LoadedPolicy } from './policy-file.ts';
import { printable } from './text.ts';

/** What was gathered. */
export interface Gathered {
  /** The newest checkpoint, if it satisfies the policy. */
  readonly published: LogCheckpoint | undefined;
  /** What is known of each witness, in the order of the policy. */
  readonly witnesses: readonly WitnessStatus[];
}

/** Milliseconds for one answer of a witness. */
const TIMEOUT = 10_000;

/** Whether anybody can be asked. */
export function hasUrls({ witnesses }: Policy): boolean {
  return witnesses.some(({ url }) => url !== undefined);
}

/**
 * Has the newest checkpoint of a log cosigned by the witnesses of a policy, once: those that fail are not asked again. What they
 * do is told meanwhile.
 *
 * @param until as soon as the policy is satisfied, or when all have answered or failed
 * @throws WitnessError `log-behind` if a witness saw more than the log has; CoreError with `log-` and `store-` codes; what
 * aborted the context's signal
 */
export async function gatherOnce(
  context: Context,
  log: Log,
  { policy, schemes }: LoadedPolicy,
  { until, json = false }: { readonly until: 'satisfied' | 'all'; readonly json?: boolean | undefined },
): Promise<Gathered> {
  const { output, signal } = context;
  const { Gatherer } = await import('@vitrine/witness');
  const { httpFetch } = await import('./http-fetch.ts');
  const { size } = log.checkpoint();
  await using gatherer = new Gatherer({
    log,
    policy,
    schemes,
    fetch: await httpFetch(context),
    now: context.now,
    timeout: TIMEOUT,
    // Once each.
    backoff: { base: 2 ** 30, max: 2 ** 30 },
    onFailure: (names, { message, status }) => {
      if (json) return;
      const loud = status === 422 ? ': THE LOG HAS SHOWN IT ANOTHER TREE' : '';
      output.note(`${names.map((name) => printable(name)).join(', ')}: ${printable(message)}${loud}`);
    },
  });
  const stop = new AbortController();
  const aborted = new Promise<never>((_, reject) =>
    signal.addEventListener('abort', () => reject(signal.reason), { once: true }),
  );
  aborted.catch(() => {});
  const satisfied = gatherer.waitFor(size, stop.signal);
  satisfied.catch(() => {});
  const settled = gatherer.settled();
  await Promise.race([settled, aborted, ...(until === 'satisfied' ? [satisfied] : [])]);
  stop.abort();
  signal.throwIfAborted();
  const refusal = gatherer.refusal();
  if (refusal !== undefined && (refusal as { code?: unknown }).code !== 'log-unwitnessed') throw refusal;
  const published = gatherer.published();
  const isNewest = published !== undefined && published.size >= size;
  return { published: isNewest ? published : undefined, witnesses: gatherer.status() };
}
