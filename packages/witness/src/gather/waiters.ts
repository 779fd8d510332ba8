import type { LogCheckpoint } from '@vitrine/core/log';

/** Those who wait for a published checkpoint. */
export class Waiters {
  readonly #waiting = new Set<{
    readonly size: number;
    resolve(checkpoint: LogCheckpoint): void;
    reject(error: unknown): void;
  }>();

  /** @throws the reason of `signal`, and what {@link refuse} is given */
  async wait(size: number, signal: AbortSignal): Promise<LogCheckpoint> {
    signal.throwIfAborted();
    return new Promise((resolve, reject) => {
      const done = (): void => {
        this.#waiting.delete(waiter);
        signal.removeEventListener('abort', onAbort);
      };
      const waiter = {
        size,
        resolve: (checkpoint: LogCheckpoint): void => {
          done();
          resolve(checkpoint);
        },
        reject: (error: unknown): void => {
          done();
          reject(error);
        },
      };
      const onAbort = (): void => waiter.reject(signal.reason);
      signal.addEventListener('abort', onAbort);
      this.#waiting.add(waiter);
    });
  }

  resolve(checkpoint: LogCheckpoint): void {
    for (const waiter of this.#waiting) if (waiter.size <= checkpoint.size) waiter.resolve(checkpoint);
  }

  refuse(error: unknown): void {
    for (const waiter of this.#waiting) waiter.reject(error);
  }
}
