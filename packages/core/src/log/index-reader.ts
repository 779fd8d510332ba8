import { equalBytes } from '../bytes/equal.ts';
import { CoreError } from '../error.ts';
import {
  type HistoryClaim,
  type StreamClaim,
  type StreamsClaim,
  type SubjectClaim,
  verifyHistory,
  verifyStream,
  verifyStreams,
  verifySubject,
} from '../log-index/index-claim.ts';
import { type IndexInclusion, indexEntryOf, verifyIndexInclusion } from '../log-index/index-entry.ts';
import { type StreamName, type StreamRecord, streamKey } from '../log-index/stream.ts';
import { type SubjectRecord, subjectKey } from '../log-index/subject.ts';
import { extendRange, rangeRoot } from '../tree/compact-range.ts';
import { HASH_SIZE } from '../tree/hash.ts';
import { coveringNodes } from '../tree/interval.ts';
import type { Inclusion } from '../tree/proof.ts';
import { checked } from './checked.ts';
import { readIndexHead } from './index-head.ts';
import { historyKey, nameKey, preimageOf, recordKey } from './index-keys.ts';
import { parseIndexName } from './index-name.ts';
import { decodePosition, decodeStream, decodeSubject, isSubject, type StoredPosition } from './index-record.ts';
import type { IndexTree, IndexVersion, OpenedIndexTree } from './index-tree.ts';
import type { Store } from './store.ts';
import type { StoredEntries } from './stored-entries.ts';

/** A statement of a stream. */
export interface StreamStatement {
  /** In the stream, from 0. */
  readonly position: number;
  /** In the log. */
  readonly index: number;
  readonly leafHash: Uint8Array;
}

/** The newest statement of a stream. */
export interface Latest extends StreamStatement {
  readonly record: StreamRecord;
}

/** What shows which index a checkpoint commits to, and what that says. */
export interface Proven<Claim> {
  readonly index: IndexInclusion;
  readonly claim: Claim;
}

/** What a stream has had from a position on. */
export interface ProvenHistory extends Proven<StreamClaim & { readonly record: StreamRecord }> {
  readonly history: HistoryClaim;
  /** Those that it is about, with their places in the log. */
  readonly statements: readonly StreamStatement[];
}

/** What an {@link IndexReader} reads from. */
export interface IndexedLog {
  readonly store: Store;
  readonly entries: StoredEntries;
  readonly tree: IndexTree;
  /** Proves that a leaf is in the tree of a size. */
  proveInclusion(index: number, size: number): Promise<Inclusion>;
}

// Values that are read at a time.
const LOOKUPS = 256;

/** What the index has under a key, and where it was read. */
interface Asked<T> {
  readonly record: T | null;
  readonly tree: OpenedIndexTree;
  readonly key: Uint8Array;
}

/**
 * Answers from a log's index, as it was in the tree of any size that can still be read, and proves its answers. What it
 * hands out it has checked.
 */
export class IndexReader {
  readonly #log: IndexedLog;

  constructor(log: IndexedLog) {
    this.#log = log;
  }

  /** The newest statement of a stream; undefined if it has none. */
  async latest(stream: StreamName, size: number): Promise<Latest | undefined> {
    return this.latestOf(streamKey(stream), size);
  }

  /** The newest statement of the stream with this key; undefined if there is none. */
  async latestOf(key: Uint8Array, size: number): Promise<Latest | undefined> {
    if (size === 0) return undefined;
    const at = await this.#at(size);
    // A subject has a key in the tree too, and no statements.
    const { record } = await this.#asked(at, key, (value, valueHash) =>
      isSubject(value, valueHash) ? undefined : decodeStream(value, valueHash).record,
    );
    if (record === null || record === undefined) return undefined;
    const position = record.count - 1;
    const [last] = await this.#positions(key, position, record.count);
    const leafHash = await this.#leafHashes([last!]);
    if (!equalBytes(leafHash, record.last)) throw corrupt('names another statement as the newest of a stream');
    return { position, index: last!.index, leafHash, record };
  }

  /** The statements of a stream from a position on, in order: none is handed out before all of them are checked. */
  async *history(stream: StreamName, from: number, size: number): AsyncGenerator<StreamStatement, void, undefined> {
    if (size === 0) return;
    const key = streamKey(stream);
    const { record } = await this.#stream(await this.#at(size), stream);
    if (record === null || from >= record.count) return;
    let range = { size: from, hashes: (await this.#before(key, from)) as readonly Uint8Array[] };
    const indices: number[] = [];
    const leafHashes: Uint8Array[] = [];
    for (let start = from; start < record.count; start += LOOKUPS) {
      const positions = await this.#positions(key, start, Math.min(start + LOOKUPS, record.count));
      const part = await this.#leafHashes(positions);
      ({ range } = extendRange(range, part));
      for (const { index } of positions) indices.push(index);
      leafHashes.push(part);
    }
    if (!equalBytes(rangeRoot(range), record.root)) throw corrupt('has other statements of a stream than its record');
    for (const [i, index] of indices.entries()) {
      const at = (i % LOOKUPS) * HASH_SIZE;
      const leafHash = leafHashes[Math.floor(i / LOOKUPS)]!.slice(at, at + HASH_SIZE);
      yield { position: from + i, index, leafHash };
    }
  }

  /** Everybody's newest word about a leaf; null if there is none. */
  async subject(subject: Uint8Array, size: number): Promise<SubjectRecord | null> {
    if (size === 0) return null;
    return (await this.#subject(await this.#at(size), subject)).record;
  }

  /** All streams, in the order of their encodings. Whoever fears that some are left out proves them. */
  async *streams(size: number): AsyncGenerator<{ stream: StreamName; record: StreamRecord }, void, undefined> {
    if (size === 0) return;
    const at = await this.#at(size);
    for await (const { streams } of this.#names()) {
      yield* await this.#recordsOf(at, streams);
    }
  }

  /**
   * Proves which statement is the newest of a stream.
   *
   * @throws CoreError `stream-missing`
   */
  async proveLatest(
    stream: StreamName,
    size: number,
  ): Promise<Proven<StreamClaim & { readonly record: StreamRecord }>> {
    const { index, claim } = await this.#proveStream(stream, size);
    const { record } = claim;
    if (record === null)
      throw new CoreError('stream-missing', `the log has no statement of the stream ${display(stream)}`);
    return { index, claim: { ...claim, record } };
  }

  /**
   * Proves that a stream has no statement.
   *
   * @throws CoreError `stream-present`
   */
  async proveAbsent(stream: StreamName, size: number): Promise<Proven<StreamClaim & { readonly record: null }>> {
    const { index, claim } = await this.#proveStream(stream, size);
    const { record } = claim;
    if (record !== null)
      throw new CoreError('stream-present', `the log has statements of the stream ${display(stream)}`);
    return { index, claim: { ...claim, record } };
  }

  /**
   * Proves which statements a stream has, from a position on.
   *
   * @throws CoreError `stream-missing`, `log-range` if there are none from there on
   */
  async proveHistory(stream: StreamName, from: number, size: number): Promise<ProvenHistory> {
    const { index, claim } = await this.proveLatest(stream, size);
    const { record } = claim;
    if (!(from < record.count)) {
      throw new CoreError('log-range', `the stream has ${record.count} statements, and none from position ${from} on`);
    }
    const statements: StreamStatement[] = [];
    for await (const statement of this.history(stream, from, size)) statements.push(statement);
    const history = checked(
      {
        record,
        from,
        before: await this.#before(streamKey(stream), from),
        leafHashes: statements.map(({ leafHash }) => leafHash),
      },
      verifyHistory,
    );
    return { index, claim, history, statements };
  }

  /** Proves everybody's newest word about a leaf, or that there is none. */
  async proveSubject(subject: Uint8Array, size: number): Promise<Proven<SubjectClaim>> {
    const at = await this.#provable(size);
    const { record, tree, key } = await this.#subject(at, subject);
    const claim = { indexRoot: at.root, subject: subject.slice(), record, proof: tree.prove(key) };
    return { index: await this.#inclusion(at), claim: checked(claim, verifySubject) };
  }

  /** Proves which streams there are. */
  async proveStreams(size: number): Promise<Proven<StreamsClaim>> {
    const at = await this.#provable(size);
    const streams: StreamsClaim['streams'][number][] = [];
    const subjects: StreamsClaim['subjects'][number][] = [];
    for await (const names of this.#names()) {
      for (const found of await this.#recordsOf(at, names.streams)) streams.push(found);
      const keys = names.subjects.map(subjectKey);
      const tree = await this.#reading(at, () => this.#log.tree.open(at, keys));
      for (const [i, subject] of names.subjects.entries()) {
        const leaf = tree.get(keys[i]!);
        if (leaf !== undefined) subjects.push({ subject, valueHash: leaf.valueHash.slice() });
      }
    }
    const claim = { indexRoot: at.root, streams, subjects };
    return { index: await this.#inclusion(at), claim: checked(claim, verifyStreams) };
  }

  async #proveStream(stream: StreamName, size: number): Promise<Proven<StreamClaim>> {
    const at = await this.#provable(size);
    const { record, tree, key } = await this.#stream(at, stream);
    const claim = { indexRoot: at.root, stream, record, proof: tree.prove(key) };
    return { index: await this.#inclusion(at), claim: checked(claim, verifyStream) };
  }

  async #inclusion({ version, root: indexRoot }: IndexVersion): Promise<IndexInclusion> {
    const { size, root, proof } = await this.#log.proveInclusion(version, version + 1);
    return checked({ size, root, indexRoot, proof }, verifyIndexInclusion);
  }

  async #provable(size: number): Promise<IndexVersion> {
    if (size === 0) throw new CoreError('log-range', 'a log without entries has no index yet, and nothing to prove by');
    return this.#at(size);
  }

  /** @throws CoreError `log-range` if the tree of this size does not end with an index entry, or is too old */
  async #at(size: number): Promise<IndexVersion> {
    const version = size - 1;
    const entry = indexEntryOf(await this.#log.entries.entry(version));
    if (entry === undefined) {
      throw new CoreError('log-range', `no commit of the log ended with ${size} entries: there is no index of them`);
    }
    if (entry.size !== version) throw corrupt(`has an entry at ${version} that speaks of ${entry.size} entries`);
    await this.#checkKept(version);
    const node = await this.#log.tree.root(version);
    if (node === undefined || !equalBytes(node.hash(), entry.root)) {
      await this.#checkKept(version);
      throw corrupt(`has another root at ${version} entries`);
    }
    return { version, root: entry.root };
  }

  async #stream(at: IndexVersion, stream: StreamName): Promise<Asked<StreamRecord>> {
    return this.#asked(at, streamKey(stream), (value, valueHash) => decodeStream(value, valueHash).record);
  }

  async #subject(at: IndexVersion, subject: Uint8Array): Promise<Asked<SubjectRecord>> {
    return this.#asked(at, subjectKey(subject), decodeSubject);
  }

  async #asked<T>(
    at: IndexVersion,
    key: Uint8Array,
    decode: (value: Uint8Array, valueHash: Uint8Array) => T,
  ): Promise<Asked<T>> {
    return this.#reading(at, async () => {
      const tree = await this.#log.tree.open(at, [key]);
      const leaf = tree.get(key);
      if (leaf === undefined) return { record: null, tree, key };
      const [value] = await this.#log.store.readDerived([recordKey(key, leaf.version)]);
      if (value === undefined) throw corrupt('lacks a record');
      return { record: decode(value, leaf.valueHash), tree, key };
    });
  }

  /** What cannot be read may have gone meanwhile, which is no damage. @throws CoreError `log-range` then */
  async #reading<T>({ version }: IndexVersion, read: () => Promise<T>): Promise<T> {
    try {
      return await read();
    } catch (error) {
      if (!(error instanceof CoreError) || error.code !== 'log-corrupt') throw error;
      await this.#checkKept(version);
      throw error;
    }
  }

  /** @throws CoreError `log-range` for a version of which parts are gone */
  async #checkKept(version: number): Promise<void> {
    const collected = (await readIndexHead(this.#log.store))?.collected ?? 0;
    if (version >= collected) return;
    throw new CoreError(
      'log-range',
      `the index of the first ${version + 1} entries is not kept any more: it goes back to the checkpoint of ${collected + 1}`,
    );
  }

  async #recordsOf(
    at: IndexVersion,
    streams: readonly StreamName[],
  ): Promise<{ stream: StreamName; record: StreamRecord }[]> {
    return this.#reading(at, async () => {
      const keys = streams.map(streamKey);
      const tree = await this.#log.tree.open(at, keys);
      const found = streams.flatMap((stream, i) => {
        const leaf = tree.get(keys[i]!);
        // Its first statement is newer than the version.
        return leaf === undefined ? [] : [{ stream, leaf }];
      });
      const values = await this.#log.store.readDerived(found.map(({ leaf }) => recordKey(leaf.key, leaf.version)));
      return found.map(({ stream, leaf }, i) => {
        const value = values[i];
        if (value === undefined) throw corrupt('lacks a record');
        return { stream, record: decodeStream(value, leaf.valueHash).record };
      });
    });
  }

  /** What the keys of the tree are the hashes of, in all versions, in parts. */
  async *#names(): AsyncGenerator<{ streams: StreamName[]; subjects: Uint8Array[] }, void, undefined> {
    let streams: StreamName[] = [];
    let subjects: Uint8Array[] = [];
    for await (const [key] of this.#log.store.derived(nameKey(new Uint8Array(0)))) {
      const name = parseIndexName(preimageOf(key));
      if (name instanceof Uint8Array) subjects.push(name);
      else streams.push(name);
      if (streams.length + subjects.length < LOOKUPS) continue;
      yield { streams, subjects };
      streams = [];
      subjects = [];
    }
    yield { streams, subjects };
  }

  /** What is stored of the statements of a stream from `start` up to but without `end`. */
  async #positions(key: Uint8Array, start: number, end: number): Promise<StoredPosition[]> {
    const keys = Array.from({ length: end - start }, (_, i) => historyKey(key, start + i));
    return (await this.#log.store.readDerived(keys)).map((value) => {
      if (value === undefined) throw corrupt('lacks a statement of a stream');
      return decodePosition(value);
    });
  }

  /** The leaf hashes of statements of a stream, on end. */
  async #leafHashes(positions: readonly StoredPosition[]): Promise<Uint8Array> {
    const { entries } = this.#log;
    const leafHashes = new Uint8Array(positions.length * HASH_SIZE);
    const read = async ({ index }: StoredPosition, i: number): Promise<void> => {
      if (index >= entries.size) throw corrupt('names a statement beyond the log');
      leafHashes.set(await entries.leafHash(index), i * HASH_SIZE);
    };
    await Promise.all(positions.map(read));
    return leafHashes;
  }

  /** The hashes of the subtrees that the first `count` statements of a stream make up. */
  async #before(key: Uint8Array, count: number): Promise<Uint8Array[]> {
    const hashes: Uint8Array[] = [];
    for (const { level, index } of coveringNodes({ start: 0, end: count })) {
      const last = (index + 1) * 2 ** level - 1;
      const [position] = await this.#positions(key, last, last + 1);
      const hash = level === 0 ? await this.#leafHashes([position!]) : position!.subtrees[level - 1];
      if (hash === undefined) throw corrupt('lacks a hash of a stream');
      hashes.push(hash);
    }
    return hashes;
  }
}

const display = ({ type, issuer, stream }: StreamName): string => `${stream} (type ${type}, by ${issuer})`;

const corrupt = (what: string): CoreError =>
  new CoreError('log-corrupt', `the index ${what}: check the log with fsck, and derive its index again with reindex`);
