/** Bytes of entries that are kept. */
const MAX_KEPT_BYTES = 64 * 1024 * 1024;
const MAX_KEPT_BUNDLES = 256;

/** Entry bundles that were read, or are being read, the last of them. */
export class BundleCache {
  readonly #bundles = new Map<number, { readonly entries: Promise<readonly Uint8Array[]>; size: number }>();
  #size = 0;

  has(index: number): boolean {
    return this.#bundles.has(index);
  }

  /** A bundle; `read` is called if it is not there. What failed is not kept. */
  get(index: number, read: () => Promise<readonly Uint8Array[]>): Promise<readonly Uint8Array[]> {
    const kept = this.#bundles.get(index);
    if (kept !== undefined) return kept.entries;
    const bundle = { entries: read(), size: 0 };
    this.#bundles.set(index, bundle);
    // Whoever asked for it hears of a failure.
    bundle.entries.then(
      (entries) => {
        if (this.#bundles.get(index) !== bundle) return;
        bundle.size = entries.reduce((sum, entry) => sum + entry.length, 0);
        this.#size += bundle.size;
        this.#forget();
      },
      () => {
        if (this.#bundles.get(index) === bundle) this.#bundles.delete(index);
      },
    );
    return bundle.entries;
  }

  delete(index: number): void {
    this.#size -= this.#bundles.get(index)?.size ?? 0;
    this.#bundles.delete(index);
  }

  #forget(): void {
    for (const [oldest, { size }] of this.#bundles) {
      if (this.#size <= MAX_KEPT_BYTES && this.#bundles.size <= MAX_KEPT_BUNDLES) return;
      // Those that are being read have none yet.
      if (size > 0) this.delete(oldest);
    }
  }
}
