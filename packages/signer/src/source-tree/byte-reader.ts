/** What a program wrote is not what it should have written. */
export class OutputError extends Error {
  override readonly name: string = 'OutputError';
}

/** Reads a stream in pieces that its content asks for. */
export class ByteReader {
  readonly #parts: AsyncIterator<Uint8Array>;
  #rest: Uint8Array = new Uint8Array(0);

  constructor(stream: AsyncIterable<Uint8Array>) {
    this.#parts = stream[Symbol.asyncIterator]();
  }

  /**
   * The bytes before the next `delimiter`, as a copy; undefined at the end of the stream.
   *
   * @throws OutputError if there are more than `most`, or if the stream ends before a delimiter
   */
  async until(delimiter: number, most: number): Promise<Uint8Array | undefined> {
    const parts: Uint8Array[] = [];
    let length = 0;
    while (await this.#fill()) {
      const end = this.#rest.indexOf(delimiter);
      const part = this.#rest.subarray(0, end === -1 ? this.#rest.length : end);
      length += part.length;
      if (length > most) throw new OutputError(`more than ${most} bytes where fewer were expected`);
      parts.push(part);
      this.#rest = this.#rest.subarray(part.length + (end === -1 ? 0 : 1));
      if (end !== -1) return new Uint8Array(Buffer.concat(parts));
    }
    if (length > 0) throw new OutputError('the output ends too early');
    return undefined;
  }

  /**
   * Gives the next `size` bytes to `use`, in parts that are only valid during the call.
   *
   * @throws OutputError if the stream ends before
   */
  async take(size: number, use: (part: Uint8Array) => void): Promise<void> {
    for (let left = size; left > 0; ) {
      if (!(await this.#fill())) throw new OutputError('the output ends too early');
      const part = this.#rest.subarray(0, Math.min(left, this.#rest.length));
      this.#rest = this.#rest.subarray(part.length);
      left -= part.length;
      use(part);
    }
  }

  /** Whether there is something to read. */
  async #fill(): Promise<boolean> {
    while (this.#rest.length === 0) {
      const next = await this.#parts.next();
      if (next.done === true) return false;
      this.#rest = next.value;
    }
    return true;
  }
}
