import type { DerivedPair } from './admission.ts';
import { mapKey } from './map-key.ts';
import type { Store } from './store.ts';

/**
 * Derived keys that are written once: those in a store, and those on their way there.
 */
export class PendingDerived {
  readonly #store: Store;
  /** Of each commit that is not durable yet, oldest first. */
  readonly #commits: PendingCommit[] = [];

  constructor(store: Store) {
    this.#store = store;
  }

  /** The values of keys, undefined where a key has none. @throws what the store throws */
  async read(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    const values = keys.map((key) => this.#find(key));
    // In memory first: a commit that becomes durable while the store is read is forgotten here.
    const asked = keys.filter((_, i) => values[i] === undefined);
    if (asked.length === 0) return values;
    const stored = await this.#store.readDerived(asked);
    let at = 0;
    return values.map((value) => value ?? stored[at++]);
  }

  /** Takes note of what a commit under way writes. */
  add(pairs: readonly DerivedPair[]): void {
    this.#commits.push(new PendingCommit(pairs));
  }

  /** The oldest commit under way is durable. */
  settled(): void {
    this.#commits.shift();
  }

  #find(key: Uint8Array): Uint8Array | undefined {
    if (this.#commits.length === 0) return undefined;
    const name = mapKey(key);
    for (const commit of this.#commits) {
      const value = commit.get(name);
      if (value !== undefined) return value;
    }
    return undefined;
  }
}

/** What one commit writes. Most are durable before anybody asks. */
class PendingCommit {
  readonly #pairs: readonly DerivedPair[];
  #values: Map<string, Uint8Array> | undefined;

  constructor(pairs: readonly DerivedPair[]) {
    this.#pairs = pairs;
  }

  get(name: string): Uint8Array | undefined {
    this.#values ??= new Map(this.#pairs.map(([key, value]) => [mapKey(key), value]));
    return this.#values.get(name);
  }
}
