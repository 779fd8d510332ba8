import { sha256 } from '#sha256';
import { encodeCbor } from '../cbor/cbor.ts';
import type { Codec } from '../schema/codec.ts';
import type { Place } from '../schema/place.ts';
import { anyText, hash, unsigned } from '../schema/scalars.ts';
import { tuple } from '../schema/tuple.ts';
import { placeOf } from './place.ts';

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

/** What {@link streamKey} is the hash of: `["stream", type, issuer, stream]`. @throws ProofError `proof-malformed` for no name */
export function streamPreimage(name: StreamName): Uint8Array {
  const { type, issuer, stream } = name;
  streamNameCodec.write(name, NAME);
  return encodeCbor(['stream', type, issuer, stream]);
}

const NAME: Place = placeOf("a stream's name");

/** The key of a stream in the index: 32 bytes. */
export function streamKey(stream: StreamName): Uint8Array {
  return sha256(streamPreimage(stream));
}

/** A stream's name as `[type, issuer, stream]`. */
export const streamNameCodec: Codec<StreamName> = tuple<StreamName>({
  type: anyText,
  issuer: anyText,
  stream: anyText,
});

/** A stream's record as `[count, last leaf hash, root]`. */
export const streamRecordCodec: Codec<StreamRecord> = tuple<StreamRecord>({
  count: unsigned(1),
  last: hash,
  root: hash,
});

/** A stream's record as the index has it. @throws ProofError `proof-malformed` for what is none */
export function formatStreamRecord(record: StreamRecord): Uint8Array {
  return encodeCbor(streamRecordCodec.write(record, placeOf("a stream's record")));
}
