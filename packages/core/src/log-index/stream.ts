import { sha256 } from '#sha256';
import { type CborValue, encodeCbor } from '../cbor/cbor.ts';
import { arrayOf, hashOf, textOf, unsignedOf } from './record.ts';

/** What makes a stream: the statements of one type and issuer with one subject line. */
export interface StreamName {
  /** The type of its statements, without a version. */
  readonly type: string;
  /** Who issues them: a key name, CWT `iss`. */
  readonly issuer: string;
  /** CWT `sub`. */
  readonly stream: string;
}

/** What the index says of a stream. */
export interface StreamRecord {
  /** Statements in it, at least one. */
  readonly count: number;
  /** The leaf hash of the newest. */
  readonly last: Uint8Array;
  /** The root of the RFC 9162 tree whose leaves are the statements' leaf hashes as they are, in the order of the log. */
  readonly root: Uint8Array;
}

/** What {@link streamKey} is the hash of: `["stream", type, issuer, stream]`. */
export function streamPreimage({ type, issuer, stream }: StreamName): Uint8Array {
  return encodeCbor(['stream', type, issuer, stream]);
}

/** The key of a stream in the index: 32 bytes. */
export function streamKey(stream: StreamName): Uint8Array {
  return sha256(streamPreimage(stream));
}

/** A stream's record as the index has it: `[count, last leaf hash, root]`. */
export function formatStreamRecord(record: StreamRecord): Uint8Array {
  return encodeCbor(streamRecordToCbor(record));
}

/** A record as a value in CBOR. */
export function streamRecordToCbor({ count, last, root }: StreamRecord): CborValue {
  return [count, last, root];
}

/** What {@link streamRecordToCbor} made a value of. @throws ProofError `proof-malformed` */
export function streamRecordFromCbor(value: CborValue | undefined): StreamRecord {
  const [count, last, root] = arrayOf(value, 3, "a stream's record");
  return {
    count: unsignedOf(count, 1, "the count of a stream's record"),
    last: hashOf(last, "the newest leaf hash of a stream's record"),
    root: hashOf(root, "the root of a stream's record"),
  };
}

/** A stream's name as a value in CBOR: `[type, issuer, stream]`. */
export function streamNameToCbor({ type, issuer, stream }: StreamName): CborValue {
  return [type, issuer, stream];
}

/** What {@link streamNameToCbor} made a value of. @throws ProofError `proof-malformed` */
export function streamNameFromCbor(value: CborValue | undefined): StreamName {
  const [type, issuer, stream] = arrayOf(value, 3, "a stream's name");
  return {
    type: textOf(type, 'the type of a stream'),
    issuer: textOf(issuer, 'the issuer of a stream'),
    stream: textOf(stream, 'the name of a stream'),
  };
}
