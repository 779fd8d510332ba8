import { CoreError } from '../error.ts';
import type { VerifierKey } from '../note/vkey.ts';
import { HASH_SIZE } from '../tree/hash.ts';
import { admissionKey, type DerivedPair, type LogView } from './admission.ts';
import { mapKey } from './map-key.ts';

/** Entries that follow one another, on their way into the log, and what was derived from them. */
export class PendingEntries {
  /** The index of the first one. */
  readonly start: number;
  readonly #entries: Uint8Array[] = [];
  readonly #leafHashes: Uint8Array[] = [];
  readonly #indices = new Map<string, number>();
  readonly #derived = new Map<string, DerivedPair>();

  constructor(start: number) {
    this.start = start;
  }

  get end(): number {
    return this.start + this.#entries.length;
  }

  /** The arrays are kept as they are. */
  add(entry: Uint8Array, leafHash: Uint8Array, derived: Iterable<DerivedPair>): void {
    const copies: DerivedPair[] = [];
    for (const [key, value] of derived) {
      if (!(key instanceof Uint8Array) || !(value instanceof Uint8Array)) {
        throw new TypeError('an admission derives pairs of Uint8Arrays');
      }
      copies.push([key.slice(), value.slice()]);
    }
    // An iterable can fail, so nothing was changed before it ended.
    for (const pair of copies) this.#derived.set(mapKey(pair[0]), pair);
    this.#indices.set(mapKey(leafHash), this.end);
    this.#entries.push(entry);
    this.#leafHashes.push(leafHash);
  }

  /** Adds those that follow. */
  addAll(next: PendingEntries): void {
    next.#entries.forEach((entry, i) => {
      this.#indices.set(mapKey(next.#leafHashes[i]!), this.end);
      this.#entries.push(entry);
      this.#leafHashes.push(next.#leafHashes[i]!);
    });
    for (const [key, pair] of next.#derived) this.#derived.set(key, pair);
  }

  entry(index: number): Uint8Array | undefined {
    return this.#entries[index - this.start];
  }

  leafHash(index: number): Uint8Array | undefined {
    return this.#leafHashes[index - this.start];
  }

  indexOf(leafHash: Uint8Array): number | undefined {
    return this.#indices.get(mapKey(leafHash));
  }

  derivedValue(key: Uint8Array): Uint8Array | undefined {
    return this.#derived.get(mapKey(key))?.[1];
  }

  /** As the store is to have them: one for each key. */
  derived(): DerivedPair[] {
    return [...this.#derived.values()].map(([key, value]) => [admissionKey(key), value]);
  }
}

/** A log with entries that are on their way into it, as if they were there. */
export class PendingView implements LogView {
  readonly #stored: LogView;
  readonly #pending: () => readonly PendingEntries[];
  /** What reading the store failed with. */
  failure: { readonly error: unknown } | undefined;

  /** @param pending one behind the other, with nothing between the store's entries and theirs */
  constructor(stored: LogView, pending: () => readonly PendingEntries[]) {
    this.#stored = stored;
    this.#pending = pending;
  }

  get origin(): string {
    return this.#stored.origin;
  }

  get key(): VerifierKey {
    return this.#stored.key;
  }

  get size(): number {
    return this.#pending().at(-1)?.end ?? this.#stored.size;
  }

  async entry(index: number): Promise<Uint8Array> {
    this.#checkIndex(index);
    return this.#find((part) => part.entry(index)) ?? this.#read(() => this.#stored.entry(index));
  }

  async leafHash(index: number): Promise<Uint8Array> {
    this.#checkIndex(index);
    return this.#find((part) => part.leafHash(index)) ?? this.#read(() => this.#stored.leafHash(index));
  }

  async indexOf(leafHash: Uint8Array): Promise<number | undefined> {
    if (leafHash.length !== HASH_SIZE) throw new RangeError(`a leaf hash is ${HASH_SIZE} bytes`);
    for (const part of this.#pending()) {
      const index = part.indexOf(leafHash);
      if (index !== undefined) return index;
    }
    return this.#read(() => this.#stored.indexOf(leafHash));
  }

  async derived(key: Uint8Array): Promise<Uint8Array | undefined> {
    return this.#find((part) => part.derivedValue(key)) ?? this.#read(() => this.#stored.derived(key));
  }

  /**
   * A copy of what the newest entries say that say anything. In memory first, and the store only where that has nothing: a
   * commit that becomes durable while the store is read is forgotten here.
   */
  #find(look: (part: PendingEntries) => Uint8Array | undefined): Uint8Array | undefined {
    const parts = this.#pending();
    for (let i = parts.length - 1; i >= 0; i--) {
      const found = look(parts[i]!);
      if (found !== undefined) return new Uint8Array(found);
    }
    return undefined;
  }

  async #read<T>(read: () => Promise<T>): Promise<T> {
    try {
      return await read();
    } catch (error) {
      this.failure ??= { error };
      throw error;
    }
  }

  #checkIndex(index: number): void {
    if (!Number.isSafeInteger(index) || index < 0 || index >= this.size) {
      throw new CoreError('log-range', `the log has ${this.size} entries, and none at index ${index}`);
    }
  }
}
