/** Reads a stream in pieces of the lengths that are asked for. */
export class ByteStream {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #pending: Uint8Array = new Uint8Array(0);
  #ended = false;

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
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

  /** Nobody reads on. */
  async cancel(): Promise<void> {
    this.#ended = true;
    await this.#chunks.return?.();
  }

  async #fill(length: number): Promise<void> {
    const chunks = [this.#pending];
    let size = this.#pending.length;
    while (size < length && !this.#ended) {
      const next = await this.#chunks.next().catch(() => undefined);
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
