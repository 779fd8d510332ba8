import { setTimeout } from 'node:timers/promises';
import { equalBytes, type Policy, type SignatureScheme, satisfiesPolicy } from '@vitrine/core';
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

/** What checkpoints are published from. */
interface SigningLog {
  checkpoint(): LogCheckpoint;
  cosignedCheckpoint(): LogCheckpoint | undefined;
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

/** Milliseconds between two looks for a cosigned checkpoint. */
const LOOK_INTERVAL = 100;

/**
 * Publishes what satisfies a policy among the checkpoints that a log keeps, whoever brings the cosignatures.
 *
 * @throws CoreError `policy-log` if the policy is of another log
 */
export function publishesWitnessed(
  log: SigningLog,
  { policy, schemes }: { readonly policy: Policy; readonly schemes: readonly SignatureScheme[] },
): Publishing {
  const judged: { note: Uint8Array; isMet: boolean }[] = [];
  const isMet = ({ note }: LogCheckpoint): boolean => {
    let known = judged.find((one) => equalBytes(one.note, note));
    if (known === undefined) {
      known = { note, isMet: satisfiesPolicy(note, policy, { schemes }) };
      judged.unshift(known);
      // The two that are asked for, each time.
      judged.length = Math.min(judged.length, 2);
    }
    return known.isMet;
  };
  const published = (): LogCheckpoint | undefined => {
    const newest = log.checkpoint();
    if (isMet(newest)) return newest;
    const cosigned = log.cosignedCheckpoint();
    return cosigned !== undefined && isMet(cosigned) ? cosigned : undefined;
  };
  published();
  return {
    published,
    waitFor: async (size, signal) => {
      for (;;) {
        const checkpoint = published();
        if (checkpoint !== undefined && checkpoint.size >= size) return checkpoint;
        signal.throwIfAborted();
        await setTimeout(LOOK_INTERVAL, undefined, { signal });
      }
    },
    refusal: () => undefined,
  };
}
