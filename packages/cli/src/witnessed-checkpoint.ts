import { setTimeout } from 'node:timers/promises';
import { CoreError, verifyCheckpoint } from '@vitrine/core';
import type { Log, LogCheckpoint, RemoteLog } from '@vitrine/core/log';
import type { Context } from './context.ts';
import { gatherOnce, hasUrls } from './gathering.ts';
import type { LoadedPolicy } from './policy-file.ts';
import { count } from './text.ts';

/** Milliseconds for which the server of a log is waited for, and between two looks at it. */
const PATIENCE = 30_000;
const PAUSE = 500;

/**
 * A checkpoint that has the entry at `leaf` and satisfies the policy: for a log in a directory its witnesses are asked, the
 * server of another one is waited for, which asks them.
 *
 * @returns undefined if there is none in time
 * @throws as `gatherOnce`; of a log at a URL as its `refresh`
 */
export async function witnessedCheckpoint(
  context: Context,
  log: Log | RemoteLog,
  leaf: number,
  loaded: LoadedPolicy,
  { json }: { readonly json?: boolean | undefined },
): Promise<LogCheckpoint | undefined> {
  const found = (): LogCheckpoint | undefined =>
    [log.checkpoint(), log.cosignedCheckpoint()].find(
      (one): one is LogCheckpoint => one !== undefined && one.size > leaf && isMet(one, loaded),
    );
  if ('refresh' in log) return waitFor(context, log, found);
  const known = found();
  if (known !== undefined || !hasUrls(loaded.policy)) return known;
  if (!json) {
    const asked = loaded.policy.witnesses.filter(({ url }) => url !== undefined).length;
    const { size } = log.checkpoint();
    context.output.note(`asking ${count(asked, 'witness', 'witnesses')} to cosign tree size ${size}`);
  }
  return (await gatherOnce(context, log, loaded, { until: 'satisfied', json })).published;
}

async function waitFor(
  { signal }: Context,
  log: RemoteLog,
  found: () => LogCheckpoint | undefined,
): Promise<LogCheckpoint | undefined> {
  for (const begun = performance.now(); ; await setTimeout(PAUSE, undefined, { signal })) {
    const known = found();
    if (known !== undefined || performance.now() - begun > PATIENCE) return known;
    await log.refresh().catch((error: unknown) => {
      // Another copy of the log has answered.
      if (!(error instanceof CoreError) || error.code !== 'checkpoint-older') throw error;
    });
  }
}

function isMet({ note }: LogCheckpoint, { policy, schemes }: LoadedPolicy): boolean {
  try {
    verifyCheckpoint(note, policy, { schemes });
    return true;
  } catch (error) {
    if (error instanceof CoreError && error.code === 'policy-quorum') return false;
    throw error;
  }
}
