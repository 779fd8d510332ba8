/** Values by their names, of which those are forgotten that were not asked for the longest when they are too large together. */
export class LeastRecent<T> {
  readonly #values = new Map<string, { readonly value: T; readonly size: number }>();
  readonly #maxSize: number;
  #size = 0;

  /** @param maxSize of all values */
  constructor(maxSize: number) {
    this.#maxSize = maxSize;
  }

  get(name: string): T | undefined {
    const found = this.#values.get(name);
    if (found === undefined) return undefined;
    this.#values.delete(name);
    this.#values.set(name, found);
    return found.value;
  }

  set(name: string, value: T, size: number): void {
    this.#size += size - (this.#values.get(name)?.size ?? 0);
    this.#values.delete(name);
    this.#values.set(name, { value, size });
    for (const [oldest, { size: its }] of this.#values) {
      if (this.#size <= this.#maxSize) break;
      this.#values.delete(oldest);
      this.#size -= its;
    }
  }
}
