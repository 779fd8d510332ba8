import type { Log } from '@vitrine/core/log';
import type { createLogger } from '@vitrine/server';
import type { Gatherer, GathererOptions, WitnessStatus } from '@vitrine/witness';
import type { Context } from './context.ts';
import type { LoadedPolicy } from './policy-file.ts';

/** How cosignatures are gathered for a log that is served. */
export interface GatheringOptions {
  readonly logger: ReturnType<typeof createLogger>;
  /** Seconds from one cosigned checkpoint to the same one again, while the log does not grow. */
  readonly heartbeat?: number | undefined;
  /** Whether the log takes entries before it was compared with what its witnesses saw. */
  readonly startUnwitnessed?: boolean | undefined;
}

/** What has the checkpoints of a log cosigned by the witnesses of a policy, and has not begun. */
export async function gathererOf(
  context: Context,
  log: Log,
  { policy, schemes }: LoadedPolicy,
  options: Partial<GathererOptions>,
): Promise<Gatherer> {
  const [{ Gatherer }, { httpFetch }] = await Promise.all([import('@vitrine/witness'), import('./http-fetch.ts')]);
  const fetch = await httpFetch(context);
  return new Gatherer({ ...options, log, policy, schemes, fetch, now: () => context.now() });
}

/** Begins to have the checkpoints of a log cosigned by the witnesses of a policy, and says in the server's own log how that goes. */
export async function gatherCosignatures(
  context: Context,
  log: Log,
  loaded: LoadedPolicy,
  { logger, heartbeat, startUnwitnessed }: GatheringOptions,
): Promise<Gatherer> {
  const gatherer = await gathererOf(context, log, loaded, {
    ...(heartbeat !== undefined && { heartbeat: heartbeat * 1000 }),
    ...(startUnwitnessed && { startUnwitnessed }),
    onPublished: ({ size }) => logger.debug({ size }, 'the checkpoint satisfies the policy'),
    onFailure: (witnesses, { code, message, status }) =>
      logger[status === OTHER_HISTORY ? 'error' : 'warn'](
        { witnesses, code, reason: message },
        'a witness gave no cosignature',
      ),
    onRefusal: (error) => logger.fatal({ err: error }, 'nothing is appended any more'),
  });
  for (const { name, failure } of gatherer.status().filter(isOutOfReach)) {
    logger.warn({ witness: name, reason: failure?.message }, 'a witness of the policy cannot be asked');
  }
  gatherer.start();
  return gatherer;
}

/** https://c2sp.org/tlog-witness#add-checkpoint */
const OTHER_HISTORY = 422;

const isOutOfReach = ({ url }: WitnessStatus): boolean => url === undefined;
