import type { LogCheckpoint } from '@vitrine/core/log';

/** Which of a log's checkpoints are shown to everybody: with a policy, those that enough witnesses have cosigned. */
export interface Publishing {
  /** The newest checkpoint that may be shown. Undefined if there is none yet. */
  published(): LogCheckpoint | undefined;
  /**
   * Resolves to a published checkpoint of at least `size` entries, at once if there is one.
   *
   * @throws the reason of `signal` when that is aborted
   */
  waitFor(size: number, signal: AbortSignal): Promise<LogCheckpoint>;
  /** Why nothing may be appended, for instance because witnesses know a larger tree than this log has. */
  refusal(): Error | undefined;
}

/** What {@link publishesAll} reads. */
interface SigningLog {
  checkpoint(): LogCheckpoint;
}

/** Without a policy every checkpoint that the log signs is published at once. */
export function publishesAll(log: SigningLog): Publishing {
  return {
    published: () => log.checkpoint(),
    // Whoever waits has an entry that was acknowledged, and so a checkpoint that covers it.
    waitFor: async () => log.checkpoint(),
    refusal: () => undefined,
  };
}
