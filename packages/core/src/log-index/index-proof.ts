import { type CborValue, encodeCbor } from '../cbor/cbor.ts';
import { ProofError } from '../error.ts';
import { MAX_EXTRA_SIZE } from '../note/tlog-proof.ts';
import type { PrefixProof } from '../prefix/prefix-proof.ts';
import { prefixProofCodec } from '../prefix/prefix-proof-codec.ts';
import { type Codec, nullable } from '../schema/codec.ts';
import { list } from '../schema/list.ts';
import type { Place } from '../schema/place.ts';
import { optional, record } from '../schema/record.ts';
import { hash, octetsUpTo, oneOf, unsigned } from '../schema/scalars.ts';
import { tuple } from '../schema/tuple.ts';
import { versionOf } from '../schema/version.ts';
import { MAX_ENTRY_SIZE } from '../tree/hash.ts';
import { MAX_PROOF_LENGTH } from '../tree/proof.ts';
import type { StreamsClaim } from './index-claim.ts';
import { placeOf } from './place.ts';
import { type StreamName, type StreamRecord, streamNameCodec, streamRecordCodec } from './stream.ts';
import { type SubjectRecord, subjectRecordCodec } from './subject.ts';

// More than the values that CBOR can have here.
const MAX_ITEMS = 65_536;

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

const place: Place = placeOf('index proof');

type Versioned<P extends IndexProof> = Omit<P, 'indexRoot'> & { readonly v: typeof VERSION; readonly root: Uint8Array };

const v = oneOf(VERSION);
const entries = list(octetsUpTo(MAX_ENTRY_SIZE), { max: MAX_ITEMS });
const history = tuple<NonNullable<StreamProof['history']>>({
  from: unsigned(),
  before: list(hash, { max: MAX_PROOF_LENGTH }),
});

const CODECS = {
  stream: record<Versioned<StreamProof>>({
    v,
    type: oneOf('stream'),
    root: hash,
    stream: streamNameCodec,
    record: nullable(streamRecordCodec),
    proof: prefixProofCodec,
    history: optional(history),
    entries,
  }),
  subject: record<Versioned<SubjectProof>>({
    v,
    type: oneOf('subject'),
    root: hash,
    subject: hash,
    record: nullable(subjectRecordCodec),
    proof: prefixProofCodec,
    entries,
  }),
  streams: record<Versioned<StreamsProof>>({
    v,
    type: oneOf('streams'),
    root: hash,
    streams: list(tuple({ stream: streamNameCodec, record: streamRecordCodec }), { max: MAX_ITEMS }),
    subjects: list(tuple({ subject: hash, valueHash: hash }), { max: MAX_ITEMS }),
  }),
} as const;

const codecOf = (type: unknown): Codec<Versioned<IndexProof>> => {
  if (typeof type === 'string' && Object.hasOwn(CODECS, type)) {
    return CODECS[type as IndexProof['type']] as Codec<Versioned<IndexProof>>;
  }
  throw place.in('type').refuse('is not "stream", "subject" or "streams"');
};

/**
 * Writes a proof, in deterministic CBOR: docs/index.md.
 *
 * @throws ProofError `proof-malformed` for what {@link parseIndexProof} would refuse, and for one that is too large
 */
export function formatIndexProof({ indexRoot, ...proof }: IndexProof): Uint8Array {
  const codec = codecOf(proof.type);
  const bytes = encodeCbor(codec.write({ v: VERSION, root: indexRoot, ...proof } as Versioned<IndexProof>, place));
  checkSize(bytes);
  return bytes;
}

/**
 * Reads what {@link formatIndexProof} writes. Nothing is verified, and the entries are not looked at.
 *
 * @throws ProofError `proof-malformed`, also for a later version
 */
export function parseIndexProof(bytes: Uint8Array): IndexProof {
  checkSize(bytes);
  const map = place.decodeMap(bytes);
  const version = versionOf(map, place);
  if (version !== VERSION)
    throw place.refuse(`has version ${version}, and this program knows ${VERSION}: use a newer one`);
  const { v: _, root, ...proof } = codecOf(map.get('type')).read(map, place);
  return { ...proof, indexRoot: root } as IndexProof;
}

/** Whether the extra data of a tlog-proof is an index proof, of whatever version, rather than something else. */
export function isIndexProof(extra: Uint8Array): boolean {
  let cbor: CborValue;
  try {
    checkSize(extra);
    cbor = place.decode(extra);
  } catch (error) {
    if (error instanceof ProofError) return false;
    throw error;
  }
  if (!(cbor instanceof Map)) return false;
  return (
    typeof cbor.get('v') === 'number' && typeof cbor.get('type') === 'string' && cbor.get('root') instanceof Uint8Array
  );
}

function checkSize(bytes: Uint8Array): void {
  if (bytes.length > MAX_EXTRA_SIZE) throw place.refuse(`has at most ${MAX_EXTRA_SIZE} bytes, found ${bytes.length}`);
}
