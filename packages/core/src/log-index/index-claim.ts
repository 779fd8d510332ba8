import { sha256 } from '#sha256';
import { compareBytes } from '../bytes/compare.ts';
import { equalBytes } from '../bytes/equal.ts';
import { ProofError } from '../error.ts';
import { type PrefixLeaf, type PrefixProof, verifyAbsence, verifyPresence } from '../prefix/prefix-proof.ts';
import { prefixRoot } from '../prefix/prefix-tree.ts';
import { extendRange, rangeRoot } from '../tree/compact-range.ts';
import { HASH_SIZE } from '../tree/hash.ts';
import { coveringNodes } from '../tree/interval.ts';
import { checkHash } from '../tree/proof.ts';
import { formatStreamRecord, type StreamName, type StreamRecord, streamKey, streamPreimage } from './stream.ts';
import { formatSubjectRecord, type SubjectRecord, subjectKey, subjectPreimage } from './subject.ts';

/** What the index says of a stream. */
export interface StreamClaim {
  /** From a verified `IndexInclusion`. */
  readonly indexRoot: Uint8Array;
  readonly stream: StreamName;
  /** Null: the stream has no statement. */
  readonly record: StreamRecord | null;
  readonly proof: PrefixProof;
}

/** What the index says of a leaf that reviews or withdrawals may speak of. */
export interface SubjectClaim {
  /** From a verified `IndexInclusion`. */
  readonly indexRoot: Uint8Array;
  /** Its leaf hash. */
  readonly subject: Uint8Array;
  /** Null: nobody has reviewed or withdrawn it. */
  readonly record: SubjectRecord | null;
  readonly proof: PrefixProof;
}

/** The newest statements of a stream, all of them from one on. */
export interface HistoryClaim {
  /** From a verified {@link StreamClaim}. */
  readonly record: StreamRecord;
  /** The position of the first that is given; statements of the stream before it. */
  readonly from: number;
  /** Hashes of the perfect subtrees that the statements before it make up, from left to right. */
  readonly before: readonly Uint8Array[];
  /** Leaf hashes from there on, in order. */
  readonly leafHashes: readonly Uint8Array[];
}

/** All streams and all subjects of an index, each in the order of what their keys are the hashes of. */
export interface StreamsClaim {
  /** From a verified `IndexInclusion`. */
  readonly indexRoot: Uint8Array;
  readonly streams: readonly { readonly stream: StreamName; readonly record: StreamRecord }[];
  /** Leaf hashes, each with SHA-256 of its record. */
  readonly subjects: readonly { readonly subject: Uint8Array; readonly valueHash: Uint8Array }[];
}

/**
 * Checks a {@link StreamClaim}: `record.last` is the newest statement of the stream and no other is newer, or the stream has
 * none; if the index is true.
 *
 * @throws ProofError as `verifyPresence` and `verifyAbsence`
 */
export function verifyStream({ indexRoot: root, stream, record, proof }: StreamClaim): void {
  verifyRecord(root, streamKey(stream), record && formatStreamRecord(record), proof);
}

/**
 * Checks a {@link SubjectClaim}: the record has everybody's newest review and withdrawal of the leaf, or there is none; if
 * the index is true.
 *
 * @throws ProofError as `verifyPresence` and `verifyAbsence`
 */
export function verifySubject({ indexRoot: root, subject, record, proof }: SubjectClaim): void {
  checkHash(subject, 'the leaf hash of the subject');
  verifyRecord(root, subjectKey(subject), record && formatSubjectRecord(record), proof);
}

function verifyRecord(root: Uint8Array, key: Uint8Array, record: Uint8Array | null, proof: PrefixProof): void {
  if (record === null) verifyAbsence({ root, key, proof });
  else verifyPresence({ root, key, valueHash: sha256(record), proof });
}

/**
 * Checks a {@link HistoryClaim}: these are all statements of the stream from the position `from` on, in order.
 *
 * @throws ProofError `proof-range` if there is nothing from that position on; `proof-length` for more or fewer hashes than
 * the record asks for; `proof-mismatch` if they lead to another root, or do not end with the newest statement
 */
export function verifyHistory({ record, from, before, leafHashes }: HistoryClaim): void {
  const { count, last, root } = record;
  if (!Number.isSafeInteger(from) || from < 0 || from >= count) {
    throw new ProofError('proof-range', `the stream has ${count} statements, and none from position ${from} on`);
  }
  if (leafHashes.length !== count - from) {
    throw new ProofError(
      'proof-length',
      `the stream has ${count - from} statements from position ${from} on, found ${leafHashes.length}`,
    );
  }
  const covering = coveringNodes({ start: 0, end: from }).length;
  if (before.length !== covering) {
    throw new ProofError('proof-length', `${from} statements make up ${covering} subtrees, found ${before.length}`);
  }
  before.forEach((hash, i) => {
    checkHash(hash, `hash ${i} of the statements before`);
  });
  const joined = new Uint8Array(leafHashes.length * HASH_SIZE);
  leafHashes.forEach((hash, i) => {
    checkHash(hash, `leaf hash ${i}`);
    joined.set(hash, i * HASH_SIZE);
  });
  const { range } = extendRange({ size: from, hashes: before }, joined);
  if (!equalBytes(rangeRoot(range), root)) {
    throw new ProofError('proof-mismatch', 'these are not the statements of the stream: they lead to another root');
  }
  if (!equalBytes(leafHashes.at(-1)!, last)) {
    throw new ProofError('proof-mismatch', 'the record names another newest statement than its own root has');
  }
}

/**
 * Checks a {@link StreamsClaim}: the index has these streams and no others.
 *
 * @throws ProofError `proof-malformed` for streams or subjects that are out of order, or there twice; `proof-mismatch` if they
 * lead to another root
 */
export function verifyStreams({ indexRoot, streams, subjects }: StreamsClaim): void {
  checkHash(indexRoot, 'the root of the index');
  for (const { subject, valueHash } of subjects) {
    checkHash(subject, 'the leaf hash of a subject');
    checkHash(valueHash, 'the hash of the record of a subject');
  }
  checkOrder(streams.map(({ stream }) => streamPreimage(stream)));
  checkOrder(subjects.map(({ subject }) => subjectPreimage(subject)));
  const leaves: PrefixLeaf[] = [
    ...streams.map(({ stream, record }) => ({ key: streamKey(stream), valueHash: sha256(formatStreamRecord(record)) })),
    ...subjects.map(({ subject, valueHash }) => ({ key: subjectKey(subject), valueHash })),
  ];
  leaves.sort((a, b) => compareBytes(a.key, b.key));
  if (!equalBytes(prefixRoot(leaves), indexRoot)) {
    throw new ProofError('proof-mismatch', 'these are not all streams and subjects: they lead to another root');
  }
}

/** One list is written in one way. */
function checkOrder(preimages: readonly Uint8Array[]): void {
  for (let i = 1; i < preimages.length; i++) {
    if (compareBytes(preimages[i - 1]!, preimages[i]!) >= 0) {
      throw new ProofError('proof-malformed', 'streams or subjects are out of order, or there twice');
    }
  }
}
