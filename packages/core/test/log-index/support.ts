import { nameOf, ReferenceIndex, ReferenceTree, streamKeyOf, subjectKeyOf, treeOver } from '@vitrine/testkit';
import { formatIndexEntry } from '../../src/log-index/index-entry.ts';
import type { IndexMapping } from '../../src/log-index/index-mapping.ts';
import type { StreamProof, StreamsProof, SubjectProof } from '../../src/log-index/index-proof.ts';
import type { StreamName, StreamRecord } from '../../src/log-index/stream.ts';
import type { SubjectRecord } from '../../src/log-index/subject.ts';
import type { VerifyIndexProofOptions } from '../../src/log-index/verify-index-proof.ts';

export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Lines as in the tests of the log: `stream <type> <issuer> <stream> <n>`, `review|withdrawal <issuer> <subject> <n>`. */
export const MAPPING: IndexMapping = (entry) => {
  const [kind, ...words] = new TextDecoder().decode(entry).split(' ');
  if (kind === 'stream') {
    const [type, issuer, stream] = words as [string, string, string];
    return { kind, stream: { type, issuer, stream } };
  }
  if (kind !== 'review' && kind !== 'withdrawal') return undefined;
  const [issuer, subject] = words as [string, string];
  return { kind: 'subject', subject: new Uint8Array(Buffer.from(subject, 'hex')), word: { issuer, type: kind } };
};

export const STREAM: StreamName = { type: 'build', issuer: 'acme.example', stream: 'tool/stable' };
export const OTHER: StreamName = { type: 'build', issuer: 'acme.example', stream: 'tool/beta' };

export const statement = (n: number, { type, issuer, stream }: StreamName = STREAM): Uint8Array =>
  utf8(`stream ${type} ${issuer} ${stream} ${n}`);

export const word = (type: 'review' | 'withdrawal', issuer: string, subject: Uint8Array, n = 0): Uint8Array =>
  utf8(`${type} ${issuer} ${Buffer.from(subject).toString('hex')} ${n}`);

/** A tree whose last leaf is the index entry over all others, and honest proofs from it, all by the reference. */
export class IndexedTree {
  readonly index: ReferenceIndex;
  readonly tree: ReferenceTree;
  readonly leaves: readonly Uint8Array[];
  readonly indexRoot: Uint8Array;
  readonly size: number;
  readonly root: Uint8Array;

  /**
   * @param mapping that the index is derived by, and not always the one that it is checked by
   * @param last the entry that ends the tree, if not the index entry
   */
  constructor(entries: readonly Uint8Array[], mapping: IndexMapping = MAPPING, last?: Uint8Array) {
    this.index = new ReferenceIndex(entries, mapping);
    this.indexRoot = this.index.tree().root();
    this.leaves = [...entries, last ?? formatIndexEntry({ size: entries.length, root: this.indexRoot })];
    this.tree = new ReferenceTree(this.leaves);
    this.size = this.leaves.length;
    this.root = this.tree.root(this.size);
  }

  /** The index of the leaf, and the hashes up to the root. */
  inclusion(leaf: number = this.size - 1): { index: number; inclusion: Uint8Array[] } {
    return { index: leaf, inclusion: this.tree.path(leaf, 0, this.size) };
  }

  streamRecord(name: StreamName): StreamRecord | null {
    const leaves = this.index.history(name);
    if (leaves.length === 0) return null;
    return { count: leaves.length, last: leaves.at(-1)!, root: treeOver(leaves) };
  }

  subjectRecord(subject: Uint8Array): SubjectRecord | null {
    const words = this.index.subjects.get(Buffer.from(subject).toString('hex'));
    if (words === undefined) return null;
    const elements = [...words.values()].map(({ issuer, type, newest }) => ({
      issuer,
      type: type as 'review' | 'withdrawal',
      newest,
    }));
    // All names here have one length, so that their encodings sort as they do.
    return elements.sort((a, b) => (`${a.issuer} ${a.type}` < `${b.issuer} ${b.type}` ? -1 : 1));
  }

  /** The proof of the newest statement, or of absence. */
  stream(name: StreamName = STREAM): StreamProof {
    const { indices } = this.index.streams.get(nameOf(name)) ?? { indices: [] };
    return {
      type: 'stream',
      indexRoot: this.indexRoot,
      stream: name,
      record: this.streamRecord(name),
      proof: this.index.tree().prove(streamKeyOf(name)),
      entries: indices.slice(-1).map((index) => this.leaves[index]!),
    };
  }

  /** The proof of all statements from a position on. */
  history(from: number, name: StreamName = STREAM): StreamProof {
    const { indices } = this.index.streams.get(nameOf(name))!;
    const leaves = this.index.history(name);
    const before: Uint8Array[] = [];
    for (let start = 0, width = 2 ** 10; start < from; ) {
      while (width > from - start) width /= 2;
      before.push(treeOver(leaves.slice(start, start + width)));
      start += width;
    }
    return {
      ...this.stream(name),
      history: { from, before },
      entries: indices.slice(from).map((index) => this.leaves[index]!),
    };
  }

  subject(subject: Uint8Array): SubjectProof {
    const record = this.subjectRecord(subject);
    const entries = (record ?? []).map(({ newest }) => {
      const at = this.leaves.findIndex((_, i) => Buffer.compare(this.tree.leafHash(i), newest) === 0);
      return this.leaves[at]!;
    });
    const proof = this.index.tree().prove(subjectKeyOf(subject));
    return { type: 'subject', indexRoot: this.indexRoot, subject, record, proof, entries };
  }

  streams(): StreamsProof {
    const tree = this.index.tree();
    return {
      type: 'streams',
      indexRoot: this.indexRoot,
      // All names here have one length but the last part, whose shorter ones come first.
      streams: [...this.index.streams.values()]
        .map(({ name }) => ({ stream: name, record: this.streamRecord(name)! }))
        .sort(
          (a, b) => a.stream.stream.length - b.stream.stream.length || (a.stream.stream < b.stream.stream ? -1 : 1),
        ),
      subjects: [...this.index.subjects.keys()].map((hex) => {
        const subject = new Uint8Array(Buffer.from(hex, 'hex'));
        return { subject, valueHash: tree.prove(subjectKeyOf(subject)).leaf!.valueHash };
      }),
    };
  }

  /** What a proof is verified with. */
  with(
    proof: VerifyIndexProofOptions['proof'],
    changes: Partial<VerifyIndexProofOptions> = {},
  ): VerifyIndexProofOptions {
    return { proof, ...this.inclusion(), size: this.size, root: this.root, mapping: MAPPING, ...changes };
  }
}
