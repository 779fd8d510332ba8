import { sha256 } from '#sha256';
import { equalBytes } from '../bytes/equal.ts';
import { CoreError } from '../error.ts';
import { formatStreamRecord, type StreamRecord } from '../log-index/stream.ts';
import { formatSubjectRecord, parseSubjectRecord, type SubjectRecord } from '../log-index/subject.ts';
import { type CompactRange, type NewHashes, rangeRoot } from '../tree/compact-range.ts';
import { HASH_SIZE } from '../tree/hash.ts';
import { coveringNodes } from '../tree/interval.ts';
import { decodeIndex, encodeIndex } from './known-leaves.ts';

/** What the index keeps of a stream: its record, and what its tree needs to grow. */
export interface StoredStream {
  readonly record: StreamRecord;
  readonly range: CompactRange;
}

// The count in 8 bytes, the newest leaf hash, the root.
const STREAM_SIZE = 8 + 2 * HASH_SIZE;

/**
 * A stream as a derived value: what its record says, and the hashes of the subtrees that its tree is made of. Not in CBOR,
 * which nobody but the log would read.
 */
export function encodeStream({ record: { count, last, root }, range }: StoredStream): Uint8Array {
  const value = new Uint8Array(STREAM_SIZE + range.hashes.length * HASH_SIZE);
  value.set(encodeIndex(count));
  value.set(last, 8);
  value.set(root, 8 + HASH_SIZE);
  value.set(join(range.hashes), STREAM_SIZE);
  return value;
}

/**
 * @param valueHash that the tree has of the record: what is built on another one would be signed
 * @throws CoreError `log-corrupt`
 */
export function decodeStream(value: Uint8Array, valueHash: Uint8Array): StoredStream {
  const count = decodeIndex(value.subarray(0, 8));
  const hashes = split(value.subarray(STREAM_SIZE));
  const isWhole = value.length === STREAM_SIZE + hashes.length * HASH_SIZE && count > 0;
  if (!isWhole || hashes.length !== coveringNodes({ start: 0, end: count }).length) throw damaged();
  const last = value.slice(8, 8 + HASH_SIZE);
  const root = value.slice(8 + HASH_SIZE, STREAM_SIZE);
  const record = { count, last, root };
  if (!equalBytes(sha256(formatStreamRecord(record)), valueHash)) throw damaged();
  const range = { size: count, hashes };
  if (!equalBytes(rangeRoot(range), root)) throw damaged();
  return { record, range };
}

/** A subject as a derived value: its record in CBOR. */
export function encodeSubject(record: SubjectRecord): Uint8Array {
  return formatSubjectRecord(record);
}

/**
 * @param valueHash that the tree has of the record
 * @throws CoreError `log-corrupt`
 */
export function decodeSubject(value: Uint8Array, valueHash: Uint8Array): SubjectRecord {
  if (!equalBytes(sha256(value), valueHash)) throw damaged();
  try {
    return parseSubjectRecord(value);
  } catch (cause) {
    if (cause instanceof CoreError) throw damaged(cause);
    throw cause;
  }
}

/** Whether a derived value is the record of a subject, and not of a stream, with the hash that the tree has of it. */
export function isSubject(value: Uint8Array, valueHash: Uint8Array): boolean {
  try {
    decodeSubject(value, valueHash);
    return true;
  } catch (error) {
    if (error instanceof CoreError) return false;
    throw error;
  }
}

const damaged = (cause?: unknown): CoreError =>
  new CoreError('log-corrupt', 'a record of the index is damaged: check the log with fsck', { cause });

function join(hashes: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(hashes.length * HASH_SIZE);
  hashes.forEach((hash, i) => {
    joined.set(hash, i * HASH_SIZE);
  });
  return joined;
}

function split(joined: Uint8Array): Uint8Array[] {
  return Array.from({ length: Math.floor(joined.length / HASH_SIZE) }, (_, i) =>
    joined.slice(i * HASH_SIZE, (i + 1) * HASH_SIZE),
  );
}

/** A statement of a stream: where it is, and the subtrees of the stream's tree that it completes, the smallest first. */
export interface StoredPosition {
  /** The leaf index in the log. */
  readonly index: number;
  /** The hash of the subtree of 2^(i + 1) statements that ends with this one. */
  readonly subtrees: readonly Uint8Array[];
}

/** A statement of a stream as a derived value: its leaf index in 8 bytes, and hashes. */
export function encodePosition({ index, subtrees }: StoredPosition): Uint8Array {
  const value = new Uint8Array(8 + subtrees.length * HASH_SIZE);
  value.set(encodeIndex(index));
  value.set(join(subtrees), 8);
  return value;
}

/** @throws CoreError `log-corrupt` */
export function decodePosition(value: Uint8Array): StoredPosition {
  return { index: decodeIndex(value.subarray(0, 8)), subtrees: split(value.subarray(8)) };
}

/** What `extendRange` built of a stream's tree, by the position of the statement that completes each subtree. */
export function completedSubtrees(levels: readonly NewHashes[]): Map<number, Uint8Array[]> {
  const completed = new Map<number, Uint8Array[]>();
  for (const { level, start, hashes } of levels) {
    if (level === 0) continue;
    for (let at = 0; at < hashes.length; at += HASH_SIZE) {
      const position = (start + at / HASH_SIZE + 1) * 2 ** level - 1;
      const found = completed.get(position) ?? [];
      found.push(hashes.subarray(at, at + HASH_SIZE));
      completed.set(position, found);
    }
  }
  return completed;
}
