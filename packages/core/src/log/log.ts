import { setImmediate } from 'node:timers/promises';
import { equalBytes } from '../bytes/equal.ts';
import { CoreError, ProofError } from '../error.ts';
import { formatCheckpoint } from '../note/checkpoint.ts';
import { openCheckpoint } from '../note/open-checkpoint.ts';
import type { Signer } from '../note/signer.ts';
import type { VerifierKey } from '../note/vkey.ts';
import { checkEntry, parseBundle } from '../tile/entry-bundle.ts';
import { TILE_WIDTH, tileWidth } from '../tile/tile.ts';
import { HASH_SIZE, leafHash as hashLeaf } from '../tree/hash.ts';
import { treeRoot } from '../tree/interval.ts';
import { type Consistency, type Inclusion, verifyConsistency, verifyInclusion } from '../tree/proof.ts';
import { proveConsistency, proveInclusion } from '../tree/prove.ts';
import type { Admission, LogView } from './admission.ts';
import { type Appended, AppendedBatch } from './appended.ts';
import { CheckpointKeeper, type LogCheckpoint } from './checkpoint-keeper.ts';
import { formatDescription, type LogDescription, parseDescription } from './description.ts';
import { entryChunks } from './entry-chunks.ts';
import { Judge } from './judge.ts';
import { KnownLeaves } from './known-leaves.ts';
import { checkAdmission, checkSigner, signingKey } from './log-key.ts';
import { corruptEntry, type OpenedTree, openTree, requireRoot } from './open-tree.ts';
import { type PackedEntries, packEntry } from './packed-entries.ts';
import { isReservedEntry } from './reserved-entry.ts';
import { type Sequenced, Sequencer } from './sequencer.ts';
import type { Head, Store } from './store.ts';
import { StoreReader } from './store-reader.ts';
import { StoredEntries } from './stored-entries.ts';

/** What a log is created with. */
export interface CreateOptions extends LogDescription {
  /** Holds the key of type 0x01. */
  readonly signer: Signer;
  /** Judges what a log of statements takes: without one it takes nothing yet. */
  readonly admission?: Admission | undefined;
}

/** What a log is opened with. */
export interface OpenOptions {
  /** Without one the log can be read and not appended to. */
  readonly signer?: Signer | undefined;
  /** Judges what a log of statements takes: without one it can be read and not appended to. */
  readonly admission?: Admission | undefined;
}

/**
 * An append-only log of entries of 1 to 65,535 bytes, in a store.
 *
 * Every promise of an append resolves only when its entry is durable and a signed checkpoint covers it. A head is stored
 * first and signed after, so the log never signs what it could lose. What the log hands out it has checked: entries
 * against their leaf hashes, proofs against the root.
 */
export class Log implements LogView, AsyncDisposable {
  readonly description: LogDescription;
  readonly #store: Store;
  readonly #signer: Signer | undefined;
  readonly #key: VerifierKey;
  readonly #reader: StoreReader;
  readonly #stored: StoredEntries;
  readonly #admission: Admission | undefined;
  readonly #checkpoints: CheckpointKeeper;
  readonly #sequencer: Sequencer;
  #head: Head;
  #closing: Promise<void> | undefined;

  private constructor(
    store: Store,
    description: LogDescription,
    key: VerifierKey,
    opened: OpenedTree,
    { signer, admission }: OpenOptions,
  ) {
    this.description = description;
    this.#store = store;
    this.#key = key;
    this.#head = opened.head;
    this.#signer = signer;
    this.#admission = admission;
    const { duplicates } = description;
    const size = (): number => this.#head.size;
    this.#reader = new StoreReader(store, size);
    this.#stored = new StoredEntries({ store, reader: this.#reader, key, duplicates, size });
    this.#checkpoints = new CheckpointKeeper(store, description, key, opened.checkpoints);
    this.#sequencer = new Sequencer(
      {
        store,
        knownLeaves: duplicates || admission !== undefined ? undefined : new KnownLeaves(store),
        judge: admission && new Judge(admission, this.#stored),
        head: () => this.#head,
        committed: async (head) => {
          this.#head = head;
          // Nothing is committed without a signer.
          return (await this.#checkpoints.sign(head, this.#signer!)).note;
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
   * @throws RangeError for a log of statements that would allow duplicates
   */
  static async create(createStore: (description: Uint8Array) => Promise<Store>, options: CreateOptions): Promise<Log> {
    const { origin, vkeys, kind, duplicates, signer, admission } = options;
    const description = { origin, vkeys, kind, duplicates };
    // Before anything is created: a log with a wrong key could never be opened.
    const key = signingKey(description);
    checkSigner(signer, key);
    checkAdmission(description, admission);
    const store = await createStore(formatDescription(description));
    try {
      return await Log.open(store, { signer, admission });
    } catch (error) {
      await store[Symbol.asyncDispose]();
      throw error;
    }
  }

  /**
   * Opens the log in a store, after checking that its right edge, its head and its checkpoints agree. The log then owns
   * the store; if opening fails, the caller still does.
   *
   * @throws CoreError `log-corrupt` if they do not agree; `log-key` if the signer has another key than the log;
   * `log-admission` for an admission of a log that is raw, and would take anything; `store-` codes
   */
  static async open(store: Store, { signer, admission }: OpenOptions = {}): Promise<Log> {
    const description = parseDescription(await store.description());
    const key = signingKey(description);
    if (signer !== undefined) checkSigner(signer, key);
    checkAdmission(description, admission);
    const log = new Log(store, description, key, await openTree(store, key), { signer, admission });
    // The log stopped after storing this head and before signing it, or before storing the signature.
    const { signed } = log.#checkpoints.current;
    if (signer !== undefined && signed?.size !== log.size) {
      await log.#checkpoints.sign(log.#head, signer);
      // Before anything is appended: a log with entries and without a checkpoint is one that lost it.
      await log.#checkpoints.stored();
    }
    return log;
  }

  get origin(): string {
    return this.description.origin;
  }

  /** The key that signs this log's checkpoints. */
  get key(): VerifierKey {
    return this.#key;
  }

  /** Entries in the log: all of them are durable. */
  get size(): number {
    return this.#head.size;
  }

  /** The root over all entries. */
  get root(): Uint8Array {
    return this.#head.root.slice();
  }

  /**
   * The newest signed checkpoint.
   *
   * @throws CoreError `log-read-only` if there is none yet, because creating the log was interrupted: opening it with its key
   * signs one
   */
  checkpoint(): LogCheckpoint {
    const { signed } = this.#checkpoints.current;
    if (signed === undefined) {
      throw new CoreError('log-read-only', `${this.origin} has no checkpoint yet: append an entry to it, with its key`);
    }
    return copyOf(signed);
  }

  /** The newest checkpoint with signatures of others than the log, if there is one. It can be older than the newest. */
  cosignedCheckpoint(): LogCheckpoint | undefined {
    const { cosigned } = this.#checkpoints.current;
    return cosigned && copyOf(cosigned);
  }

  /**
   * Appends one entry. Many calls at once share a commit. The checkpoint that it resolves to covers the entry; to prove it
   * there, give its size to {@link proveInclusion}. Appending an entry that is there already gives its old index,
   * unless the log allows duplicates. What a log of statements refuses has no effect, and the log takes the next.
   *
   * @param entry 1 to 65,535 bytes, copied at once
   * @throws TypeError if the entry is no Uint8Array
   * @throws CoreError `entry-empty`, `entry-too-large`; `entry-reserved` for an entry that only the log itself may write;
   * `log-read-only` without a signer; `log-admission` without the admission of a log of statements; `log-closed`; `store-io` if writing failed, and `log-failed` ever after
   * @throws what the admission refuses the entry with
   */
  async append(entry: Uint8Array): Promise<Appended> {
    this.#checkAppendable(entry);
    const { indices, leafHashes, checkpoint } = await this.#sequencer.sequence(packEntry(entry));
    return { index: indices[0]!, leafHash: leafHashes.slice(), checkpoint: checkpoint.slice() };
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
   * The entry at `index`.
   *
   * @throws CoreError `log-range` if the log does not have it; `log-corrupt` if it does not hash to its leaf
   */
  async entry(index: number): Promise<Uint8Array> {
    this.#checkOpen();
    return this.#stored.entry(index);
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
    for (let at = start; at < end; ) {
      this.#checkOpen();
      const index = Math.floor(at / TILE_WIDTH);
      const width = tileWidth('entries', index, end);
      const bundle = parseBundle(await this.#store.readBundle(index, width), width);
      const tile = await this.#reader.tile(0, index, width);
      for (let slot = at % TILE_WIDTH; slot < width; slot++, at++) {
        const entry = bundle[slot]!;
        if (!equalBytes(hashLeaf(entry), tile.hash(slot))) throw corruptEntry(at);
        yield entry;
      }
      // The store answers within one turn of the event loop, and others want one too.
      if (index % 16 === 15) await setImmediate();
    }
  }

  /** The leaf hash at `index`. @throws CoreError `log-range`; `log-corrupt` if it is damaged */
  async leafHash(index: number): Promise<Uint8Array> {
    this.#checkOpen();
    return this.#stored.leafHash(index);
  }

  /**
   * The index of the entry with this leaf hash, or undefined if there is none. In a log that allows duplicates the first
   * one is found by reading all leaf hashes.
   *
   * @throws CoreError `log-corrupt` if the store names an index where the entry is not
   */
  async indexOf(leafHash: Uint8Array): Promise<number | undefined> {
    this.#checkOpen();
    return this.#stored.indexOf(leafHash);
  }

  /** What the admission of a log of statements derived from its entries for this key; undefined if there is nothing. */
  async derived(key: Uint8Array): Promise<Uint8Array | undefined> {
    this.#checkOpen();
    return this.#stored.derived(key);
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
    const proof = await proveInclusion(index, size, this.#reader);
    const inclusion = { index, size, leafHash: await this.leafHash(index), proof, root: await this.#rootAt(size) };
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
    const proof = await proveConsistency(oldSize, newSize, this.#reader);
    const consistency = {
      oldSize,
      newSize,
      oldRoot: await this.#rootAt(oldSize),
      newRoot: await this.#rootAt(newSize),
      proof,
    };
    return checked(consistency, verifyConsistency);
  }

  /**
   * The first `width` hashes of a tile, or entries of a bundle, as tlog-tiles serves them.
   *
   * @throws CoreError `log-range` if the log does not have them; `log-corrupt` if they are damaged
   */
  async tile(level: number | 'entries', index: number, width: number): Promise<Uint8Array> {
    this.#checkOpen();
    const isTile = [level === 'entries' ? 0 : level, index, width].every((n) => Number.isSafeInteger(n) && n >= 0);
    if (!isTile || width < 1 || width > tileWidth(level, index, this.size)) {
      throw new CoreError('log-range', `the log does not have ${width} items of tile ${index} of level ${level}`);
    }
    const tile = await this.#reader.tile(level === 'entries' ? 0 : level, index, width);
    if (level !== 'entries') return tile.bytes.slice(0, width * HASH_SIZE);
    const bundle = await this.#store.readBundle(index, width);
    parseBundle(bundle, width).forEach((entry, slot) => {
      if (!equalBytes(hashLeaf(entry), tile.hash(slot))) throw corruptEntry(index * TILE_WIDTH + slot);
    });
    return bundle;
  }

  /**
   * Keeps a checkpoint of this log with further signatures: those of witnesses. The caller has verified them. Signatures
   * that are there already for the same tree are kept too, but for those of keys that signed again.
   *
   * @returns the checkpoint with all its signatures
   * @throws CoreError `log-range` if the tree is larger than the log; `log-corrupt` if it is another one; what
   * `openCheckpoint` throws; `checkpoint-malformed` for one with extension lines
   */
  async publish(note: Uint8Array): Promise<LogCheckpoint> {
    this.#checkOpen();
    const { checkpoint, note: opened } = openCheckpoint(note, { origin: this.origin, keys: [this.#key] });
    // Signatures are gathered by size, and are of the text that this log signs.
    if (opened.text !== formatCheckpoint({ ...checkpoint, extensions: [] })) {
      throw new CoreError('checkpoint-malformed', 'this log signs no checkpoints with extension lines');
    }
    if (checkpoint.size > this.size) {
      throw new CoreError('log-range', `the checkpoint has ${checkpoint.size} entries, the log ${this.size}`);
    }
    requireRoot(checkpoint, await this.#rootAt(checkpoint.size));
    const { size, root } = checkpoint;
    const published = this.#checkpoints.add({ size, root, note });
    await this.#checkpoints.stored();
    return copyOf(published);
  }

  /** Waits for what is under way, and closes the store. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#sequencer.close(this.#closedError());
    try {
      await this.#checkpoints.stored();
    } finally {
      await this.#store[Symbol.asyncDispose]();
    }
  }

  #closedError(): CoreError {
    return new CoreError('log-closed', `the log ${this.origin} was closed`);
  }

  #checkOpen(): void {
    if (this.#closing !== undefined) throw this.#closedError();
  }

  #checkAppendable(entry: Uint8Array): void {
    this.#checkOpen();
    if (this.#signer === undefined) {
      throw new CoreError('log-read-only', `the log ${this.origin} was opened without its key, and can only be read`);
    }
    if (this.#admission === undefined && this.description.kind === 'statements') {
      throw new CoreError(
        'log-admission',
        `${this.origin} is a log of statements: it was opened without what judges them, and can only be read`,
      );
    }
    checkEntry(entry);
    if (isReservedEntry(entry)) {
      throw new CoreError('entry-reserved', 'an entry that is a CBOR map with type "index" is the log\'s own to write');
    }
  }

  #checkSize(size: number): void {
    this.#checkOpen();
    if (size > this.size) throw new CoreError('log-range', `the log has ${this.size} entries, not ${size}`);
  }

  async #rootAt(size: number): Promise<Uint8Array> {
    return size === this.size ? this.root : treeRoot(size, this.#reader);
  }
}

/** The caller's own: what it does with it must not reach what the log keeps. */
function copyOf({ size, root, note }: LogCheckpoint): LogCheckpoint {
  return { size, root: root.slice(), note: note.slice() };
}

/** A proof that does not verify tells of damage here, and must not reach anybody. */
function checked<T>(claim: T, verify: (claim: T) => void): T {
  try {
    verify(claim);
  } catch (cause) {
    if (cause instanceof ProofError) {
      throw new CoreError('log-corrupt', 'the stored tree does not prove its own root: check the log with fsck', {
        cause,
      });
    }
    throw cause;
  }
  return claim;
}
