/** Reads a stream in pieces of the lengths that are asked for. */
export class ByteStream {
  readonly #chunks: AsyncIterator<Uint8Array>;
  readonly #close: () => void;
  #pending: Uint8Array = new Uint8Array(0);
  #ended = false;
  #isWaiting = false;

  /** @param close ends the chunks, also while one is waited for */
  constructor(chunks: AsyncIterable<Uint8Array>, close: () => void = () => {}) {
    this.#chunks = chunks[Symbol.asyncIterator]();
    this.#close = close;
  }

  /** Whether somebody reads, and what comes next has not come yet. */
  get isWaiting(): boolean {
    return this.#isWaiting;
  }

  /** So many bytes if they have come already: a view. */
  readNow(length: number): Uint8Array | undefined {
    if (this.#pending.length < length) return undefined;
    const bytes = this.#pending.subarray(0, length);
    this.#pending = this.#pending.subarray(length);
    return bytes;
  }

  /** The next so many bytes; undefined if the stream ends or breaks before that. */
  async read(length: number): Promise<Uint8Array | undefined> {
    if (this.#pending.length < length) await this.#fill(length);
    return this.readNow(length);
  }

  /** Nobody reads on: who does now finds that it ends here. */
  async cancel(): Promise<void> {
    this.#ended = true;
    this.#close();
    await this.#chunks.return?.();
  }

  async #fill(length: number): Promise<void> {
    const chunks = [this.#pending];
    let size = this.#pending.length;
    while (size < length && !this.#ended) {
      this.#isWaiting = true;
      const next = await this.#chunks.next().catch(() => undefined);
      this.#isWaiting = false;
      if (next === undefined || next.done === true) this.#ended = true;
      else {
        chunks.push(next.value);
        size += next.value.length;
      }
    }
    this.#pending = new Uint8Array(size);
    let at = 0;
    for (const chunk of chunks) {
      this.#pending.set(chunk, at);
      at += chunk.length;
    }
  }
}
