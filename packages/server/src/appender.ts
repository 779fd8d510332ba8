import {
  type Appended,
  type AppendedBatch,
  type BodyBudget,
  type Log,
  MAX_COMMIT_BYTES,
  MAX_COMMIT_ENTRIES,
} from '@vitrine/core/log';
import { bodyBudget } from './body.ts';
import { ServerError } from './error.ts';

/** What may be waiting to become durable: some commits of the largest size. */
export interface QueueLimits {
  readonly maxEntries: number;
  /** Of bodies that are being read, or wait. */
  readonly maxBytes: number;
}

const QUEUE_LIMITS: QueueLimits = { maxEntries: 4 * MAX_COMMIT_ENTRIES, maxBytes: 32 * MAX_COMMIT_BYTES };

/** What appends to a log. */
export type AppendingLog = Pick<Log, 'append' | 'appendTogether'>;

/** Appends to a log what clients send, and turns them away when too much waits. */
export class Appender {
  /** Of what is sent to be appended. */
  readonly bodies: BodyBudget;
  readonly #log: AppendingLog;
  readonly #maxEntries: number;
  readonly #onFailure: ((error: Error) => void) | undefined;
  #entries = 0;
  #failure: Error | undefined;

  /** @param onFailure called when the log takes nothing any more, before it is opened again */
  constructor(log: AppendingLog, limits: Partial<QueueLimits> = {}, onFailure?: (error: Error) => void) {
    this.#log = log;
    const { maxEntries, maxBytes } = { ...QUEUE_LIMITS, ...limits };
    this.#maxEntries = maxEntries;
    this.bodies = bodyBudget(maxBytes);
    this.#onFailure = onFailure;
  }

  /** Entries that wait. */
  get entries(): number {
    return this.#entries;
  }

  /** Why the log takes nothing any more, before it is opened again. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** Resolves once the entry is durable. @throws ServerError `log-busy`; what `Log.append` throws */
  async append(entry: Uint8Array): Promise<Appended> {
    return this.#counted(1, () => this.#log.append(entry));
  }

  /**
   * Resolves once all entries are durable; none is taken if one of them is refused.
   *
   * @throws ServerError `log-busy`; what `Log.appendTogether` throws
   */
  async appendTogether(entries: readonly Uint8Array[]): Promise<AppendedBatch> {
    return this.#counted(entries.length, () => this.#log.appendTogether(entries));
  }

  async #counted<T>(count: number, append: () => Promise<T>): Promise<T> {
    if (this.#entries + count > this.#maxEntries) throw busy();
    this.#entries += count;
    try {
      return await append();
    } catch (error) {
      if (this.#failure === undefined && isFinal(error)) {
        this.#failure = error;
        this.#onFailure?.(error);
      }
      throw error;
    } finally {
      this.#entries -= count;
    }
  }
}

const FINAL: ReadonlySet<unknown> = new Set([
  'log-failed',
  'log-corrupt',
  'store-closed',
  'store-conflict',
  'store-corrupt',
  'store-io',
]);

/** A log that could not write, or read what it needs for that, stays so until it is opened again. */
function isFinal(error: unknown): error is Error {
  return FINAL.has((error as { code?: unknown }).code);
}

function busy(): ServerError {
  return new ServerError('log-busy', 'too many entries wait to be written: try again in a second');
}
