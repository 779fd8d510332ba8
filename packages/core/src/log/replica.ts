import { CoreError } from '../error.ts';
import { indexEntryOf } from '../log-index/index-entry.ts';
import type { IndexMapping } from '../log-index/index-mapping.ts';
import { openCheckpoint } from '../note/open-checkpoint.ts';
import { parseVkey, type VerifierKey } from '../note/vkey.ts';
import { checkEntry, ENTRY_PREFIX_SIZE } from '../tile/entry-bundle.ts';
import type { CompactRange } from '../tree/compact-range.ts';
import { HASH_SIZE } from '../tree/hash.ts';
import { treeRoot } from '../tree/interval.ts';
import type { LogCheckpoint } from './checkpoint-keeper.ts';
import { formatDescription, type LogDescription, parseDescription } from './description.ts';
import { EntryBatch } from './entry-batch.ts';
import { growTree, headOf } from './grown-tree.ts';
import type { OpenedIndexHead } from './index-head.ts';
import { checkMapping, signingKey } from './log-key.ts';
import { copyOf, LogReading } from './log-reading.ts';
import { openIndex } from './open-index.ts';
import { type OpenedTree, openTree, requireRoot } from './open-tree.ts';
import { EntryPacker } from './packed-entries.ts';
import { ReplicaIndex } from './replica-index.ts';
import type { Head, Store } from './store.ts';
import { StoreReader } from './store-reader.ts';
import { StoredEntries } from './stored-entries.ts';

/** What a replica is created with. */
export interface CreateReplicaOptions {
  /** Of the log. */
  readonly origin: string;
  /** The log's keys: one of type 0x01, whose name is the origin, and others. */
  readonly vkeys: readonly string[];
  /** Makes it a replica of a log of statements whose index is derived again, for good. */
  readonly mapping?: IndexMapping | undefined;
}

/** What a replica is opened with. */
export interface OpenReplicaOptions {
  /** Says what the entries are to the index: without one a replica with an index publishes nothing. */
  readonly mapping?: IndexMapping | undefined;
}

/**
 * Somebody's copy of a log, in a store like the log's own.
 *
 * Entries come in order, and the caller has authenticated each of them against a checkpoint that the log signed. They are
 * durable at once; what can be asked is what the newest checkpoint covers that was published. Nothing that is stored is ever
 * replaced. Writes wait for one another, so several callers can copy one log.
 */
export class Replica extends LogReading implements AsyncDisposable {
  readonly #entries: StoredEntries;
  readonly #storedReader: StoreReader;
  readonly #index: ReplicaIndex | undefined;
  #range: CompactRange;
  #stored: Head;
  #last: Promise<unknown> = Promise.resolve();
  #failure: CoreError | undefined;
  #closing: Promise<void> | undefined;

  private constructor(
    store: Store,
    description: LogDescription,
    key: VerifierKey,
    opened: OpenedTree & { readonly index: OpenedIndexHead | undefined },
    { mapping }: OpenReplicaOptions,
  ) {
    super(store, description, key, opened);
    this.#range = opened.range;
    this.#stored = opened.stored;
    const size = (): number => this.next;
    this.#storedReader = new StoreReader(store, size);
    this.#entries = new StoredEntries({ store, reader: this.#storedReader, key, duplicates: true, size });
    this.#index =
      mapping &&
      new ReplicaIndex({
        store,
        mapping,
        entries: this.#entries,
        head: opened.index,
        stored: () => this.#stored,
        // The empty tree has no index.
        oldest: () => (this.size === 0 ? undefined : this.checkpoints.oldest),
      });
  }

  /**
   * Creates a replica without entries.
   *
   * @param createStore creates the store with the description that it is given
   * @throws CoreError `log-key` if the log has no key of type 0x01 that is named as its origin; `key-malformed`; what
   * `createStore` throws
   */
  static async create(
    createStore: (description: Uint8Array) => Promise<Store>,
    { origin, vkeys, mapping }: CreateReplicaOptions,
  ): Promise<Replica> {
    const description: LogDescription = {
      origin,
      vkeys,
      kind: mapping === undefined ? 'raw' : 'statements',
      // Nobody has promised that another log has none.
      duplicates: mapping === undefined,
      indexed: mapping !== undefined,
      mirror: true,
    };
    // Before anything is created: with other keys it could never be opened.
    for (const vkey of vkeys) parseVkey(vkey);
    signingKey(description);
    const store = await createStore(formatDescription(description));
    try {
      return await Replica.open(store, { mapping });
    } catch (error) {
      await store[Symbol.asyncDispose]();
      throw error;
    }
  }

  /**
   * Opens the replica in a store, after checking that its right edge, its head and its checkpoints agree. The replica then
   * owns the store; if opening fails, the caller still does.
   *
   * @throws CoreError `log-mirror` if the store has a log of its own; `log-corrupt` if they do not agree; `log-index` for a
   * mapping for a replica without an index; `store-` codes
   */
  static async open(store: Store, options: OpenReplicaOptions = {}): Promise<Replica> {
    const description = parseDescription(await store.description());
    if (!description.mirror) {
      throw new CoreError('log-mirror', `this is the log ${description.origin} itself, and not a mirror of it`);
    }
    const key = signingKey(description);
    checkMapping(description, options.mapping);
    const tree = await openTree(store, { key, mirror: true });
    const index = description.indexed ? await openIndex(store, { ...description, key, ...tree }) : undefined;
    return new Replica(store, description, key, { ...tree, index }, options);
  }

  /** The index of the first entry that is not stored. */
  get next(): number {
    return this.#range.size;
  }

  /** The newest checkpoint that was published; undefined if there is none yet. */
  published(): LogCheckpoint | undefined {
    const { signed } = this.checkpoints.current;
    return signed && copyOf(signed);
  }

  /** Why nothing can be stored any more: a write that failed. */
  get failure(): CoreError | undefined {
    return this.#failure;
  }

  /** Whether its log's index can be derived again here: {@link publish} needs that, if it has one. */
  get checksIndex(): boolean {
    return this.#index !== undefined;
  }

  /** Why a tree of `size` entries is never published, as far as is known: `index-false`. */
  falseIndex(size: number): CoreError | undefined {
    return this.#index?.refusalOf(size);
  }

  /**
   * The root over the first `size` entries that are stored, published or not.
   *
   * @throws CoreError `log-range` if they are not all stored
   */
  async storedRoot(size: number): Promise<Uint8Array> {
    this.#checkStored(size);
    return size === this.#stored.size ? this.#stored.root.slice() : treeRoot(size, this.#storedReader);
  }

  /**
   * The leaf hashes of entries that are stored, published or not, 32 bytes each.
   *
   * @throws CoreError `log-range` if they are not all stored
   */
  async storedLeafHashes(start: number, end: number): Promise<Uint8Array> {
    this.#checkStored(end);
    const hashes = new Uint8Array((end - start) * HASH_SIZE);
    for (let at = start; at < end; at++) hashes.set(await this.#entries.leafHash(at), (at - start) * HASH_SIZE);
    return hashes;
  }

  /**
   * Stores entries that the caller has authenticated against a checkpoint of the log, in one durable commit. Those that are
   * there already are passed over.
   *
   * @param start the index of the first of them, at most {@link next}
   * @returns the next entry
   * @throws CoreError `entry-empty`, `entry-too-large`; `log-range` if entries would be left out; `log-closed`; `store-io` if
   * writing failed, and `log-failed` ever after
   */
  async extend(entries: readonly Uint8Array[], start: number): Promise<number> {
    for (const entry of entries) checkEntry(entry);
    return this.#exclusive(async () => {
      const known = this.next - start;
      if (known < 0) throw new CoreError('log-range', `entry ${this.next} comes next, and not entry ${start}`);
      const fresh = entries.slice(known);
      if (fresh.length === 0) return this.next;
      const packer = new EntryPacker(
        fresh.length,
        fresh.reduce((sum, { length }) => sum + ENTRY_PREFIX_SIZE + length, 0),
      );
      for (const entry of fresh) packer.add(entry);
      const { range, commit } = growTree(this.#range, EntryBatch.of(packer.finish()));
      await this.#write(() => this.store.commit({ ...commit, derived: [] }));
      this.#range = range;
      this.#stored = headOf(range);
      return this.next;
    });
  }

  /**
   * Derives the index up to the last index entry before `end`, or up to the next entry if that is less. {@link publish} does
   * that by itself; whoever copies much does it meanwhile. `end` is the size of a checkpoint that will be published: until
   * there is one that is, the index of smaller trees is not kept.
   *
   * @throws CoreError `index-false` that names the first entry that a log of statements could not have; `store-` codes
   */
  async derive(end: number, onProgress?: (done: number) => void): Promise<void> {
    await this.#exclusive(async () => {
      const index = this.#index;
      if (index !== undefined) await this.#write(() => index.derive(Math.min(end, this.next), onProgress));
    });
  }

  /**
   * Publishes a checkpoint of the log, with the signatures that it has: all of its entries must be stored, and the index of
   * all of them must be right. A published one is never replaced by one of a smaller tree.
   *
   * @param cosign called once all of that was found so, and before the checkpoint is stored: gives it with more signatures
   * @throws CoreError `log-range` if entries are missing or a larger tree is published already; `log-corrupt` if the stored
   * entries have another root; `index-false` as {@link derive}; `log-index` if the replica was opened without a mapping and has
   * an index; what `openCheckpoint` and `cosign` throw
   */
  async publish(
    note: Uint8Array,
    cosign: (note: Uint8Array) => Promise<Uint8Array> | Uint8Array = (unchanged) => unchanged,
  ): Promise<LogCheckpoint> {
    this.checkOpen();
    const opening = { origin: this.origin, keys: [this.key] };
    const { size, root } = openCheckpoint(note, opening).checkpoint;
    return this.#exclusive(async () => {
      this.#checkStored(size);
      if (size < this.size) {
        throw new CoreError(
          'log-range',
          `the mirror has published ${this.size} entries, and does not go back to ${size}`,
        );
      }
      requireRoot({ size, root }, await this.storedRoot(size));
      await this.#checkIndex(size);
      const signed = await cosign(note);
      requireRoot(openCheckpoint(signed, opening).checkpoint, root);
      return this.#write(async () => {
        const published = await this.checkpoints.adopt({ size, root, note: signed });
        this.head = { size, root };
        return copyOf(published);
      });
    });
  }

  async #checkIndex(size: number): Promise<void> {
    if (!this.description.indexed) return;
    const index = this.#index;
    if (index === undefined) {
      throw new CoreError(
        'log-index',
        `the mirror of ${this.origin} derives the index again: it was opened without what says what belongs in it`,
      );
    }
    await this.#write(() => index.derive(size));
    if (size === 0) return;
    if (size > index.end || indexEntryOf(await this.#entries.entry(size - 1)) === undefined) {
      throw new CoreError(
        'index-false',
        `entry ${size - 1}, the last in the tree of a checkpoint, is not an index entry, as it must be in a log with an index`,
      );
    }
    if (size - 1 < index.collected) {
      throw new CoreError(
        'log-range',
        `the index of the first ${size} entries is not kept any more: publish a larger tree`,
      );
    }
  }

  #checkStored(size: number): void {
    this.checkOpen();
    if (size > this.next) throw new CoreError('log-range', `the mirror has stored ${this.next} entries, not ${size}`);
  }

  /** One after the other. */
  #exclusive<T>(act: () => Promise<T>): Promise<T> {
    const acted = this.#last.then(() => {
      this.checkOpen();
      if (this.#failure !== undefined) throw this.#failure;
      return act();
    });
    this.#last = acted.catch(() => {});
    return acted;
  }

  /** What a failed write left behind shows only when the store is opened again. */
  async #write<T>(write: () => Promise<T>): Promise<T> {
    try {
      return await write();
    } catch (cause) {
      // What was found out about the log stays true.
      if (cause instanceof CoreError && cause.code === 'index-false') throw cause;
      const message = cause instanceof Error ? cause.message : String(cause);
      this.#failure = new CoreError('log-failed', `writing failed, and the mirror must be opened again: ${message}`, {
        cause,
      });
      throw cause;
    }
  }

  /** Waits for what is under way, and closes the store. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#last.then(() => this.store[Symbol.asyncDispose]());
    return this.#closing;
  }

  protected override checkOpen(): void {
    if (this.#closing !== undefined) throw new CoreError('log-closed', `the mirror of ${this.origin} was closed`);
  }
}
