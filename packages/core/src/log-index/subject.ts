import { sha256 } from '#sha256';
import { compareBytes } from '../bytes/compare.ts';
import { type CborValue, encodeCbor } from '../cbor/cbor.ts';
import { arrayOf, hashOf, malformed, textOf } from './record.ts';

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

/** A subject's record as the index has it: an array of `[issuer, type, newest leaf hash]`. */
export function formatSubjectRecord(record: SubjectRecord): Uint8Array {
  return encodeCbor(subjectRecordToCbor(record));
}

/** A record as a value in CBOR, its elements in the order that they have in the index. */
export function subjectRecordToCbor(record: SubjectRecord): CborValue {
  return record
    .map(({ issuer, type, newest }) => [issuer, type, newest])
    .map((element) => ({ element, encoded: encodeCbor(element) }))
    .sort((a, b) => compareBytes(a.encoded, b.encoded))
    .map(({ element }) => element);
}

/**
 * What {@link subjectRecordToCbor} made a value of.
 *
 * @throws ProofError `proof-malformed` also for elements out of order, and for an issuer and type that are there twice
 */
export function subjectRecordFromCbor(value: CborValue | undefined): SubjectRecord {
  const elements = arrayOf(value, undefined, "a subject's record");
  if (elements.length === 0) throw malformed("a subject's record has at least one element");
  const words = new Set<string>();
  let before: Uint8Array | undefined;
  return elements.map((element) => {
    const parts = arrayOf(element, 3, "an element of a subject's record");
    const issuer = textOf(parts[0], "an issuer in a subject's record");
    const type = parts[1];
    const newest = hashOf(parts[2], "a leaf hash in a subject's record");
    if (type !== 'review' && type !== 'withdrawal') {
      throw malformed('an element of a subject\'s record has the type "review" or "withdrawal"');
    }
    const encoded = encodeCbor([issuer, type, newest]);
    if (before !== undefined && compareBytes(before, encoded) >= 0) {
      throw malformed("the elements of a subject's record are not in order");
    }
    before = encoded;
    const word = `${type} ${issuer}`;
    if (words.has(word)) throw malformed("an issuer and type stand twice in a subject's record");
    words.add(word);
    return { issuer, type, newest };
  });
}
