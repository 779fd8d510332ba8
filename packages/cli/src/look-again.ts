import { setTimeout as sleep } from 'node:timers/promises';
import { CoreError } from '@vitrine/core';
import type { Context } from './context.ts';
import { printable } from './text.ts';

/** How something is done again and again. */
export interface LookOptions {
  /** Milliseconds between two looks. */
  readonly interval: number;
  /** What is looked at, before what is said of it; undefined where there is nothing else. */
  readonly label?: string | undefined;
  /** Whether an error is one that can be gone the next time. */
  readonly isPassing: (error: unknown) => error is Error & { readonly code: string };
  /** What is said once it works again. */
  readonly recovered: string;
}

/** Milliseconds between two looks at what fails. */
const MAX_BACKOFF = 5000;

/**
 * Looks until the user wants it to stop. What fails for a while is said once, and tried again.
 *
 * @throws what `look` throws and is not passing
 */
export async function lookAgain(
  { signal, output }: Pick<Context, 'signal' | 'output'>,
  look: () => Promise<void>,
  { interval, label, isPassing, recovered }: LookOptions,
): Promise<void> {
  const say = (text: string): void => output.note(label === undefined ? text : `${label}: ${text}`);
  for (let failures = 0; !signal.aborted; ) {
    try {
      await look();
      if (failures > 0) say(recovered);
      failures = 0;
    } catch (error) {
      if (signal.aborted) return;
      if (!isPassing(error)) throw error;
      if (failures++ === 0) say(`${error.code}: ${printable(error.message)}; trying again`);
    }
    const wait = failures === 0 ? interval : Math.max(interval, Math.min(MAX_BACKOFF, interval * 2 ** failures));
    await sleep(wait, undefined, { signal }).catch(() => {});
  }
}

// What a log can be like for a while: its server starts again, has nothing to show yet, or is behind; what is shown is not
// everywhere yet; the index of a checkpoint went while it was read.
const PASSING: ReadonlySet<unknown> = new Set([
  'checkpoint-missing',
  'checkpoint-older',
  'fetch-failed',
  'log-range',
  'tile-missing',
]);

/** Whether an error says that a log that is served cannot be read for a while. */
export const isLogOutage = (error: unknown): error is CoreError =>
  error instanceof CoreError && PASSING.has(error.code);
