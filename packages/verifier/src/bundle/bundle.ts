import {
  encodeCbor,
  MAX_ENTRY_SIZE,
  MAX_NOTE_SIZE,
  type PrefixProof,
  type StreamRecord,
  type SubjectRecord,
} from '@vitrine/core';
import {
  type Codec,
  hash,
  list,
  nullable,
  octetsUpTo,
  oneOf,
  optional,
  Place,
  prefixProofCodec,
  record,
  streamRecordCodec,
  subjectRecordCodec,
  tuple,
  unsigned,
  versionOf,
} from '@vitrine/core/schema';
import { Refusal } from '../refusal.ts';

/** A statement with its place in the log. */
export interface BundledStatement {
  readonly index: number;
  /** Its exact bytes. */
  readonly entry: Uint8Array;
}

/** An earlier tree of the log, for agents that have seen it. */
export interface EarlierTree {
  readonly size: number;
  readonly root: Uint8Array;
}

/** What the index says of the reviews and withdrawals of a leaf. */
export interface BundledSubject {
  /** Null: there are none. */
  readonly record: SubjectRecord | null;
  readonly proof: PrefixProof;
}

/** What the index says of the release's stream. */
export interface BundledStream {
  readonly record: StreamRecord;
  readonly proof: PrefixProof;
}

/** All that is needed to decide about a release offline: what lies beside a download. Unverified. docs/bundle.md */
export interface Bundle {
  /** The log's signed checkpoint with its cosignatures, byte for byte. */
  readonly checkpoint: Uint8Array;
  /** The leaf index of the release: one of the statements. */
  readonly release: number;
  /** By increasing leaf index: the release, its source, and reviews of both. */
  readonly statements: readonly BundledStatement[];
  /** Root of the index that the checkpoint's last leaf commits to. */
  readonly indexRoot: Uint8Array;
  /** What the index says of the release's stream. */
  readonly stream: BundledStream;
  /** What it says of the release. */
  readonly subject: BundledSubject;
  /** What it says of the release's source, if it names one. */
  readonly source?: BundledSubject;
  /** Trees that the checkpoint's is said to have grown from, by increasing size. */
  readonly earlier: readonly EarlierTree[];
  /** One proof for the statements, the index entry and the earlier trees. */
  readonly proof: readonly Uint8Array[];
  /** The manifest of a release that names one. */
  readonly manifest?: Uint8Array;
}

/** Largest bundle, in bytes. */
export const MAX_BUNDLE_SIZE: number = 4 << 20;
/** Most statements in a bundle. */
const MAX_STATEMENTS = 600;
/** Most earlier trees in a bundle. */
export const MAX_EARLIER_TREES = 64;
/** Largest manifest in a bundle, in bytes. */
export const MAX_BUNDLED_MANIFEST_SIZE: number = 1 << 20;

// Each claim adds a path at most: 63 hashes.
const MAX_PROOF = 63 * (MAX_STATEMENTS + MAX_EARLIER_TREES + 1);

const VERSION = 1;
const TYPE = 'release-bundle';

const place: Place = new Place((message, cause) => new Refusal('bundle-unreadable', message, { cause }), 'bundle');

type Versioned = Bundle & { readonly v: typeof VERSION; readonly type: typeof TYPE };

const subject = tuple<BundledSubject>({ record: nullable(subjectRecordCodec), proof: prefixProofCodec });

const codec: Codec<Versioned> = record<Versioned>({
  v: oneOf(VERSION),
  type: oneOf(TYPE),
  checkpoint: octetsUpTo(MAX_NOTE_SIZE),
  release: unsigned(),
  statements: list(tuple<BundledStatement>({ index: unsigned(), entry: octetsUpTo(MAX_ENTRY_SIZE) }), {
    min: 1,
    max: MAX_STATEMENTS,
  }),
  indexRoot: hash,
  stream: tuple<BundledStream>({ record: streamRecordCodec, proof: prefixProofCodec }),
  subject,
  source: optional(subject),
  earlier: list(tuple<EarlierTree>({ size: unsigned(1), root: hash }), { max: MAX_EARLIER_TREES }),
  proof: list(hash, { max: MAX_PROOF }),
  manifest: optional(octetsUpTo(MAX_BUNDLED_MANIFEST_SIZE)),
});

/** Writes a bundle. @throws Refusal `bundle-unreadable` for what {@link parseBundle} would refuse */
export function formatBundle(bundle: Bundle): Uint8Array {
  const bytes = encodeCbor(codec.write({ v: VERSION, type: TYPE, ...bundle }, place));
  // Limits on the whole show only there.
  parseBundle(bytes);
  return bytes;
}

/**
 * Reads what {@link formatBundle} writes. Nothing is verified.
 *
 * @throws Refusal `bundle-newer` for a later version; `bundle-unreadable` for anything else, a receipt or a proof for instance
 */
export function parseBundle(bytes: Uint8Array): Bundle {
  checkSize(bytes);
  const map = place.decodeMap(bytes);
  if (map.get('type') !== TYPE) throw place.refuse('is something else: its type is not that of a bundle');
  const version = versionOf(map, place);
  if (version !== VERSION) {
    throw new Refusal(
      'bundle-newer',
      `this program knows bundles of version ${VERSION}, found ${version}: use a newer one`,
    );
  }
  const { v: _, type: __, ...bundle } = codec.read(map, place);
  return bundle;
}

function checkSize(bytes: Uint8Array): void {
  if (bytes.length > MAX_BUNDLE_SIZE) throw place.refuse(`has at most ${MAX_BUNDLE_SIZE} bytes, found ${bytes.length}`);
}
