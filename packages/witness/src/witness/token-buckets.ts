/** How many of something are allowed in a row, and how many a second in the long run. */
export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

/** A token bucket for each name. Names are few, or were checked: the buckets stay. */
export class TokenBuckets {
  readonly #rate: Rate;
  /** Milliseconds, of a clock that never goes back. */
  readonly #clock: () => number;
  readonly #buckets = new Map<string, { tokens: number; at: number }>();

  constructor(rate: Rate, clock: () => number) {
    this.#rate = rate;
    this.#clock = clock;
  }

  /** Takes a token, or says after how many seconds there will be one. */
  take(name: string): { readonly taken: true } | { readonly taken: false; readonly retryAfter: number } {
    const { perSecond, burst } = this.#rate;
    const now = this.#clock();
    const bucket = this.#buckets.get(name) ?? { tokens: burst, at: now };
    const tokens = Math.min(burst, bucket.tokens + ((now - bucket.at) / 1000) * perSecond);
    if (tokens < 1) {
      this.#buckets.set(name, { tokens, at: now });
      return { taken: false, retryAfter: Math.max(1, Math.ceil((1 - tokens) / perSecond)) };
    }
    this.#buckets.set(name, { tokens: tokens - 1, at: now });
    return { taken: true };
  }
}
