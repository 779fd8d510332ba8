import { sha256 } from '#sha256';
import { compareBytes } from '../bytes/compare.ts';
import { encodeCbor } from '../cbor/cbor.ts';
import type { Codec } from '../schema/codec.ts';
import { list } from '../schema/list.ts';
import type { Place } from '../schema/place.ts';
import { anyText, hash, oneOf } from '../schema/scalars.ts';
import { tuple } from '../schema/tuple.ts';
import { placeOf } from './place.ts';

// As many as a value in CBOR can have here, each with its array and its three parts.
const MAX_ELEMENTS = 16_383;

/** Who says what kind of thing about a leaf. Of each, only the newest word counts. */
export interface SubjectWord {
  /** A key name, CWT `iss`. */
  readonly issuer: string;
  readonly type: 'review' | 'withdrawal';
}

/** Somebody's newest word about a leaf. */
export interface SubjectElement extends SubjectWord {
  /** The leaf hash of the statement. */
  readonly newest: Uint8Array;
}

/** What the index says of a subject: one element for each issuer and type, sorted by their encodings; at least one. */
export type SubjectRecord = readonly SubjectElement[];

/** What {@link subjectKey} is the hash of: `["subject", leaf hash]`. */
export function subjectPreimage(subject: Uint8Array): Uint8Array {
  return encodeCbor(['subject', subject]);
}

/** The key in the index of a leaf that reviews and withdrawals speak of: 32 bytes. */
export function subjectKey(subject: Uint8Array): Uint8Array {
  return sha256(subjectPreimage(subject));
}

const element: Codec<SubjectElement> = tuple<SubjectElement>({
  issuer: anyText,
  type: oneOf('review', 'withdrawal'),
  newest: hash,
});

/** A subject's record as an array of `[issuer, type, newest leaf hash]`. It is written in its order, whatever it comes in. */
export const subjectRecordCodec: Codec<SubjectRecord> = {
  read: (cbor, place) => {
    const record = list(element, { min: 1, max: MAX_ELEMENTS }).read(cbor, place);
    checkOrder(record, place);
    return record;
  },
  write: (record, place) => {
    const sorted = record
      .map((one) => ({ one, encoded: encodeCbor(element.write(one, place)) }))
      .sort((a, b) => compareBytes(a.encoded, b.encoded))
      .map(({ one }) => one);
    checkOrder(sorted, place);
    return list(element, { min: 1, max: MAX_ELEMENTS }).write(sorted, place);
  },
};

function checkOrder(record: SubjectRecord, place: Place): void {
  const words = new Set<string>();
  let before: Uint8Array | undefined;
  for (const [i, one] of record.entries()) {
    const encoded = encodeCbor(element.write(one, place));
    if (before !== undefined && compareBytes(before, encoded) >= 0) throw place.in(`${i}`).refuse('is out of order');
    before = encoded;
    const word = `${one.type} ${one.issuer}`;
    if (words.has(word)) throw place.in(`${i}`).refuse('has the issuer and type of another');
    words.add(word);
  }
}

/** A subject's record as the index has it. @throws ProofError `proof-malformed` for what is none */
export function formatSubjectRecord(record: SubjectRecord): Uint8Array {
  return encodeCbor(subjectRecordCodec.write(record, placeOf("a subject's record")));
}

/** Reads what {@link formatSubjectRecord} writes. @throws ProofError `proof-malformed` */
export function parseSubjectRecord(bytes: Uint8Array): SubjectRecord {
  const place = placeOf("a subject's record");
  return subjectRecordCodec.read(place.decode(bytes), place);
}
