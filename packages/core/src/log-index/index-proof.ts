import { type CborMap, type CborValue, decodeCbor, encodeCbor } from '../cbor/cbor.ts';
import { CoreError } from '../error.ts';
import { MAX_EXTRA_SIZE } from '../note/tlog-proof.ts';
import type { PrefixProof } from '../prefix/prefix-proof.ts';
import { prefixProofFromCbor, prefixProofToCbor } from '../prefix/prefix-proof-cbor.ts';
import type { StreamsClaim } from './index-claim.ts';
import { arrayOf, bytesOf, hashOf, malformed, textOf, unsignedOf } from './record.ts';
import {
  type StreamName,
  type StreamRecord,
  streamNameFromCbor,
  streamNameToCbor,
  streamRecordFromCbor,
  streamRecordToCbor,
} from './stream.ts';
import { type SubjectRecord, subjectRecordFromCbor, subjectRecordToCbor } from './subject.ts';

/** What the index says of a stream: its newest statement, or all from one on, or that it has none. */
export interface StreamProof {
  readonly type: 'stream';
  readonly indexRoot: Uint8Array;
  readonly stream: StreamName;
  /** Null: it has none. */
  readonly record: StreamRecord | null;
  readonly proof: PrefixProof;
  /** What shows that `entries` are all statements from a position on, as in a `HistoryClaim`. */
  readonly history?: { readonly from: number; readonly before: readonly Uint8Array[] };
  /** The newest statement, or those of the history. */
  readonly entries: readonly Uint8Array[];
}

/** What the index says of the reviews and withdrawals of a leaf. */
export interface SubjectProof {
  readonly type: 'subject';
  readonly indexRoot: Uint8Array;
  /** Its leaf hash. */
  readonly subject: Uint8Array;
  /** Null: there are none. */
  readonly record: SubjectRecord | null;
  readonly proof: PrefixProof;
  /** The statements, in the order of the record. */
  readonly entries: readonly Uint8Array[];
}

/** Which streams the index has. */
export interface StreamsProof extends StreamsClaim {
  readonly type: 'streams';
}

/**
 * What a log's index says, with what shows it. It stands in the extra data of a tlog-proof of the index entry, which has the
 * checkpoint, and shows that the entry is in the tree.
 */
export type IndexProof = StreamProof | SubjectProof | StreamsProof;

const VERSION = 1;

/**
 * Writes a proof, in deterministic CBOR: docs/index.md.
 *
 * @throws ProofError `proof-malformed` for what {@link parseIndexProof} would refuse, and for one that is too large
 */
export function formatIndexProof(proof: IndexProof): Uint8Array {
  const bytes = encodeCbor(
    new Map<string, CborValue>([['v', VERSION], ['type', proof.type], ['root', proof.indexRoot], ...fieldsOf(proof)]),
  );
  parseIndexProof(bytes);
  return bytes;
}

function fieldsOf(proof: IndexProof): [string, CborValue][] {
  switch (proof.type) {
    case 'stream': {
      const { history } = proof;
      return [
        ['stream', streamNameToCbor(proof.stream)],
        ['record', proof.record && streamRecordToCbor(proof.record)],
        ['proof', prefixProofToCbor(proof.proof)],
        ...(history === undefined ? [] : ([['history', [history.from, [...history.before]]]] as [string, CborValue][])),
        ['entries', [...proof.entries]],
      ];
    }
    case 'subject':
      return [
        ['subject', proof.subject],
        ['record', proof.record && subjectRecordToCbor(proof.record)],
        ['proof', prefixProofToCbor(proof.proof)],
        ['entries', [...proof.entries]],
      ];
    case 'streams':
      return [
        ['streams', proof.streams.map(({ stream, record }) => [streamNameToCbor(stream), streamRecordToCbor(record)])],
        ['subjects', proof.subjects.map(({ subject, valueHash }) => [subject, valueHash])],
      ];
  }
}

/**
 * Reads what {@link formatIndexProof} writes. Nothing is verified, and the entries are not looked at.
 *
 * @throws ProofError `proof-malformed`, also for a later version; `proof-length`
 */
export function parseIndexProof(bytes: Uint8Array): IndexProof {
  const map = decoded(bytes);
  const version = unsignedOf(map.get('v'), 1, 'the version of an index proof');
  if (version !== VERSION) {
    throw malformed(`this program knows index proofs of version ${VERSION}, found ${version}: use a newer one`);
  }
  const indexRoot = hashOf(map.get('root'), 'the root of the index');
  const type = map.get('type');
  switch (type) {
    case 'stream': {
      const [from, before] = map.has('history') ? arrayOf(map.get('history'), 2, 'a history') : [];
      checkFields(map, ['stream', 'record', 'proof', 'entries', 'history']);
      return {
        type,
        indexRoot,
        stream: streamNameFromCbor(map.get('stream')),
        record: map.get('record') === null ? null : streamRecordFromCbor(map.get('record')),
        proof: prefixProofFromCbor(map.get('proof') ?? null),
        ...(from !== undefined && {
          history: {
            from: unsignedOf(from, 0, 'the position that a history begins at'),
            before: arrayOf(before, undefined, 'the hashes of a history').map((hash) =>
              hashOf(hash, 'a hash of a history'),
            ),
          },
        }),
        entries: entriesOf(map),
      };
    }
    case 'subject':
      checkFields(map, ['subject', 'record', 'proof', 'entries']);
      return {
        type,
        indexRoot,
        subject: hashOf(map.get('subject'), 'a subject'),
        record: map.get('record') === null ? null : subjectRecordFromCbor(map.get('record')),
        proof: prefixProofFromCbor(map.get('proof') ?? null),
        entries: entriesOf(map),
      };
    case 'streams':
      checkFields(map, ['streams', 'subjects']);
      return {
        type,
        indexRoot,
        streams: arrayOf(map.get('streams'), undefined, 'the streams').map((value) => {
          const [stream, record] = arrayOf(value, 2, 'a stream');
          return { stream: streamNameFromCbor(stream), record: streamRecordFromCbor(record) };
        }),
        subjects: arrayOf(map.get('subjects'), undefined, 'the subjects').map((value) => {
          const [subject, valueHash] = arrayOf(value, 2, 'a subject');
          return { subject: hashOf(subject, 'a subject'), valueHash: hashOf(valueHash, 'the hash of a record') };
        }),
      };
    default:
      throw malformed('the type of an index proof is "stream", "subject" or "streams"');
  }
}

/** Whether the extra data of a tlog-proof is an index proof, of whatever version, rather than something else. */
export function isIndexProof(extra: Uint8Array): boolean {
  try {
    const map = decoded(extra);
    return (
      typeof map.get('v') === 'number' && typeof map.get('type') === 'string' && map.get('root') instanceof Uint8Array
    );
  } catch (error) {
    if (error instanceof CoreError) return false;
    throw error;
  }
}

function decoded(bytes: Uint8Array): CborMap {
  if (bytes.length > MAX_EXTRA_SIZE) {
    throw malformed(`an index proof has at most ${MAX_EXTRA_SIZE} bytes, found ${bytes.length}`);
  }
  let value: CborValue;
  try {
    value = decodeCbor(bytes, 'an index proof');
  } catch (cause) {
    if (cause instanceof CoreError) throw malformed(cause.message, cause);
    throw cause;
  }
  if (!(value instanceof Map)) throw malformed('an index proof must be a map');
  return value;
}

function checkFields(map: CborMap, names: readonly string[]): void {
  for (const key of map.keys()) {
    if (key === 'v' || key === 'type' || key === 'root') continue;
    if (!names.includes(key as string))
      throw malformed(`an index proof of this type has no field ${textOf(`${key}`, 'a field')}`);
  }
}

function entriesOf(map: CborMap): Uint8Array[] {
  return arrayOf(map.get('entries'), undefined, 'the entries').map((entry) => bytesOf(entry, 'an entry'));
}
