/** What ends a request. */
interface DeadlineOptions {
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds in which an answer has to come. */
  readonly timeout?: number | undefined;
}

const TIMEOUT = 30_000;
/** Bytes a millisecond with which an answer has to come once it takes longer than that. */
const MIN_RATE = 16;

/** Aborts a request that takes too long: the longer its answer is, the longer it may take. */
export class Deadline {
  readonly #controller = new AbortController();
  readonly #outer: AbortSignal | undefined;
  readonly #timeout: number;
  readonly #begun = performance.now();
  readonly #stop = (): void => this.#controller.abort(this.#outer?.reason);
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor({ signal, timeout = TIMEOUT }: DeadlineOptions) {
    this.#outer = signal;
    this.#timeout = timeout;
    if (signal?.aborted) this.#stop();
    signal?.addEventListener('abort', this.#stop);
    this.received(0);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** So much of the answer has come. */
  received(bytes: number): void {
    clearTimeout(this.#timer);
    const end = this.#begun + this.#timeout + bytes / MIN_RATE;
    const what = bytes === 0 ? 'no answer came in time' : `${bytes} bytes came, and then no more in time`;
    this.#timer = setTimeout(() => this.#controller.abort(new Error(what)), Math.max(0, end - performance.now()));
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#outer?.removeEventListener('abort', this.#stop);
  }
}
