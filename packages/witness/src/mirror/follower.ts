import { setTimeout as sleep } from 'node:timers/promises';
import { CoreError } from '@vitrine/core';
import type { LogCheckpoint } from '@vitrine/core/log';
import { WitnessError } from '../error.ts';
import type { Mirror } from './mirror.ts';
import { catchUp, type PullOptions, pull } from './pull.ts';

/** How a log is followed. */
export interface FollowOptions extends PullOptions {
  /** Milliseconds between two looks at the log. */
  readonly interval: number;
  /** Milliseconds after which what failed is tried again, a few times, while somebody waits for it. */
  readonly retry?: number | undefined;
  /** Ends it. */
  readonly signal: AbortSignal;
  /** Told of each checkpoint that the mirror has published. */
  onPublished?(checkpoint: LogCheckpoint): void;
  /** Told what went wrong, once for what stays the same. The log is asked again all the same. */
  onFailure?(error: Error): void;
}

const RETRY = 1000;
/** Failures in a row after which whoever waits has to wait for the next look at the log. */
const RETRIES = 5;

// What is wrong here, and does not go away by itself.
const FATAL: ReadonlySet<string> = new Set([
  'log-failed',
  'log-closed',
  'log-corrupt',
  'store-io',
  'store-closed',
  'store-conflict',
  'store-corrupt',
  'state-io',
  'state-closed',
  'state-corrupt',
]);

/** Keeps a mirror up to date: it looks at the log at an interval, and sooner when somebody wakes it. */
export class Follower {
  readonly #mirror: Mirror;
  readonly #options: FollowOptions;
  #wake: AbortController = new AbortController();
  #failure: string | undefined;

  constructor(mirror: Mirror, options: FollowOptions) {
    this.#mirror = mirror;
    this.#options = options;
  }

  /** Copies up to the pending checkpoint soon. The log is looked at at its interval all the same, however often this is called. */
  wake(): void {
    this.#wake.abort();
  }

  /** Resolves once the signal ended it. @throws what the mirror cannot go on after: its store or its state failed */
  async run(): Promise<void> {
    const { interval, retry = RETRY, signal, onPublished } = this.#options;
    let due = performance.now();
    let failures = 0;
    const left = (): number => Math.max(0, due - performance.now());
    while (!signal.aborted) {
      const wake = this.#wake.signal;
      this.#wake = new AbortController();
      const looks = !wake.aborted || left() === 0;
      const before = this.#mirror.replica.published();
      failures = (await this.#attempt(looks)) ? failures + 1 : 0;
      if (looks) due = performance.now() + interval;
      const after = this.#mirror.replica.published();
      if (after !== undefined && after.size !== before?.size) onPublished?.(after);
      // Anybody can wake it. Who does so does not decide how often a log is asked that cannot be copied.
      if (failures > 0) await rest(Math.min(retry, left()), [signal]);
      // Somebody still waits.
      if (failures > 0 && wake.aborted) this.#wake.abort();
      await rest(left(), failures > RETRIES ? [signal] : [signal, this.#wake.signal]);
    }
  }

  /** Whether it failed. */
  async #attempt(looks: boolean): Promise<boolean> {
    const { signal, onFailure } = this.#options;
    try {
      await (looks ? pull : catchUp)(this.#mirror, this.#options);
      this.#failure = undefined;
      return false;
    } catch (error) {
      if (signal.aborted) return true;
      const isKnown = error instanceof CoreError || error instanceof WitnessError;
      if (!isKnown || FATAL.has(error.code)) throw error;
      if (this.#failure !== error.message) onFailure?.(error);
      this.#failure = error.message;
      return true;
    }
  }
}

/** Waits so long, or until one of the signals. */
async function rest(milliseconds: number, signals: readonly AbortSignal[]): Promise<void> {
  const signal = AbortSignal.any([...signals]);
  await sleep(milliseconds, undefined, { signal }).catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
}
