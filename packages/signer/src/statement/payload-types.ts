import { bytesToHex } from '@noble/hashes/utils.js';
import { type CborValue, formatKeyId, parseVkey } from '@vitrine/core';
import {
  type Codec,
  hash,
  identifier,
  keyId,
  oneOf,
  onlyTrue,
  optional,
  type Place,
  record,
  refined,
  sortedList,
  text,
  textWhere,
  unsigned,
} from '@vitrine/core/schema';
import { ed25519Vkey, keyName } from './key-text.ts';
import type {
  AdmissionPayload,
  BuildPayload,
  DatabasePayload,
  HandlingPayload,
  Payload,
  RecordFormat,
  RecordSetSummary,
  ReleasedFiles,
  ReviewPayload,
  SourcePayload,
  SourceTreeSummary,
  StatementType,
  WithdrawalPayload,
} from './payload.ts';
import { artifact, attachments, checkReleasedFiles, type LooseFiles, releasedFiles } from './released-files.ts';

/** A type of statement: how its payload is encoded, and which stream it belongs to. */
interface PayloadType {
  /** @throws SignerError `statement-malformed` */
  read(cbor: CborValue, place: Place): Payload;
  /** @throws SignerError `statement-malformed` */
  write(payload: Payload, place: Place): CborValue;
  /** CWT `sub`. */
  streamOf(payload: Payload, audience: string): string;
}

/** The fields of a payload in CBOR. */
type Content<P extends Payload> = Omit<P, 'type' | keyof LooseFiles> &
  ([P] extends [ReleasedFiles] ? LooseFiles : unknown);

const MAX_ADMISSION_KEYS = 256;
const MAX_VERSION_SIZE = 256;
const MAX_TOOLCHAIN_SIZE = 1024;
const MAX_METHOD_SIZE = 1024;
const MAX_NORMALIZER_NAME_SIZE = 255;
const MAX_REASON_SIZE = 4096;
const MAX_SITE_SIZE = 256;

const version = text(MAX_VERSION_SIZE);
const toolchain = text(MAX_TOOLCHAIN_SIZE);

function payloadType<P extends Payload>(
  type: P['type'],
  content: Codec<Content<P>>,
  streamOf: (payload: P, audience: string) => string,
): PayloadType {
  return {
    // The rules of the content hold what its type alone does not say.
    read: (cbor, place) => ({ type, ...content.read(cbor, place) }) as unknown as P,
    write: ({ type: _, ...fields }, place) => content.write(fields as unknown as Content<P>, place),
    streamOf: (payload, audience) => streamOf(payload as P, audience),
  };
}

const source = payloadType<SourcePayload>(
  'source',
  record<Content<SourcePayload>>({
    product: identifier,
    version,
    revision: text(MAX_VERSION_SIZE),
    tree: record<SourceTreeSummary>({ root: hash, files: unsigned(1), size: unsigned(), salted: optional(onlyTrue) }),
    toolchain: optional(toolchain),
  }),
  ({ product }) => product,
);

const build = payloadType<BuildPayload>(
  'build',
  refined(
    record<Content<BuildPayload>>({
      product: identifier,
      version,
      channel: identifier,
      platform: optional(identifier),
      ...releasedFiles,
      source: optional(hash),
      toolchain: optional(toolchain),
      attachments: optional(attachments),
    }),
    checkReleasedFiles,
  ),
  ({ product, channel, platform }) =>
    platform === undefined ? `${product}/${channel}` : `${product}/${channel}/${platform}`,
);

const recordFormat: Codec<RecordFormat> = record<RecordFormat>({
  reader: oneOf('lines', 'cvd'),
  // White space before it is not counted, so it cannot begin with any.
  comment: optional(textWhere((comment) => /^[!-~][ -~]{0,7}$/.test(comment), '1 to 8 printable ASCII characters')),
  skipBlank: optional(onlyTrue),
});

const database = payloadType<DatabasePayload>(
  'database',
  refined(
    record<Content<DatabasePayload>>({
      name: identifier,
      sequence: unsigned(),
      ...releasedFiles,
      records: optional(record<RecordSetSummary>({ root: hash, count: unsigned(), format: recordFormat })),
      delta: optional(record<NonNullable<DatabasePayload['delta']>>({ from: unsigned(), artifact })),
      previous: optional(hash),
      expires: optional(unsigned()),
    }),
    (payload, place) => {
      checkReleasedFiles(payload, place);
      if (payload.delta !== undefined && payload.delta.from >= payload.sequence) {
        throw place.in('delta').in('from').refuse('is not below the sequence');
      }
    },
  ),
  ({ name }) => name,
);

const review = payloadType<ReviewPayload>(
  'review',
  refined(
    record<Content<ReviewPayload>>({
      subject: hash,
      verdict: oneOf('reviewed', 'reproduced', 'equivalent', 'rejected'),
      method: optional(text(MAX_METHOD_SIZE)),
      evidence: optional(hash),
      normalizer: optional(
        record<NonNullable<ReviewPayload['normalizer']>>({ name: text(MAX_NORMALIZER_NAME_SIZE), sha256: hash }),
      ),
    }),
    ({ verdict, normalizer }, place) => {
      if ((verdict === 'equivalent') !== (normalizer !== undefined)) {
        throw place.in('normalizer').refuse('is there if the verdict is "equivalent", and only then');
      }
    },
  ),
  ({ subject }) => bytesToHex(subject),
);

const withdrawal = payloadType<WithdrawalPayload>(
  'withdrawal',
  record<Content<WithdrawalPayload>>({ subject: hash, reason: text(MAX_REASON_SIZE), replacement: optional(hash) }),
  ({ subject }) => bytesToHex(subject),
);

type Added = NonNullable<AdmissionPayload['add']>[number];
type Removed = NonNullable<AdmissionPayload['remove']>[number];

const admission = payloadType<AdmissionPayload>(
  'admission',
  refined(
    record<Content<AdmissionPayload>>({
      add: optional(
        sortedList(record<Added>({ role: oneOf('vendor', 'reviewer'), vkey: ed25519Vkey }), {
          max: MAX_ADMISSION_KEYS,
          by: 'vkey',
          keyOf: ({ vkey }) => vkey,
        }),
      ),
      remove: optional(
        sortedList(record<Removed>({ keyName, keyId }), {
          max: MAX_ADMISSION_KEYS,
          by: 'key name and ID',
          // A newline sorts before everything that a key name can have.
          keyOf: (removed) => `${removed.keyName}\n${formatKeyId(removed.keyId)}`,
        }),
      ),
    }),
    ({ add = [], remove = [] }, place) => {
      if (add.length + remove.length === 0) throw place.refuse('has neither keys to add nor keys to remove');
      // Otherwise it would matter which of both comes first.
      const added = add.map(({ vkey }) => parseVkey(vkey));
      for (const [i, key] of remove.entries()) {
        if (added.some((a) => a.keyName === key.keyName && a.keyId === key.keyId)) {
          throw place.in('remove').in(`${i}`).refuse('names a key that is added');
        }
      }
    },
  ),
  (_, audience) => audience,
);

const handling = payloadType<HandlingPayload>(
  'handling',
  record<Content<HandlingPayload>>({
    category: identifier,
    site: text(MAX_SITE_SIZE),
    period: refined(record<HandlingPayload['period']>({ from: unsigned(), to: unsigned() }), ({ from, to }, place) => {
      if (from >= to) throw place.in('from').refuse('is not below "to"');
    }),
    commitment: hash,
  }),
  ({ category }) => category,
);

const PAYLOAD_TYPES: Readonly<Record<StatementType, PayloadType>> = {
  source,
  build,
  database,
  review,
  withdrawal,
  admission,
  handling,
};

/** All types that this program knows. */
export const STATEMENT_TYPES: readonly StatementType[] = Object.keys(PAYLOAD_TYPES) as StatementType[];

/** Whether this is one of the types that this program knows. */
export function isStatementType(name: string): name is StatementType {
  return Object.hasOwn(PAYLOAD_TYPES, name);
}

/** Reads what {@link writePayload} writes. @throws SignerError `statement-malformed` */
export function readPayload(type: StatementType, cbor: CborValue, place: Place): Payload {
  return PAYLOAD_TYPES[type].read(cbor, place);
}

/** @throws SignerError `statement-malformed` for a payload that breaks a rule of its type, or has none */
export function writePayload(payload: Payload, place: Place): CborValue {
  if (!isStatementType(payload.type)) throw place.in('type').refuse('is not a type of statement');
  return PAYLOAD_TYPES[payload.type].write(payload, place);
}

/**
 * The stream that a statement belongs to, its CWT `sub`.
 *
 * @param payload a valid one
 * @param audience the origin of the log that the statement is meant for
 */
export function streamOf(payload: Payload, audience: string): string {
  return PAYLOAD_TYPES[payload.type].streamOf(payload, audience);
}
