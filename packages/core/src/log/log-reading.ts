import { CoreError } from '../error.ts';
import type { StreamClaim, StreamsClaim, SubjectClaim } from '../log-index/index-claim.ts';
import type { StreamName, StreamRecord } from '../log-index/stream.ts';
import type { SubjectRecord } from '../log-index/subject.ts';
import type { VerifierKey } from '../note/vkey.ts';
import { tileWidth } from '../tile/tile.ts';
import { HASH_SIZE } from '../tree/hash.ts';
import { type Interval, intervalHashes, treeRoot } from '../tree/interval.ts';
import { type MultiProofClaim, proveMulti, verifyMulti } from '../tree/multi-proof.ts';
import {
  type Consistency,
  type Inclusion,
  type SubtreeConsistency,
  verifyConsistency,
  verifyInclusion,
  verifySubtreeConsistency,
} from '../tree/proof.ts';
import { proveConsistency, proveInclusion, proveSubtreeConsistency } from '../tree/prove.ts';
import type { LogView } from './admission.ts';
import { checked } from './checked.ts';
import { CheckpointKeeper, type LogCheckpoint } from './checkpoint-keeper.ts';
import type { LogDescription } from './description.ts';
import { IndexReader, type Latest, type Proven, type ProvenHistory, type StreamStatement } from './index-reader.ts';
import { IndexTree } from './index-tree.ts';
import { unindexed } from './log-key.ts';
import type { OpenedTree } from './open-tree.ts';
import { PendingDerived } from './pending-derived.ts';
import type { Head, Store } from './store.ts';
import { StoreReader } from './store-reader.ts';
import { StoredEntries } from './stored-entries.ts';

/** What a log can be asked, whether or not it can be appended to. What it hands out it has checked. */
export abstract class LogReading implements LogView {
  readonly description: LogDescription;
  /** The key that signs this log's checkpoints. */
  readonly key: VerifierKey;
  protected readonly store: Store;
  /** What is durable, and published if this is a mirror. */
  protected head: Head;
  protected readonly reader: StoreReader;
  protected readonly stored: StoredEntries;
  protected checkpoints: CheckpointKeeper;
  /** Of the index, what is on its way into the store. */
  protected readonly pending: PendingDerived;
  protected readonly tree: IndexTree;
  readonly #index: IndexReader | undefined;

  protected constructor(
    store: Store,
    description: LogDescription,
    key: VerifierKey,
    opened: Pick<OpenedTree, 'head' | 'checkpoints'>,
  ) {
    this.store = store;
    this.description = description;
    this.key = key;
    this.head = opened.head;
    const size = (): number => this.size;
    this.reader = new StoreReader(store, size);
    this.stored = new StoredEntries({ store, reader: this.reader, key, duplicates: description.duplicates, size });
    this.checkpoints = new CheckpointKeeper(store, description, key, opened.checkpoints);
    this.pending = new PendingDerived(store);
    this.tree = new IndexTree((keys) => this.pending.read(keys));
    if (description.indexed) {
      this.#index = new IndexReader({
        store,
        entries: this.stored,
        tree: this.tree,
        proveInclusion: (index, at) => this.proveInclusion(index, at),
      });
    }
  }

  /** @throws CoreError `log-closed` */
  protected abstract checkOpen(): void;

  get origin(): string {
    return this.description.origin;
  }

  /**
   * Whether what was derived from the entries can be asked for: the index, and what finds a leaf at once. A log that is read
   * from a server which has nothing but files cannot be asked, nor can a mirror that was made without the index.
   */
  get answersDerived(): boolean {
    return !this.description.mirror || this.description.indexed;
  }

  /** Entries in the log: all of them are durable. Of a mirror those that its newest checkpoint covers. */
  get size(): number {
    return this.head.size;
  }

  /** The root over all entries. */
  get root(): Uint8Array {
    return this.head.root.slice();
  }

  /**
   * The newest signed checkpoint.
   *
   * @throws CoreError `log-read-only` if there is none yet, because creating the log was interrupted: opening it with its key
   * signs one; `log-mirror` if it is a mirror that has none yet
   */
  checkpoint(): LogCheckpoint {
    const { signed } = this.checkpoints.current;
    if (signed === undefined && this.description.mirror) {
      throw new CoreError('log-mirror', `the mirror of ${this.origin} has no whole tree yet: copy the rest of it`);
    }
    if (signed === undefined) {
      throw new CoreError('log-read-only', `${this.origin} has no checkpoint yet: append an entry to it, with its key`);
    }
    return copyOf(signed);
  }

  /** The newest checkpoint with signatures of others than the log, if there is one. It can be older than the newest. */
  cosignedCheckpoint(): LogCheckpoint | undefined {
    const { cosigned } = this.checkpoints.current;
    return cosigned && copyOf(cosigned);
  }

  /**
   * The entry at `index`.
   *
   * @throws CoreError `log-range` if the log does not have it; `log-corrupt` if it does not hash to its leaf
   */
  async entry(index: number): Promise<Uint8Array> {
    this.checkOpen();
    return this.stored.entry(index);
  }

  /**
   * The entries from `start` up to but without `end`, in order.
   *
   * @param end the log's size by default; entries appended meanwhile are not included
   * @throws CoreError as {@link entry}
   */
  async *entries(start = 0, end: number = this.size): AsyncGenerator<Uint8Array, void, undefined> {
    if (!Number.isSafeInteger(start) || !Number.isSafeInteger(end) || start < 0 || start > end || end > this.size) {
      throw new CoreError('log-range', `the log has entries 0 to ${this.size}, not ${start} to ${end}`);
    }
    for await (const entry of this.stored.entries(start, end, () => this.checkOpen())) yield entry;
  }

  /** The leaf hash at `index`. @throws CoreError `log-range`; `log-corrupt` if it is damaged */
  async leafHash(index: number): Promise<Uint8Array> {
    this.checkOpen();
    return this.stored.leafHash(index);
  }

  /**
   * The index of the entry with this leaf hash, or undefined if there is none. In a log that allows duplicates the first
   * one is found by reading all leaf hashes.
   *
   * @throws CoreError `log-corrupt` if the store names an index where the entry is not
   */
  async indexOf(leafHash: Uint8Array): Promise<number | undefined> {
    this.checkOpen();
    return this.stored.indexOf(leafHash);
  }

  /**
   * What the admission of a log of statements derived from its entries for this key; undefined if there is nothing.
   *
   * @throws CoreError `log-mirror` if it is a mirror, which judges nothing
   */
  async derived(key: Uint8Array): Promise<Uint8Array | undefined> {
    this.checkOpen();
    if (this.description.mirror) {
      throw new CoreError('log-mirror', `a mirror does not keep what ${this.origin} judges entries by: ask the log`);
    }
    return this.stored.derived(key);
  }

  /**
   * Proves that the entry at `index` is in the tree of `size` entries.
   *
   * @param size that of the newest signed checkpoint by default
   * @throws ProofError `proof-range` if the index is not below the size, CoreError `log-range` if the size exceeds the log's
   * @throws CoreError `log-corrupt` if the stored tree is damaged
   */
  async proveInclusion(index: number, size: number = this.checkpoint().size): Promise<Inclusion> {
    this.#checkSize(size);
    const proof = await proveInclusion(index, size, this.reader);
    const inclusion = { index, size, leafHash: await this.leafHash(index), proof, root: await this.rootAt(size) };
    return checked(inclusion, verifyInclusion);
  }

  /**
   * Proves that the tree of `oldSize` entries is a prefix of that of `newSize`.
   *
   * @param newSize that of the newest signed checkpoint by default
   * @throws as {@link proveInclusion}
   */
  async proveConsistency(oldSize: number, newSize: number = this.checkpoint().size): Promise<Consistency> {
    this.#checkSize(newSize);
    const proof = await proveConsistency(oldSize, newSize, this.reader);
    const consistency = {
      oldSize,
      newSize,
      oldRoot: await this.rootAt(oldSize),
      newRoot: await this.rootAt(newSize),
      proof,
    };
    return checked(consistency, verifyConsistency);
  }

  /**
   * Proves that the subtree of the entries from `start` up to but without `end` is in the tree of `size` entries.
   *
   * @param size that of the newest signed checkpoint by default
   * @throws ProofError `proof-range` if it is no subtree of such a tree; as {@link proveInclusion}
   */
  async proveSubtreeConsistency(
    { start, end }: Interval,
    size: number = this.checkpoint().size,
  ): Promise<SubtreeConsistency> {
    this.#checkSize(size);
    const proof = await proveSubtreeConsistency({ start, end }, size, this.reader);
    const [subtreeRoot] = await intervalHashes([{ start, end }], this.reader);
    const consistency = { start, end, size, subtreeRoot: subtreeRoot!, root: await this.rootAt(size), proof };
    return checked(consistency, verifySubtreeConsistency);
  }

  /**
   * Proves at once that the entries at `indices` are in the tree of `size` entries, and that the trees of `oldSizes` are its
   * prefixes; both strictly increasing.
   *
   * @param size that of the newest signed checkpoint by default
   * @throws as {@link proveInclusion}
   */
  async proveMulti(
    { indices, oldSizes }: { readonly indices: readonly number[]; readonly oldSizes: readonly number[] },
    size: number = this.checkpoint().size,
  ): Promise<MultiProofClaim> {
    this.#checkSize(size);
    const proof = await proveMulti({ size, indices, oldSizes }, this.reader);
    const leaves = await Promise.all(indices.map(async (index) => ({ index, leafHash: await this.leafHash(index) })));
    const oldTrees = await Promise.all(oldSizes.map(async (old) => ({ size: old, root: await this.rootAt(old) })));
    return checked({ size, root: await this.rootAt(size), leaves, oldTrees, proof }, verifyMulti);
  }

  /**
   * The first `width` hashes of a tile, or entries of a bundle, as tlog-tiles serves them.
   *
   * @throws CoreError `log-range` if the log does not have them; `log-corrupt` if they are damaged
   */
  async tile(level: number | 'entries', index: number, width: number): Promise<Uint8Array> {
    this.checkOpen();
    const isTile = [level === 'entries' ? 0 : level, index, width].every((n) => Number.isSafeInteger(n) && n >= 0);
    if (!isTile || width < 1 || width > tileWidth(level, index, this.size)) {
      throw new CoreError('log-range', `the log does not have ${width} items of tile ${index} of level ${level}`);
    }
    return this.stored.tile(level, index, width);
  }

  /**
   * The newest statement of a stream, in a log with an index; undefined if the stream has none.
   *
   * @param size as the index is in the tree of this size: that of the newest signed checkpoint by default
   * @throws CoreError `log-index` if the log has no index; `log-range` for a size at which no commit ended, or at which the
   * index is not kept any more; `log-corrupt` if it is damaged
   */
  async latest(stream: StreamName, size?: number): Promise<Latest | undefined> {
    return this.#indexAt(size, (index, at) => index.latest(stream, at));
  }

  /** As {@link latest}, for who knows the stream's key only: `streamKey` makes it. @throws as {@link latest} */
  async latestOf(key: Uint8Array, size?: number): Promise<Latest | undefined> {
    if (key.length !== HASH_SIZE) throw new RangeError(`the key of a stream is ${HASH_SIZE} bytes`);
    return this.#indexAt(size, (index, at) => index.latestOf(key, at));
  }

  /**
   * The statements of a stream from the position `from` on, in order.
   *
   * @throws as {@link latest}
   */
  async *history(stream: StreamName, from = 0, size?: number): AsyncGenerator<StreamStatement, void, undefined> {
    for await (const statement of this.#indexAt(size, (index, at) => index.history(stream, from, at))) {
      this.checkOpen();
      yield statement;
    }
  }

  /** All streams with their records, in the order of their encodings. @throws as {@link latest} */
  async *streams(size?: number): AsyncGenerator<{ stream: StreamName; record: StreamRecord }, void, undefined> {
    for await (const found of this.#indexAt(size, (index, at) => index.streams(at))) {
      this.checkOpen();
      yield found;
    }
  }

  /** Everybody's newest review and withdrawal of a leaf; null if there is none. @throws as {@link latest} */
  async subject(leafHash: Uint8Array, size?: number): Promise<SubjectRecord | null> {
    return this.#indexAt(size, (index, at) => index.subject(leafHash, at));
  }

  /**
   * Proves which statement is the newest of a stream, by the index that the checkpoint of `size` commits to.
   *
   * @throws CoreError `stream-missing` if the stream has none; as {@link latest}; `log-range` for an empty tree
   */
  async proveLatest(stream: StreamName, size?: number): Promise<Proven<StreamClaim & { record: StreamRecord }>> {
    return this.#indexAt(size, (index, at) => index.proveLatest(stream, at));
  }

  /** Proves that a stream has no statement. @throws CoreError `stream-present`; as {@link proveLatest} */
  async proveAbsent(stream: StreamName, size?: number): Promise<Proven<StreamClaim & { record: null }>> {
    return this.#indexAt(size, (index, at) => index.proveAbsent(stream, at));
  }

  /**
   * Proves which statements a stream has from the position `from` on.
   *
   * @throws CoreError `log-range` if it has none from there on; as {@link proveLatest}
   */
  async proveHistory(stream: StreamName, from = 0, size?: number): Promise<ProvenHistory> {
    return this.#indexAt(size, (index, at) => index.proveHistory(stream, from, at));
  }

  /** Proves everybody's newest review and withdrawal of a leaf, or that there is none. @throws as {@link proveLatest} */
  async proveSubject(leafHash: Uint8Array, size?: number): Promise<Proven<SubjectClaim>> {
    return this.#indexAt(size, (index, at) => index.proveSubject(leafHash, at));
  }

  /** Proves which streams there are: as long as the index is large. @throws as {@link proveLatest} */
  async proveStreams(size?: number): Promise<Proven<StreamsClaim>> {
    return this.#indexAt(size, (index, at) => index.proveStreams(at));
  }

  #indexAt<T>(size: number | undefined, ask: (index: IndexReader, size: number) => T): T {
    if (this.#index === undefined) throw unindexed(this.description);
    const at = size ?? this.checkpoint().size;
    this.#checkSize(at);
    return ask(this.#index, at);
  }

  #checkSize(size: number): void {
    this.checkOpen();
    if (size > this.size) throw new CoreError('log-range', `the log has ${this.size} entries, not ${size}`);
  }

  protected async rootAt(size: number): Promise<Uint8Array> {
    return size === this.size ? this.root : treeRoot(size, this.reader);
  }
}

/** The caller's own: what it does with it must not reach what the log keeps. */
export function copyOf({ size, root, note }: LogCheckpoint): LogCheckpoint {
  return { size, root: root.slice(), note: note.slice() };
}
