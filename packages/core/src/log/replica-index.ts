import { CoreError } from '../error.ts';
import { indexEntryOf } from '../log-index/index-entry.ts';
import type { IndexMapping } from '../log-index/index-mapping.ts';
import { HASH_SIZE } from '../tree/hash.ts';
import type { DerivedPair } from './admission.ts';
import { checkVersion } from './check-version.ts';
import { encodeIndexHead, type OpenedIndexHead } from './index-head.ts';
import { INDEX_HEAD_KEY, replacedKey } from './index-keys.ts';
import { IndexTree } from './index-tree.ts';
import { type IndexExtension, type IndexedEntry, Indexer } from './indexer.ts';
import { KnownLeaves, leafIndices } from './known-leaves.ts';
import { mapKey } from './map-key.ts';
import { encodeReplaced, ReplacedKeys } from './replaced-keys.ts';
import { MAX_COMMIT_BYTES, MAX_COMMIT_ENTRIES } from './sequencer.ts';
import type { Head, Store } from './store.ts';
import type { StoredEntries } from './stored-entries.ts';

// What one commit writes of the index: few leaves can be many pairs.
const MAX_PAIRS = 20_000;

const refused = (message: string): CoreError => new CoreError('index-false', message);

/** What a {@link ReplicaIndex} works with. */
export interface ReplicaIndexOptions {
  readonly store: Store;
  readonly mapping: IndexMapping;
  /** All that the store has. */
  readonly entries: StoredEntries;
  /** Undefined if nothing is indexed yet. */
  readonly head: OpenedIndexHead | undefined;
  /** The head of the store. */
  stored(): Head;
  /** Entries of the oldest checkpoint that is kept; undefined if there is none. */
  oldest(): number | undefined;
}

/**
 * Derives the index of a log that somebody else runs from its entries, and compares each index entry with what the entries
 * before it give.
 *
 * An index entry and the entries between it and the one before it are one group; groups are indexed whole, some of them in a
 * commit. The stored head of the index says how far that is, so whoever is interrupted goes on there.
 */
export class ReplicaIndex {
  readonly #options: ReplicaIndexOptions;
  readonly #indexer: Indexer;
  readonly #knownLeaves: KnownLeaves;
  #part: Part = new Part();
  #replaced: ReplacedKeys | undefined;
  #collected: number;
  #end: number;
  #refusal: CoreError | undefined;

  constructor(options: ReplicaIndexOptions) {
    const { store, mapping, head } = options;
    this.#options = options;
    const read = async (keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> => {
      const values = keys.map((key) => this.#part.versioned.get(mapKey(key))?.[1]);
      const asked = keys.filter((_, i) => values[i] === undefined);
      const stored = asked.length === 0 ? [] : await store.readDerived(asked);
      let at = 0;
      return values.map((value) => value ?? stored[at++]);
    };
    this.#indexer = new Indexer({ mapping, tree: new IndexTree(read), read, at: head });
    this.#knownLeaves = new KnownLeaves(store);
    this.#collected = head?.collected ?? 0;
    this.#end = head === undefined ? 0 : head.version + 1;
  }

  /** Entries that are indexed: the last of them is an index entry. */
  get end(): number {
    return this.#end;
  }

  /** Why the index of the first `size` entries is known to be false. */
  refusalOf(size: number): CoreError | undefined {
    return size > this.#end ? this.#refusal : undefined;
  }

  /** The index can be read at versions from this one on. */
  get collected(): number {
    return this.#collected;
  }

  /**
   * Indexes the groups that end before `end`. Nobody else may write to the store meanwhile.
   *
   * @param onProgress gets the number of entries that are indexed
   * @throws CoreError `index-false` that names the first entry that a log of statements could not have: then nothing behind it
   * is ever indexed; `log-corrupt`; `store-` codes
   */
  async derive(end: number, onProgress: (done: number) => void = () => {}): Promise<void> {
    if (end <= this.#end) return;
    if (this.#refusal !== undefined) throw this.#refusal;
    let start = this.#end;
    let group: IndexedEntry[] = [];
    let bytes = 0;
    try {
      for await (const { entry, leafHash } of this.#options.entries.leaves(start, end)) {
        const found = indexEntryOf(entry);
        if (found === undefined) {
          group.push({ entry, leafHash });
          bytes += entry.length;
          if (group.length > MAX_COMMIT_ENTRIES || bytes > MAX_COMMIT_BYTES) {
            throw refused(
              `no index entry stands behind entry ${start} where one commit of a log of statements must end: the log has no ` +
                'index, or leaves out a part of it',
            );
          }
          continue;
        }
        const leaves = await this.#leavesOf([...group.map((one) => one.leafHash), leafHash], start);
        const extension = await checkVersion(this.#indexer, { entries: group, start, found }, refused);
        this.#add(extension, leaves);
        start += group.length + 1;
        group = [];
        bytes = 0;
        if (this.#part.isFull) await this.#commit(onProgress);
      }
    } catch (error) {
      if (!(error instanceof CoreError && error.code === 'index-false')) throw error;
      this.#refusal = error;
    }
    await this.#commit(onProgress);
    if (this.#refusal !== undefined) throw this.#refusal;
  }

  /** The leaves of a group. @throws CoreError `index-false` if one of them stands in the tree before itself */
  async #leavesOf(hashes: readonly Uint8Array[], start: number): Promise<Leaves> {
    const leafHashes = new Uint8Array(hashes.length * HASH_SIZE);
    hashes.forEach((hash, i) => {
      leafHashes.set(hash, i * HASH_SIZE);
    });
    const { indices, fresh } = await this.#knownLeaves.add(leafHashes, this.#end, start);
    if (fresh.length === hashes.length) return { leafHashes, start };
    const twin = hashes.findIndex((_, i) => !fresh.includes(i));
    throw refused(
      `entry ${start + twin} is entry ${indices[twin]} once more, and a log of statements has no entry twice`,
    );
  }

  #add({ versioned, lasting, replaced }: IndexExtension, leaves: Leaves): void {
    const part = this.#part;
    const end = leaves.start + leaves.leafHashes.length / HASH_SIZE;
    const version = end - 1;
    part.leaves.push(leaves);
    for (const pair of versioned) part.versioned.set(mapKey(pair[0]), pair);
    part.lasting.push(...lasting);
    part.end = end;
    if (this.#options.oldest() === undefined) {
      // Nobody can ask for an earlier version, so what was replaced within one commit is never written.
      for (const key of replaced) if (!part.versioned.delete(mapKey(key))) part.removed.push(key);
      this.#collected = version;
    } else {
      part.lasting.push([replacedKey(version), encodeReplaced(replaced)]);
      part.replaced += replaced.length;
    }
  }

  async #commit(onProgress: (done: number) => void): Promise<void> {
    const { store, stored, oldest } = this.#options;
    const part = this.#part;
    if (part.end === 0) return;
    const needed = oldest();
    if (needed !== undefined) {
      this.#replaced ??= new ReplacedKeys(store, this.#collected);
      const { removed, collected } = await this.#replaced.collect(needed - 1, part.replaced);
      part.removed.push(...removed);
      this.#collected = collected;
    }
    const head = { version: part.end - 1, collected: this.#collected };
    const derived = part.derived([INDEX_HEAD_KEY, encodeIndexHead(head)]);
    const { removed } = part;
    await store.commit({ expected: stored(), head: stored(), tiles: [], bundles: [], derived, removed });
    this.#end = part.end;
    for (const _ of part.leaves) this.#knownLeaves.settled();
    this.#part = new Part();
    onProgress(this.#end);
  }
}

/** The leaf hashes of a group, and the leaf index of the first. */
interface Leaves {
  readonly leafHashes: Uint8Array;
  readonly start: number;
}

/** What one commit is to write. */
class Part {
  /** Nodes and records, by key. */
  readonly versioned = new Map<string, DerivedPair>();
  readonly lasting: DerivedPair[] = [];
  readonly removed: Uint8Array[] = [];
  readonly leaves: Leaves[] = [];
  /** How many keys it lists as replaced. */
  replaced = 0;
  /** Entries that are indexed once this is written; 0 if nothing is to be. */
  end = 0;

  get isFull(): boolean {
    const pairs = this.versioned.size + this.lasting.length + this.removed.length;
    return pairs >= MAX_PAIRS || this.leaves.length >= MAX_COMMIT_ENTRIES;
  }

  derived(head: DerivedPair): Iterable<DerivedPair> {
    const { leaves, versioned, lasting } = this;
    return {
      *[Symbol.iterator]() {
        for (const { leafHashes, start } of leaves) yield* leafIndices(leafHashes, start);
        yield* versioned.values();
        yield* lasting;
        yield head;
      },
    };
  }
}
