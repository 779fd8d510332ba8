import type { ByteStream } from './byte-stream.ts';

/**
 * The uploads that are read at a time. When there are too many, one goes that waits for its client: the one from which no package
 * has come for longest. One that waits for the mirror stays.
 */
export class Uploads {
  readonly #max: number;
  /** The one from which no package has come for longest first. */
  readonly #streams = new Set<ByteStream>();

  constructor(max: number) {
    this.#max = max;
  }

  /** Whether there is room for one more, which can be that of another. */
  makeRoom(): boolean {
    if (this.#streams.size < this.#max) return true;
    const awaited = [...this.#streams].find(({ isWaiting }) => isWaiting);
    if (awaited === undefined) return false;
    this.#streams.delete(awaited);
    void awaited.cancel();
    return true;
  }

  add(stream: ByteStream): void {
    this.#streams.add(stream);
  }

  /** A package of it has come. */
  advanced(stream: ByteStream): void {
    if (this.#streams.delete(stream)) this.#streams.add(stream);
  }

  /** Nothing more of it is read. @returns whether it had to make room before */
  end(stream: ByteStream): boolean {
    return !this.#streams.delete(stream);
  }
}
