import { setImmediate } from 'node:timers/promises';
import { equalBytes } from '../bytes/equal.ts';
import { CoreError } from '../error.ts';
import { indexEntryOf } from '../log-index/index-entry.ts';
import type { VerifierKey } from '../note/vkey.ts';
import { parseBundle } from '../tile/entry-bundle.ts';
import { TILE_WIDTH, tileWidth } from '../tile/tile.ts';
import { ADMISSION_KEY_PREFIX, type Admission, admissionKey, type LogView } from './admission.ts';
import type { Store } from './store.ts';
import { StoreReader } from './store-reader.ts';
import { StoredEntries } from './stored-entries.ts';

// Values that are looked up at a time.
const LOOKUPS = 256;

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const unhex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));
const corrupt = (message: string, cause?: unknown): CoreError => new CoreError('log-corrupt', message, { cause });

/**
 * Judges all entries of a log of statements again, in order, each by what stands before it, and compares what is derived
 * from them with what is stored.
 *
 * @param store one whose tree and indices of leaf hashes were found right
 * @param options.size of the tree
 * @param options.indexed whether the log writes index entries
 * @throws CoreError `log-corrupt` that names the first entry that the log should not have, or the first key that differs
 */
export async function checkJudgement(
  store: Store,
  admission: Admission,
  options: {
    readonly key: VerifierKey;
    readonly size: number;
    readonly indexed: boolean;
    readonly onJudged?: (count: number) => void;
  },
): Promise<void> {
  const { key, size, indexed, onJudged } = options;
  const reader = new StoreReader(store, () => size);
  const stored = new StoredEntries({ store, reader, key, duplicates: false, size: () => size });
  const replay = new Replay(stored);
  while (replay.size < size) {
    const index = Math.floor(replay.size / TILE_WIDTH);
    const width = tileWidth('entries', index, size);
    for (const entry of parseBundle(await store.readBundle(index, width), width)) {
      // The log's own are not judged but derived again.
      if (indexed && indexEntryOf(entry) !== undefined) {
        replay.push([]);
        continue;
      }
      const leafHash = await stored.leafHash(replay.size);
      try {
        replay.push(await admission.admit(new Uint8Array(entry), leafHash, replay));
      } catch (cause) {
        // The store failed, and nothing was judged.
        if (cause instanceof CoreError && cause.code.startsWith('store-')) throw cause;
        throw corrupt(`entry ${replay.size} is one that the log does not take: ${(cause as Error).message}`, cause);
      }
    }
    onJudged?.(replay.size);
    // The store answers within one turn of the event loop, and a signal or a progress bar needs others.
    await setImmediate();
  }
  await compare(store, replay.values);
}

/** A log as it was when it had fewer entries, and what is derived from those. */
class Replay implements LogView {
  size = 0;
  /** By derived key, in hex. */
  readonly values = new Map<string, Uint8Array>();
  readonly #stored: LogView;

  constructor(stored: LogView) {
    this.#stored = stored;
  }

  get origin(): string {
    return this.#stored.origin;
  }

  get key(): VerifierKey {
    return this.#stored.key;
  }

  /** Goes on to the next entry. */
  push(derived: Awaited<ReturnType<Admission['admit']>>): void {
    for (const [key, value] of derived) this.values.set(hex(key), value.slice());
    this.size++;
  }

  async entry(index: number): Promise<Uint8Array> {
    this.#checkIndex(index);
    return this.#stored.entry(index);
  }

  async leafHash(index: number): Promise<Uint8Array> {
    this.#checkIndex(index);
    return this.#stored.leafHash(index);
  }

  async indexOf(leafHash: Uint8Array): Promise<number | undefined> {
    const index = await this.#stored.indexOf(leafHash);
    return index !== undefined && index < this.size ? index : undefined;
  }

  async derived(key: Uint8Array): Promise<Uint8Array | undefined> {
    return this.values.get(hex(key))?.slice();
  }

  #checkIndex(index: number): void {
    if (index < this.size) return;
    throw new CoreError('log-range', `the log had ${this.size} entries, and none at index ${index}`);
  }
}

/**
 * Lists what is stored, which finds keys that should not be there, and looks every key up, which finds those that are there
 * and cannot be found.
 */
async function compare(store: Store, expected: ReadonlyMap<string, Uint8Array>): Promise<void> {
  for await (const [key] of store.derived(Uint8Array.of(ADMISSION_KEY_PREFIX))) {
    const name = hex(key.subarray(1));
    if (!expected.has(name)) throw corrupt(`the store has the admission's key ${name}, which no entry gives`);
  }
  const names = [...expected.keys()].sort();
  for (let at = 0; at < names.length; at += LOOKUPS) {
    const part = names.slice(at, at + LOOKUPS);
    const values = await store.readDerived(part.map((name) => admissionKey(unhex(name))));
    part.forEach((name, i) => {
      const value = values[i];
      if (value === undefined) throw corrupt(`the store does not find the admission's key ${name}`);
      if (!equalBytes(value, expected.get(name)!)) {
        throw corrupt(`the admission's key ${name} has another value than the entries give`);
      }
    });
    await setImmediate();
  }
}
