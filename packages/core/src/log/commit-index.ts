import type { IndexMapping } from '../log-index/index-mapping.ts';
import { HASH_SIZE } from '../tree/hash.ts';
import type { DerivedPair } from './admission.ts';
import type { EntryBatch } from './entry-batch.ts';
import type { OpenedIndexHead } from './index-head.ts';
import type { IndexTree } from './index-tree.ts';
import { Indexer, indexPairs } from './indexer.ts';
import type { PendingDerived } from './pending-derived.ts';
import { ReplacedKeys } from './replaced-keys.ts';
import type { Store } from './store.ts';

/** What an index adds to a commit. */
export interface CommitEnd {
  /** The index entry. */
  readonly entry: Uint8Array;
  readonly pairs: readonly DerivedPair[];
  readonly removed: readonly Uint8Array[];
}

/** What a {@link CommitIndex} works with. */
export interface CommitIndexOptions {
  readonly store: Store;
  readonly mapping: IndexMapping;
  readonly tree: IndexTree;
  /** What the tree is read from. */
  readonly pending: PendingDerived;
  /** Undefined if the log has no index entry yet. */
  readonly head: OpenedIndexHead | undefined;
  /** Entries of the oldest checkpoint that is kept. */
  oldest(): number;
}

/** Ends each commit of a log with an index entry, and keeps of the index what the checkpoints that are kept need. */
export class CommitIndex {
  readonly #pending: PendingDerived;
  readonly #indexer: Indexer;
  readonly #replaced: ReplacedKeys;
  readonly #oldest: () => number;

  constructor({ store, mapping, tree, pending, head, oldest }: CommitIndexOptions) {
    this.#pending = pending;
    this.#indexer = new Indexer({ mapping, tree, read: (keys) => pending.read(keys), at: head });
    this.#replaced = new ReplacedKeys(store, head?.collected ?? 0);
    this.#oldest = oldest;
  }

  /**
   * What goes behind the new entries of a commit, which has at least one.
   *
   * @param start entries that the log has before them
   */
  async end(fresh: EntryBatch, start: number): Promise<CommitEnd> {
    const entries = Array.from({ length: fresh.length }, (_, i) => ({
      entry: fresh.entry(i),
      leafHash: fresh.leafHashes.slice(i * HASH_SIZE, (i + 1) * HASH_SIZE),
    }));
    const extension = await this.#indexer.extend(entries, start);
    this.#pending.add(extension.versioned);
    // The version of a checkpoint is the index of its last leaf.
    const { removed, collected } = await this.#replaced.collect(this.#oldest() - 1, extension.replaced.length);
    const head = { version: start + entries.length, collected };
    return { entry: extension.entry, pairs: indexPairs(extension, head), removed };
  }

  /** The version from which on the index can be read, once all commits under way are durable. */
  get collected(): number {
    return this.#replaced.collected;
  }

  /** The oldest commit under way is durable. */
  settled(): void {
    this.#pending.settled();
  }
}
