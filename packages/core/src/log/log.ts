import { CoreError } from '../error.ts';
import type { IndexMapping } from '../log-index/index-mapping.ts';
import { formatCheckpoint } from '../note/checkpoint.ts';
import { openCheckpoint } from '../note/open-checkpoint.ts';
import type { Signer } from '../note/signer.ts';
import type { VerifierKey } from '../note/vkey.ts';
import { checkEntry, ENTRY_PREFIX_SIZE } from '../tile/entry-bundle.ts';
import type { Admission } from './admission.ts';
import { type Appended, AppendedBatch } from './appended.ts';
import type { LogCheckpoint } from './checkpoint-keeper.ts';
import { CommitIndex } from './commit-index.ts';
import { formatDescription, type LogDescription, parseDescription } from './description.ts';
import { entryChunks } from './entry-chunks.ts';
import { type OpenedIndexHead, readIndexHead } from './index-head.ts';
import { Judge } from './judge.ts';
import { KnownLeaves } from './known-leaves.ts';
import { checkAdmission, checkMapping, checkSigner, signingKey } from './log-key.ts';
import { copyOf, LogReading } from './log-reading.ts';
import { openIndex } from './open-index.ts';
import { type OpenedTree, openTree, requireRoot } from './open-tree.ts';
import { EntryPacker, type PackedEntries, packEntry } from './packed-entries.ts';
import { isReservedEntry } from './reserved-entry.ts';
import { MAX_COMMIT_BYTES, MAX_COMMIT_ENTRIES, type Sequenced, Sequencer } from './sequencer.ts';
import type { Store } from './store.ts';

/** What a log is created with. */
export interface CreateOptions extends Omit<LogDescription, 'indexed' | 'mirror'> {
  /** Holds the key of type 0x01. */
  readonly signer: Signer;
  /** Judges what a log of statements takes: without one it takes nothing yet. */
  readonly admission?: Admission | undefined;
  /** Makes a log of statements one with an index, for good. */
  readonly mapping?: IndexMapping | undefined;
}

/** What a log is opened with. */
export interface OpenOptions {
  /** Without one the log can be read and not appended to. */
  readonly signer?: Signer | undefined;
  /** Judges what a log of statements takes: without one it can be read and not appended to. */
  readonly admission?: Admission | undefined;
  /** Says what the entries of a log with an index are to it: without one it can be read and not appended to. */
  readonly mapping?: IndexMapping | undefined;
}

/**
 * An append-only log of entries of 1 to 65,535 bytes, in a store.
 *
 * Every promise of an append resolves only when its entry is durable and a signed checkpoint covers it. A head is stored
 * first and signed after, so the log never signs what it could lose. What the log hands out it has checked: entries
 * against their leaf hashes, proofs against the root.
 */
export class Log extends LogReading implements AsyncDisposable {
  readonly #signer: Signer | undefined;
  readonly #admission: Admission | undefined;
  readonly #mapping: IndexMapping | undefined;
  readonly #index: CommitIndex | undefined;
  readonly #sequencer: Sequencer;
  #closing: Promise<void> | undefined;

  private constructor(
    store: Store,
    description: LogDescription,
    key: VerifierKey,
    opened: OpenedTree & { readonly index: OpenedIndexHead | undefined },
    { signer, admission, mapping }: OpenOptions,
  ) {
    super(store, description, key, opened);
    this.#signer = signer;
    this.#admission = admission;
    this.#mapping = mapping;
    const { tree, pending } = this;
    const oldest = (): number => this.checkpoints.oldest;
    this.#index = mapping && new CommitIndex({ store, mapping, tree, pending, head: opened.index, oldest });
    this.#sequencer = new Sequencer(
      {
        store,
        knownLeaves: description.duplicates || admission !== undefined ? undefined : new KnownLeaves(store),
        judge: admission && new Judge(admission, this.stored),
        index: this.#index,
        head: () => this.head,
        committed: async (head) => {
          this.head = head;
          // Nothing is committed without a signer.
          return (await this.checkpoints.sign(head, this.#signer!)).note;
        },
        checkpoint: () => this.checkpoint().note,
      },
      opened.range,
    );
  }

  /**
   * Creates a log and signs its first checkpoint, that of the empty tree.
   *
   * @param createStore creates the store with the description that it is given, for instance
   * `(description) => LevelStore.create(directory, description)`
   * @throws CoreError `log-key` if the signer is not the key of type 0x01 among `vkeys`, named as the origin; what
   * `createStore` throws; `log-admission` for an admission of a log that is to be raw
   * @throws RangeError for a log of statements that would allow duplicates, and for a raw one that would have an index
   */
  static async create(createStore: (description: Uint8Array) => Promise<Store>, options: CreateOptions): Promise<Log> {
    const { origin, vkeys, kind, duplicates, signer, admission, mapping } = options;
    const description = { origin, vkeys, kind, duplicates, indexed: mapping !== undefined, mirror: false };
    // Before anything is created: a log with a wrong key could never be opened.
    const key = signingKey(description);
    checkSigner(signer, key);
    checkAdmission(description, admission);
    const store = await createStore(formatDescription(description));
    try {
      return await Log.open(store, { signer, admission, mapping });
    } catch (error) {
      await store[Symbol.asyncDispose]();
      throw error;
    }
  }

  /**
   * Opens the log in a store, after checking that its right edge, its head and its checkpoints agree. The log then owns
   * the store; if opening fails, the caller still does.
   *
   * A mirror can be opened without a signer, and shows what it has published.
   *
   * @throws CoreError `log-corrupt` if they do not agree; `log-key` if the signer has another key than the log; `log-mirror`
   * for a signer and a mirror;
   * `log-admission` for an admission of a log that is raw, and would take anything; `log-index` for a mapping for a log
   * without an index; `store-` codes
   */
  static async open(store: Store, options: OpenOptions = {}): Promise<Log> {
    const { signer, admission, mapping } = options;
    const description = parseDescription(await store.description());
    const { mirror } = description;
    const key = signingKey(description);
    if (mirror && signer !== undefined) {
      throw new CoreError(
        'log-mirror',
        `this is a mirror of ${description.origin}: only the log itself can be appended to`,
      );
    }
    if (signer !== undefined) checkSigner(signer, key);
    checkAdmission(description, admission);
    checkMapping(description, mapping);
    const tree = await openTree(store, { key, mirror });
    const index = description.indexed ? await openIndex(store, { ...description, key, ...tree }) : undefined;
    const log = new Log(store, description, key, { ...tree, index }, options);
    // The log stopped after storing this head and before signing it, or before storing the signature.
    const { signed } = log.checkpoints.current;
    if (signer !== undefined && signed?.size !== log.size) {
      await log.checkpoints.sign(log.head, signer);
      // Before anything is appended: a log with entries and without a checkpoint is one that lost it.
      await log.checkpoints.stored();
    }
    return log;
  }

  /**
   * Appends one entry. Many calls at once share a commit. The checkpoint that it resolves to covers the entry; to prove it
   * there, give its size to {@link proveInclusion}. Appending an entry that is there already gives its old index,
   * unless the log allows duplicates. What a log of statements refuses has no effect, and the log takes the next.
   *
   * @param entry 1 to 65,535 bytes, copied at once
   * @throws TypeError if the entry is no Uint8Array
   * @throws CoreError `entry-empty`, `entry-too-large`; `entry-reserved` for an entry that only the log itself may write;
   * `log-read-only` without a signer; `log-admission` without the admission of a log of statements, `log-index` without the
   * mapping of one with an index; `log-closed`; `store-io` if writing failed, and `log-failed` ever after
   * @throws what the admission refuses the entry with
   */
  async append(entry: Uint8Array): Promise<Appended> {
    this.#checkAppendable(entry);
    const { indices, leafHashes, checkpoint } = await this.#sequencer.sequence(packEntry(entry));
    return { index: indices[0]!, leafHash: leafHashes.slice(), checkpoint: checkpoint.slice() };
  }

  /**
   * Appends entries in one commit: all of them, or none if one of them cannot be appended.
   *
   * @param entries 1 to {@link MAX_COMMIT_ENTRIES}, whose bytes with a length of two bytes each are at most
   * {@link MAX_COMMIT_BYTES}, copied at once
   * @throws RangeError for more, or none; as {@link append}
   */
  async appendTogether(entries: readonly Uint8Array[]): Promise<AppendedBatch> {
    for (const entry of entries) this.#checkAppendable(entry);
    const size = entries.reduce((sum, entry) => sum + ENTRY_PREFIX_SIZE + entry.length, 0);
    if (entries.length < 1 || entries.length > MAX_COMMIT_ENTRIES || size > MAX_COMMIT_BYTES) {
      throw new RangeError(`${entries.length} entries of ${size} bytes do not go into one commit`);
    }
    const packer = new EntryPacker(entries.length, size);
    for (const entry of entries) packer.add(entry);
    return new AppendedBatch(await this.#sequencer.sequence(packer.finish()));
  }

  /**
   * Appends all entries of an iterable in constant memory, a few thousand to a commit, and yields what became of each
   * commit's once they are durable.
   *
   * If the iterable fails, or one of its entries cannot be appended, those before it are appended and yielded, and then
   * the error is thrown. A caller that stops early leaves up to three commits under way. A log of statements refuses a
   * commit's entries all together if it refuses one of them, and does not look at those behind them.
   *
   * @throws as {@link append}
   */
  async *appendAll(
    entries: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  ): AsyncGenerator<AppendedBatch, void, undefined> {
    const under: Promise<Sequenced>[] = [];
    // What stands behind refused entries must not be taken.
    const ahead = this.#admission === undefined ? 2 : 0;
    let failed: { error: unknown } | undefined;
    const source = entryChunks(entries, (entry) => this.#checkAppendable(entry));
    try {
      for (;;) {
        let next: IteratorResult<PackedEntries>;
        try {
          next = await source.next();
        } catch (error) {
          failed = { error };
          break;
        }
        if (next.done === true) break;
        const sequenced = this.#sequencer.sequence(next.value);
        // It is awaited below, after those before it.
        sequenced.catch(() => {});
        under.push(sequenced);
        if (under.length > ahead) yield new AppendedBatch(await under.shift()!);
      }
    } finally {
      await source.return();
    }
    for (const sequenced of under) yield new AppendedBatch(await sequenced);
    if (failed !== undefined) throw failed.error;
  }

  /**
   * Keeps a checkpoint of this log with further signatures: those of witnesses. The caller has verified them. Signatures
   * that are there already for the same tree are kept too, but for those of keys that signed again.
   *
   * @param isCosigned whether it becomes the cosigned checkpoint, if it is newer than that; without, its signatures wait for others
   * with the newest checkpoint, if it is that one
   * @returns the checkpoint with all its signatures
   * @throws CoreError `log-range` if the tree is larger than the log; `log-corrupt` if it is another one; what
   * `openCheckpoint` throws; `checkpoint-malformed` for one with extension lines; `log-range` also for a tree whose index is not
   * kept any more
   */
  async publish(
    note: Uint8Array,
    { isCosigned = true }: { readonly isCosigned?: boolean } = {},
  ): Promise<LogCheckpoint> {
    this.checkOpen();
    const { checkpoint, note: opened } = openCheckpoint(note, { origin: this.origin, keys: [this.key] });
    // Signatures are gathered by size, and are of the text that this log signs.
    if (opened.text !== formatCheckpoint({ ...checkpoint, extensions: [] })) {
      throw new CoreError('checkpoint-malformed', 'this log signs no checkpoints with extension lines');
    }
    if (checkpoint.size > this.size) {
      throw new CoreError('log-range', `the checkpoint has ${checkpoint.size} entries, the log ${this.size}`);
    }
    requireRoot(checkpoint, await this.rootAt(checkpoint.size));
    const { size, root } = checkpoint;
    await this.#checkIndexKept(size);
    const published = this.checkpoints.add({ size, root, note }, isCosigned);
    await this.checkpoints.stored();
    return copyOf(published);
  }

  /** Nothing could be proven by a cosigned checkpoint whose index is gone. @throws CoreError `log-range` */
  async #checkIndexKept(size: number): Promise<void> {
    if (size === 0) return;
    const stored = this.description.indexed ? await readIndexHead(this.store) : undefined;
    const collected = Math.max(stored?.collected ?? 0, this.#index?.collected ?? 0);
    if (size - 1 >= collected) return;
    throw new CoreError(
      'log-range',
      `the index of the tree of ${size} entries is not kept any more, so nothing could be proven by a checkpoint of it: have ` +
        'a newer one cosigned',
    );
  }

  /** Waits for what is under way, and closes the store. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#sequencer.close(this.#closedError());
    try {
      await this.checkpoints.stored();
    } finally {
      await this.store[Symbol.asyncDispose]();
    }
  }

  #closedError(): CoreError {
    return new CoreError('log-closed', `the log ${this.origin} was closed`);
  }

  protected override checkOpen(): void {
    if (this.#closing !== undefined) throw this.#closedError();
  }

  #checkAppendable(entry: Uint8Array): void {
    this.checkOpen();
    if (this.#signer === undefined) {
      throw new CoreError('log-read-only', `the log ${this.origin} was opened without its key, and can only be read`);
    }
    if (this.#admission === undefined && this.description.kind === 'statements') {
      throw new CoreError(
        'log-admission',
        `${this.origin} is a log of statements: it was opened without what judges them, and can only be read`,
      );
    }
    if (this.#mapping === undefined && this.description.indexed) {
      throw new CoreError(
        'log-index',
        `${this.origin} has an index: it was opened without what says what belongs in it, and can only be read`,
      );
    }
    checkEntry(entry);
    if (isReservedEntry(entry)) {
      throw new CoreError('entry-reserved', 'an entry that is a CBOR map with type "index" is the log\'s own to write');
    }
  }
}
