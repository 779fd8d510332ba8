/** What whoever sends a body is told when it is not taken. */
export interface BodyRefusals {
  /** It has more than so many bytes. */
  tooLarge(limit: number): Error;
  /** It did not come to its end. */
  cutShort(cause?: unknown): Error;
  /** There is no room for it beside those that came before. */
  crowded(): Error;
  /** It had to give way to others before it was finished. */
  gaveWay(): Error;
}

/** A body that is being read, as far as {@link BodyBudget} knows it. */
export interface UnfinishedBody {
  /** Bytes that were taken for it. */
  readonly size: number;
  /** Ends reading it. What was taken for it is given back already. */
  drop(reason: Error): void;
}

/**
 * The memory of a server for all bodies that are being read, or wait for what is done with them. When there is no room for more,
 * those go that have been unfinished for longest, so that whoever sends slowly keeps nobody out.
 */
export class BodyBudget {
  readonly refusals: BodyRefusals;
  readonly #max: number;
  /** In the order in which their first bytes came. */
  readonly #unfinished = new Set<UnfinishedBody>();
  #bytes = 0;

  /** @param max bytes */
  constructor(max: number, refusals: BodyRefusals) {
    this.#max = max;
    this.refusals = refusals;
  }

  /** Bytes that are taken. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Takes bytes for a body that is not finished. @throws `crowded` if none has been unfinished for longer: nothing was taken then */
  take(bytes: number, body: UnfinishedBody): void {
    this.#unfinished.add(body);
    while (this.#bytes + bytes > this.#max) {
      const [oldest] = this.#unfinished;
      if (oldest === undefined || oldest === body) throw this.refusals.crowded();
      this.#unfinished.delete(oldest);
      this.#bytes -= oldest.size;
      oldest.drop(this.refusals.gaveWay());
    }
    this.#bytes += bytes;
  }

  /** All of a body has come: it stays until its bytes are given back. */
  finish(body: UnfinishedBody): void {
    this.#unfinished.delete(body);
  }

  /** Gives back what was taken. */
  give(bytes: number): void {
    this.#bytes -= bytes;
  }
}

/**
 * What has come of a body. However it is cut into chunks, it takes at most twice its length of memory: nothing of a chunk is kept
 * but its bytes, because its object is far larger than what a client may put into it.
 */
export class KeptBody implements UnfinishedBody {
  size = 0;
  /** Called when the body gives way to others. */
  onDrop: ((reason: Error) => void) | undefined;
  /** The first chunk, or an array with room for more. */
  #bytes: Uint8Array = new Uint8Array(0);
  #dropped: Error | undefined;
  readonly #limit: number;
  readonly #budget: BodyBudget;

  /** @param limit bytes that it may have */
  constructor(limit: number, budget: BodyBudget) {
    this.#limit = limit;
    this.#budget = budget;
  }

  /** Adds what has come. @throws `tooLarge`, `crowded`, `gaveWay` */
  add(chunk: Uint8Array): void {
    if (this.#dropped !== undefined) throw this.#dropped;
    const { refusals } = this.#budget;
    const size = this.size + chunk.length;
    if (size > this.#limit) throw refusals.tooLarge(this.#limit);
    this.#budget.take(chunk.length, this);
    // What comes in one piece, as most do, is not copied.
    if (this.size === 0) this.#bytes = chunk;
    else {
      if (size > this.#bytes.length) this.#grow(size);
      this.#bytes.set(chunk, this.size);
    }
    this.size = size;
  }

  /** Adds all that comes; null for a request without a body. @throws as {@link add}; `cutShort` */
  async read(stream: ReadableStream<Uint8Array> | null): Promise<void> {
    if (stream === null) return;
    const reader = stream.getReader();
    try {
      for (;;) {
        const { done, value } = await this.#next(reader);
        if (done) return;
        this.add(value);
      }
    } finally {
      // Not cancelled: that would take the connection away before the answer is sent.
      reader.releaseLock();
    }
  }

  drop(reason: Error): void {
    this.#dropped = reason;
    this.#bytes = new Uint8Array(0);
    this.onDrop?.(reason);
  }

  /** The whole body, of which its length is to be given back to the budget. @throws `gaveWay` if it had to before this */
  finish(): Uint8Array {
    if (this.#dropped !== undefined) throw this.#dropped;
    this.#budget.finish(this);
    const { buffer, byteOffset } = this.#bytes;
    // A small part of something large would keep all of that.
    if (buffer.byteLength > 2 * this.size) return this.#bytes.slice(0, this.size);
    return new Uint8Array(buffer, byteOffset, this.size);
  }

  /** The whole body, once `fill` has added all of it. @throws what it throws, and nothing is kept then; as {@link finish} */
  async whole(fill: Promise<void>): Promise<Uint8Array> {
    try {
      await fill;
      return this.finish();
    } catch (error) {
      this.abandon();
      throw error;
    }
  }

  /** It is not read to its end. */
  abandon(): void {
    if (this.#dropped !== undefined) return;
    this.#budget.finish(this);
    this.#budget.give(this.size);
  }

  #grow(size: number): void {
    const grown = new Uint8Array(Math.max(size, Math.min(this.#limit, 2 * this.#bytes.length)));
    grown.set(this.#bytes);
    this.#bytes = grown;
  }

  #next(reader: ReadableStreamDefaultReader<Uint8Array>): ReturnType<typeof reader.read> {
    return new Promise((resolve, reject) => {
      this.onDrop = reject;
      reader.read().then(resolve, (cause: unknown) => reject(this.#budget.refusals.cutShort(cause)));
    });
  }
}
