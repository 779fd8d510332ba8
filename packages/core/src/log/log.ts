import { setImmediate } from 'node:timers/promises';
import { equalBytes } from '../bytes/equal.ts';
import { CoreError, ProofError } from '../error.ts';
import { formatCheckpoint } from '../note/checkpoint.ts';
import { KEY_TYPE_ED25519 } from '../note/key-type.ts';
import { openCheckpoint } from '../note/open-checkpoint.ts';
import { formatSignedNote, parseSignedNote, renewSignatures, type SignedNote, signNote } from '../note/signed-note.ts';
import type { Signer } from '../note/signer.ts';
import { parseVkey, type VerifierKey } from '../note/vkey.ts';
import { checkEntry, parseBundle } from '../tile/entry-bundle.ts';
import { TILE_WIDTH, tileWidth } from '../tile/tile.ts';
import type { CompactRange } from '../tree/compact-range.ts';
import { EMPTY_ROOT, HASH_SIZE, leafHash as hashLeaf } from '../tree/hash.ts';
import { coveringNodes, foldHashes, treeRoot } from '../tree/interval.ts';
import { type Consistency, type Inclusion, verifyConsistency, verifyInclusion } from '../tree/proof.ts';
import { proveConsistency, proveInclusion } from '../tree/prove.ts';
import { type Appended, AppendedBatch } from './appended.ts';
import { formatDescription, type LogDescription, parseDescription } from './description.ts';
import { decodeIndex, KnownLeaves, leafKey } from './known-leaves.ts';
import { isReservedEntry } from './reserved-entry.ts';
import { MAX_COMMIT_BYTES, MAX_COMMIT_ENTRIES, type Sequenced, Sequencer } from './sequencer.ts';
import type { Head, PublishedCheckpoints, Store } from './store.ts';
import { StoreReader } from './store-reader.ts';

/** A checkpoint of this log. */
export interface LogCheckpoint extends Head {
  /** The signed note. */
  readonly note: Uint8Array;
}

/** What a log is created with. */
export interface CreateOptions extends LogDescription {
  /** Holds the key of type 0x01. */
  readonly signer: Signer;
}

/**
 * An append-only log of entries of 1 to 65,535 bytes, in a store.
 *
 * Every promise of an append resolves only when its entry is durable and a signed checkpoint covers it. A head is stored
 * first and signed after, so the log never signs what it could lose. What the log hands out it has checked: entries
 * against their leaf hashes, proofs against the root.
 */
export class Log implements AsyncDisposable {
  readonly description: LogDescription;
  readonly #store: Store;
  readonly #signer: Signer | undefined;
  readonly #key: VerifierKey;
  readonly #reader: StoreReader;
  readonly #sequencer: Sequencer;
  #head: Head;
  #signed: LogCheckpoint | undefined;
  #cosigned: LogCheckpoint | undefined;
  #unpublished: PublishedCheckpoints = {};
  #publishing: Promise<void> | undefined;
  #closed = false;

  private constructor(
    store: Store,
    description: LogDescription,
    key: VerifierKey,
    opened: Opened,
    signer: Signer | undefined,
  ) {
    this.description = description;
    this.#store = store;
    this.#key = key;
    this.#head = opened.head;
    this.#signed = opened.signed;
    this.#cosigned = opened.cosigned;
    this.#signer = signer;
    this.#reader = new StoreReader(store, () => this.#head.size);
    this.#sequencer = new Sequencer(
      {
        store,
        knownLeaves: description.duplicates ? undefined : new KnownLeaves(store),
        head: () => this.#head,
        committed: async (head) => {
          this.#head = head;
          return (await this.#sign()).note;
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
   * `createStore` throws
   */
  static async create(createStore: (description: Uint8Array) => Promise<Store>, options: CreateOptions): Promise<Log> {
    const { origin, vkeys, duplicates, signer } = options;
    const description = { origin, vkeys, duplicates };
    // Before anything is created: a log with a wrong key could never be opened.
    const key = signingKey(description);
    checkSigner(signer, key);
    const store = await createStore(formatDescription(description));
    try {
      return await Log.open(store, { signer });
    } catch (error) {
      await store[Symbol.asyncDispose]();
      throw error;
    }
  }

  /**
   * Opens the log in a store, after checking that its right edge, its head and its checkpoints agree. The log then owns
   * the store; if opening fails, the caller still does.
   *
   * @param options.signer without one the log can be read and not appended to
   * @throws CoreError `log-corrupt` if they do not agree; `log-key` if the signer has another key than the log;
   * `store-` codes
   */
  static async open(store: Store, { signer }: { signer?: Signer | undefined } = {}): Promise<Log> {
    const description = parseDescription(await store.description());
    const key = signingKey(description);
    if (signer !== undefined) checkSigner(signer, key);
    const log = new Log(store, description, key, await openTree(store, description, key), signer);
    // The log stopped after storing this head and before signing it, or before storing the signature.
    if (signer !== undefined && log.#signed?.size !== log.#head.size) await log.#sign();
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
    return this.#head.root;
  }

  /**
   * The newest signed checkpoint.
   *
   * @throws CoreError `log-read-only` if there is none yet, because the log was never opened with its key
   */
  checkpoint(): LogCheckpoint {
    if (this.#signed === undefined) {
      throw new CoreError('log-read-only', `${this.origin} has no signed checkpoint yet: open it with its key`);
    }
    return this.#signed;
  }

  /** The newest checkpoint with signatures of others than the log, if there is one. It can be older than the newest. */
  cosignedCheckpoint(): LogCheckpoint | undefined {
    return this.#cosigned;
  }

  /**
   * Appends one entry. Many calls at once share a commit. Appending an entry that is there already gives its old index,
   * unless the log allows duplicates.
   *
   * @param entry 1 to 65,535 bytes, not to be changed until the promise settles
   * @throws CoreError `entry-empty`, `entry-too-large`; `entry-reserved` for an entry that only the log itself may write;
   * `log-read-only` without a signer; `log-closed`; `store-io` if writing failed, and `log-failed` ever after
   */
  async append(entry: Uint8Array): Promise<Appended> {
    this.#checkAppendable(entry);
    const { indices, leafHashes, checkpoint } = await this.#sequencer.sequence([entry]);
    return { index: indices[0]!, leafHash: leafHashes, checkpoint };
  }

  /**
   * Appends all entries of an iterable in constant memory, a few thousand to a commit, and yields what became of each
   * commit's once they are durable.
   *
   * If the iterable fails, or one of its entries cannot be appended, those before it are appended and yielded, and then
   * the error is thrown. A caller that stops early leaves up to three commits under way.
   *
   * @throws CoreError as {@link append}
   */
  async *appendAll(
    entries: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  ): AsyncGenerator<AppendedBatch, void, undefined> {
    const under: Promise<Sequenced>[] = [];
    let failed: { error: unknown } | undefined;
    const source = chunks(entries, (entry) => this.#checkAppendable(entry));
    try {
      for (;;) {
        let next: IteratorResult<Uint8Array[]>;
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
        if (under.length > 2) yield new AppendedBatch(await under.shift()!);
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
    this.#checkIndex(index, this.size);
    const slot = index % TILE_WIDTH;
    const bundle = await this.#store.readBundle(Math.floor(index / TILE_WIDTH), slot + 1);
    const entry = parseBundle(bundle, slot + 1)[slot]!;
    if (!equalBytes(hashLeaf(entry), await this.leafHash(index))) throw corruptEntry(index);
    return entry;
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
    this.#checkIndex(index, this.size);
    const slot = index % TILE_WIDTH;
    return new Uint8Array((await this.#reader.tile(0, Math.floor(index / TILE_WIDTH), slot + 1)).hash(slot));
  }

  /**
   * The index of the entry with this leaf hash, or undefined if there is none. In a log that allows duplicates the first
   * one is found by reading all leaf hashes.
   *
   * @throws CoreError `log-corrupt` if the store names an index where the entry is not
   */
  async indexOf(leafHash: Uint8Array): Promise<number | undefined> {
    this.#checkOpen();
    if (leafHash.length !== HASH_SIZE) throw new RangeError(`a leaf hash is ${HASH_SIZE} bytes`);
    if (this.description.duplicates) return this.#scanFor(leafHash);
    const [value] = await this.#store.readDerived([leafKey(leafHash)]);
    if (value === undefined) return undefined;
    const index = decodeIndex(value);
    if (index >= this.size || !equalBytes(await this.leafHash(index), leafHash)) {
      throw new CoreError('log-corrupt', `the log finds a leaf at index ${index}, where it is not: check it with fsck`);
    }
    return index;
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
   * `openCheckpoint` throws
   */
  async publish(note: Uint8Array): Promise<LogCheckpoint> {
    this.#checkOpen();
    const { checkpoint } = openCheckpoint(note, { origin: this.origin, keys: [this.#key] });
    if (checkpoint.size > this.size) {
      throw new CoreError('log-range', `the checkpoint has ${checkpoint.size} entries, the log ${this.size}`);
    }
    requireRoot(checkpoint, await this.#rootAt(checkpoint.size));
    const { size, root } = checkpoint;
    const parsed = parseSignedNote(note);
    const known = [this.#cosigned, this.#signed].find((other) => other?.size === size);
    const merged = known === undefined ? parsed : renewSignatures(parseSignedNote(known.note), parsed.signatures);
    const published = { size, root, note: formatSignedNote(merged) };
    if (this.#signed?.size === size) {
      this.#signed = published;
      this.#keep({ signed: published.note });
    }
    if (this.#isCosigned(merged) && (this.#cosigned?.size ?? 0) <= size) {
      this.#cosigned = published;
      this.#keep({ cosigned: published.note });
    }
    await this.#published();
    return published;
  }

  /** Waits for what is under way, and closes the store. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#sequencer.idle();
    try {
      await this.#published();
    } finally {
      await this.#store[Symbol.asyncDispose]();
    }
  }

  #checkOpen(): void {
    if (this.#closed) throw new CoreError('log-closed', `the log ${this.origin} was closed`);
  }

  #checkAppendable(entry: Uint8Array): void {
    this.#checkOpen();
    if (this.#signer === undefined) {
      throw new CoreError('log-read-only', `the log ${this.origin} was opened without its key, and can only be read`);
    }
    checkEntry(entry);
    if (isReservedEntry(entry)) {
      throw new CoreError('entry-reserved', 'an entry that is a CBOR map with type "index" is the log\'s own to write');
    }
  }

  #checkIndex(index: number, size: number): void {
    if (!Number.isSafeInteger(index) || index < 0 || index >= size) {
      throw new CoreError('log-range', `the log has ${size} entries, and none at index ${index}`);
    }
  }

  #checkSize(size: number): void {
    this.#checkOpen();
    if (size > this.size) throw new CoreError('log-range', `the log has ${this.size} entries, not ${size}`);
  }

  /** Whether somebody else than the log signed: it can have further keys of its own. */
  #isCosigned({ signatures }: SignedNote): boolean {
    const own = this.description.vkeys.map(parseVkey);
    return signatures.some((line) => !own.some((key) => key.keyName === line.keyName && key.keyId === line.keyId));
  }

  async #rootAt(size: number): Promise<Uint8Array> {
    return size === this.size ? this.root.slice() : treeRoot(size, this.#reader);
  }

  async #scanFor(leafHash: Uint8Array): Promise<number | undefined> {
    const { size } = this;
    for (let index = 0; index * TILE_WIDTH < size; index++) {
      const tile = await this.#store.readTile(0, index, tileWidth(0, index, size));
      for (let at = 0; at < tile.length; at += HASH_SIZE) {
        if (equalBytes(tile.subarray(at, at + HASH_SIZE), leafHash)) return index * TILE_WIDTH + at / HASH_SIZE;
      }
    }
    return undefined;
  }

  /** Signs the head, which is stored, and keeps the checkpoint. */
  async #sign(): Promise<LogCheckpoint> {
    const head = this.#head;
    const text = formatCheckpoint({ origin: this.origin, ...head, extensions: [] });
    const note = formatSignedNote(await signNote(text, [this.#signer!]));
    // A signer that is broken, or a fault while it computed, must not get a note into the world.
    openCheckpoint(note, { origin: this.origin, keys: [this.#key] });
    const checkpoint = { ...head, note };
    this.#signed = checkpoint;
    this.#keep({ signed: note });
    return checkpoint;
  }

  /**
   * Has the store keep checkpoints, one write at a time and only the newest ones. Appending does not wait for that: what
   * is lost is signed again when the log is opened.
   */
  #keep(checkpoints: PublishedCheckpoints): void {
    this.#unpublished = { ...this.#unpublished, ...checkpoints };
    this.#publishing ??= this.#publishAll();
    this.#publishing.catch(() => {});
  }

  async #publishAll(): Promise<void> {
    while (Object.keys(this.#unpublished).length > 0) {
      const checkpoints = this.#unpublished;
      this.#unpublished = {};
      await this.#store.publish(checkpoints);
    }
    this.#publishing = undefined;
  }

  async #published(): Promise<void> {
    await this.#publishing;
  }
}

interface Opened {
  readonly head: Head;
  readonly range: CompactRange;
  readonly signed: LogCheckpoint | undefined;
  readonly cosigned: LogCheckpoint | undefined;
}

/** Reads what the store has and refuses what does not fit together. */
async function openTree(store: Store, description: LogDescription, key: VerifierKey): Promise<Opened> {
  const { head, checkpoints } = await store.readHead();
  const reader = new StoreReader(store, () => head.size);
  const nodes = coveringNodes({ start: 0, end: head.size });
  const range = { size: head.size, hashes: await reader.readHashes(nodes) };
  requireRoot(head, foldHashes(range.hashes));

  // The last bundle, because a damaged end is what a crash or a bad copy leaves.
  if (head.size > 0) {
    const index = Math.floor((head.size - 1) / TILE_WIDTH);
    const width = tileWidth('entries', index, head.size);
    const tile = await reader.tile(0, index, width);
    parseBundle(await store.readBundle(index, width), width).forEach((entry, slot) => {
      if (!equalBytes(hashLeaf(entry), tile.hash(slot))) throw corruptEntry(index * TILE_WIDTH + slot);
    });
  }

  const open = async (note: Uint8Array | undefined): Promise<LogCheckpoint | undefined> => {
    if (note === undefined) return undefined;
    let checkpoint: Head;
    try {
      ({ checkpoint } = openCheckpoint(note, { origin: description.origin, keys: [key] }));
    } catch (cause) {
      throw new CoreError('log-corrupt', `the stored checkpoint is not one of ${description.origin}`, { cause });
    }
    const { size, root } = checkpoint;
    if (size > head.size) {
      throw new CoreError(
        'log-corrupt',
        `the log has signed a checkpoint of ${size} entries and holds only ${head.size}: entries were lost. ` +
          'Restore them from a copy; appending to this store would fork the log',
      );
    }
    requireRoot(checkpoint, await treeRoot(size, reader));
    return { size, root, note };
  };
  return { head, range, signed: await open(checkpoints.signed), cosigned: await open(checkpoints.cosigned) };
}

/** The key that signs a log's checkpoints: the first of type 0x01. */
function signingKey({ origin, vkeys }: LogDescription): VerifierKey {
  const key = vkeys.map(parseVkey).find(({ type }) => type === KEY_TYPE_ED25519);
  if (key === undefined) throw new CoreError('log-key', 'a log needs a key of type 0x01 (Ed25519)');
  if (key.keyName !== origin) {
    throw new CoreError('log-key', `the log's key must have its origin as its name: ${origin}, not ${key.keyName}`);
  }
  return key;
}

function checkSigner(signer: Signer, key: VerifierKey): void {
  if (signer.keyName !== key.keyName || signer.keyId !== key.keyId) {
    throw new CoreError('log-key', `the signer's key is another one than that of the log ${key.keyName}`);
  }
}

function requireRoot({ size, root }: Head, computed: Uint8Array): void {
  if (!equalBytes(root, size === 0 ? EMPTY_ROOT : computed)) {
    throw new CoreError(
      'log-corrupt',
      `the stored tiles do not give the root of the tree of ${size} entries: check the log with fsck`,
    );
  }
}

function corruptEntry(index: number): CoreError {
  return new CoreError('log-corrupt', `entry ${index} does not hash to its leaf: check the log with fsck`);
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

/** Entries in arrays that each fit a commit. What precedes a failure comes first, then the failure. */
async function* chunks(
  entries: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  check: (entry: Uint8Array) => void,
): AsyncGenerator<Uint8Array[], void, undefined> {
  let chunk: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const entry of entries) {
      check(entry);
      if (chunk.length === MAX_COMMIT_ENTRIES || bytes + entry.length > MAX_COMMIT_BYTES) {
        yield chunk;
        chunk = [];
        bytes = 0;
      }
      chunk.push(entry);
      bytes += entry.length;
    }
  } catch (error) {
    if (chunk.length > 0) yield chunk;
    throw error;
  }
  if (chunk.length > 0) yield chunk;
}
