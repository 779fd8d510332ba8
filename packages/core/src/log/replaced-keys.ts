import { CoreError } from '../error.ts';
import { REPLACED_PREFIX, replacedKey, versionOf } from './index-keys.ts';
import type { Store } from './store.ts';

// A list of keys: each after its length in one byte.

export function encodeReplaced(keys: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(keys.reduce((sum, key) => sum + 1 + key.length, 0));
  let at = 0;
  for (const key of keys) {
    bytes[at] = key.length;
    bytes.set(key, at + 1);
    at += 1 + key.length;
  }
  return bytes;
}

/** @throws CoreError `log-corrupt` */
function decodeReplaced(bytes: Uint8Array): Uint8Array[] {
  const keys: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + 1 + bytes[at]!;
    if (end > bytes.length) {
      throw new CoreError('log-corrupt', 'a list of replaced keys is damaged: derive the index again with reindex');
    }
    keys.push(bytes.slice(at + 1, end));
    at = end;
  }
  return keys;
}

// Looking for what can go costs as much as a few statements do: so many commits later, or so many replaced keys.
const COMMITS_BETWEEN = 32;
const REPLACED_BETWEEN = 4096;

// Most keys that one commit removes, so that none becomes long after a time in which nothing could go. A commit of the most
// entries replaces about half as many.
const MAX_REMOVED = 20_000;

/** Finds the nodes and records of the index that no checkpoint needs which is kept, a commit's share at a time. */
export class ReplacedKeys {
  readonly #store: Store;
  #commits = 0;
  #replaced = 0;
  #collected: number;

  /** @param collected the version up to which that was done */
  constructor(store: Store, collected: number) {
    this.#store = store;
    this.#collected = collected;
  }

  /** What this version and earlier ones replaced is gone, or about to be. */
  get collected(): number {
    return this.#collected;
  }

  /**
   * What the next commit is to remove.
   *
   * @param oldest the oldest version that is still needed: what it and earlier ones replaced can go
   * @param replaced how many keys the commit replaces, for later
   */
  async collect(
    oldest: number,
    replaced: number,
  ): Promise<{ readonly removed: Uint8Array[]; readonly collected: number }> {
    const removed: Uint8Array[] = [];
    this.#commits++;
    this.#replaced += replaced;
    if (this.#commits >= COMMITS_BETWEEN || this.#replaced >= REPLACED_BETWEEN) {
      this.#commits = 0;
      this.#replaced = 0;
      for await (const [key, value] of this.#store.derived(REPLACED_PREFIX)) {
        const version = versionOf(key);
        if (version > oldest) break;
        // A commit that removes these is under way.
        if (version <= this.#collected) continue;
        removed.push(...decodeReplaced(value), replacedKey(version));
        this.#collected = version;
        if (removed.length >= MAX_REMOVED) {
          // There is more.
          this.#commits = COMMITS_BETWEEN;
          break;
        }
      }
    }
    return { removed, collected: this.#collected };
  }
}
