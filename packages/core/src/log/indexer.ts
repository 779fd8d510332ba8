import { sha256 } from '#sha256';
import { CoreError } from '../error.ts';
import { formatIndexEntry } from '../log-index/index-entry.ts';
import { type IndexMapping, preimageOf } from '../log-index/index-mapping.ts';
import { formatStreamRecord } from '../log-index/stream.ts';
import { formatSubjectRecord, type SubjectElement, type SubjectRecord } from '../log-index/subject.ts';
import type { PrefixLeaf } from '../prefix/prefix-proof.ts';
import { EMPTY_RANGE, extendRange, rangeRoot } from '../tree/compact-range.ts';
import { HASH_SIZE } from '../tree/hash.ts';
import type { DerivedPair } from './admission.ts';
import { encodeIndexHead, type IndexHead } from './index-head.ts';
import { historyKey, INDEX_HEAD_KEY, nameKey, recordKey, replacedKey } from './index-keys.ts';
import {
  completedSubtrees,
  decodeStream,
  decodeSubject,
  encodePosition,
  encodeStream,
  encodeSubject,
  type StoredStream,
} from './index-record.ts';
import type { IndexTree, IndexVersion, ReadDerived } from './index-tree.ts';
import { mapKey } from './map-key.ts';
import { encodeReplaced } from './replaced-keys.ts';

/** An entry on its way into the log. */
export interface IndexedEntry {
  readonly entry: Uint8Array;
  readonly leafHash: Uint8Array;
}

/** What a commit says about the entries before its end. */
export interface IndexExtension {
  /** The index entry that ends the commit. */
  readonly entry: Uint8Array;
  readonly root: Uint8Array;
  /** Nodes and records, which later versions replace. */
  readonly versioned: readonly DerivedPair[];
  /** What stays: statements by position, and the names of keys. */
  readonly lasting: readonly DerivedPair[];
  /** The keys that earlier versions had in place of these. */
  readonly replaced: readonly Uint8Array[];
}

/** What changes about one key of the tree: a stream has new statements, or a subject new words. */
interface Change {
  readonly key: Uint8Array;
  readonly preimage: Uint8Array;
  /** In order. */
  readonly statements?: { readonly index: number; readonly leafHash: Uint8Array }[];
  /** By who says what kind of thing. */
  readonly words?: Map<string, SubjectElement>;
}

/**
 * Derives an index from entries, one commit after the other. It keeps nothing but where it stands: what it goes on with is in
 * the tree and its records.
 */
export class Indexer {
  readonly #mapping: IndexMapping;
  readonly #tree: IndexTree;
  readonly #read: ReadDerived;
  /** The version that the next one goes on with. */
  #at: IndexVersion | undefined;

  constructor({ mapping, tree, read, at }: IndexerOptions) {
    this.#mapping = mapping;
    this.#tree = tree;
    this.#read = read;
    this.#at = at;
  }

  /**
   * Goes on to the next version: that of the index entry behind these entries.
   *
   * @param start the leaf index of the first of them
   * @throws CoreError `log-corrupt`; what reading throws
   */
  async extend(entries: readonly IndexedEntry[], start: number): Promise<IndexExtension> {
    const version = start + entries.length;
    const changes = this.#changes(entries, start);
    const tree = await this.#tree.open(
      this.#at,
      changes.map(({ key }) => key),
    );
    const found = changes.map(({ key }) => tree.get(key));
    const before = changes.flatMap(({ key }, i) => (found[i] === undefined ? [] : [recordKey(key, found[i].version)]));
    const values = await this.#read(before);
    const records: DerivedPair[] = [];
    const lasting: DerivedPair[] = [];
    let at = 0;
    const leaves = changes.map((change, i): PrefixLeaf => {
      const { key, preimage, statements } = change;
      let value: Uint8Array | undefined;
      if (found[i] === undefined) lasting.push([nameKey(preimage), new Uint8Array(0)]);
      else {
        value = values[at++];
        if (value === undefined) {
          throw new CoreError('log-corrupt', 'the index lacks a record: check the log with fsck');
        }
      }
      const { stored, record } =
        statements === undefined
          ? nextSubject(change, value && decodeSubject(value, found[i]!.valueHash))
          : nextStream(key, statements, value && decodeStream(value, found[i]!.valueHash), lasting);
      records.push([recordKey(key, version), stored]);
      return { key, valueHash: sha256(record) };
    });
    const { root, written, replaced } = tree.update(version, leaves);
    this.#at = { version, root };
    return {
      entry: formatIndexEntry({ size: version, root }),
      root,
      versioned: [...written, ...records],
      lasting,
      replaced: [...replaced, ...before],
    };
  }

  #changes(entries: readonly IndexedEntry[], start: number): Change[] {
    const changes = new Map<string, Change>();
    entries.forEach(({ entry, leafHash }, i) => {
      const indexed = this.#mapping(entry.slice());
      if (indexed === undefined) return;
      const preimage = preimageOf(indexed);
      const name = mapKey(preimage);
      let change = changes.get(name);
      if (change === undefined) {
        const key = sha256(preimage);
        change = indexed.kind === 'stream' ? { key, preimage, statements: [] } : { key, preimage, words: new Map() };
        changes.set(name, change);
      }
      // The preimage says of which kind it is.
      if (indexed.kind === 'stream') change.statements!.push({ index: start + i, leafHash });
      else change.words!.set(wordOf(indexed.word), { ...indexed.word, newest: leafHash });
    });
    return [...changes.values()];
  }
}

/** What an {@link Indexer} goes on with. */
export interface IndexerOptions {
  readonly mapping: IndexMapping;
  readonly tree: IndexTree;
  readonly read: ReadDerived;
  /** That of the log's newest index entry; undefined if it has none. */
  readonly at: IndexVersion | undefined;
}

/** What a commit of an indexed log writes and removes besides its entries. */
export function indexPairs(extension: IndexExtension, head: IndexHead): DerivedPair[] {
  const { versioned, lasting, replaced } = extension;
  return [
    ...versioned,
    ...lasting,
    [replacedKey(head.version), encodeReplaced(replaced)],
    [INDEX_HEAD_KEY, encodeIndexHead(head)],
  ];
}

const wordOf = ({ type, issuer }: Pick<SubjectElement, 'type' | 'issuer'>): string => `${type} ${issuer}`;

function nextStream(
  key: Uint8Array,
  statements: NonNullable<Change['statements']>,
  old: StoredStream | undefined,
  lasting: DerivedPair[],
): { stored: Uint8Array; record: Uint8Array } {
  const before = old?.range ?? EMPTY_RANGE;
  const leafHashes = new Uint8Array(statements.length * HASH_SIZE);
  statements.forEach(({ leafHash }, i) => {
    leafHashes.set(leafHash, i * HASH_SIZE);
  });
  const { range, levels } = extendRange(before, leafHashes);
  const completed = completedSubtrees(levels);
  statements.forEach(({ index }, i) => {
    const position = before.size + i;
    lasting.push([historyKey(key, position), encodePosition({ index, subtrees: completed.get(position) ?? [] })]);
  });
  const record = { count: range.size, last: statements.at(-1)!.leafHash, root: rangeRoot(range) };
  return { stored: encodeStream({ record, range }), record: formatStreamRecord(record) };
}

function nextSubject({ words }: Change, old: SubjectRecord | undefined): { stored: Uint8Array; record: Uint8Array } {
  const all = new Map((old ?? []).map((element) => [wordOf(element), element]));
  for (const [word, element] of words!) all.set(word, element);
  const record = [...all.values()];
  return { stored: encodeSubject(record), record: formatSubjectRecord(record) };
}
