import { type CborValue, encodeCbor, MAX_ENTRY_SIZE, MAX_PROOF_LENGTH, type PrefixProof } from '@vitrine/core';
import {
  boolean,
  type Codec,
  hash,
  list,
  octets,
  octetsUpTo,
  oneOf,
  type Place,
  prefixProofCodec,
  record,
  unsigned,
  versionOf,
} from '@vitrine/core/schema';
import { SignerError } from '../error.ts';
import { placeOf } from '../place.ts';
import type { FileProof } from '../source-tree/file-proof.ts';
import { COMMITMENT_KEY_SIZE } from './document-commitment.ts';

/** One file is in the source tree of a `source` statement. */
export interface SourceFileProof {
  readonly type: 'file';
  /** The statement, with its signature. */
  readonly statement: Uint8Array;
  readonly file: FileProof;
}

/** One record is, or is not, in a release of a signature database. */
export interface RecordProof {
  readonly type: 'record';
  readonly statement: Uint8Array;
  /** Whether it is. */
  readonly present: boolean;
  /** In the prefix tree over SHA-256 of the records. */
  readonly proof: PrefixProof;
}

/** A document is the one that a `handling` statement commits to. */
export interface DocumentProof {
  readonly type: 'document';
  readonly statement: Uint8Array;
  /** The key of the commitment, 32 bytes. */
  readonly key: Uint8Array;
}

/**
 * A statement, and what shows that something belongs to it. That the statement is logged is for the tlog-proof to show, in
 * whose extra data this stands.
 */
export type StatementProof = SourceFileProof | RecordProof | DocumentProof;

/** Most bytes of a proof, which are those of the extra data of a tlog-proof. */
export const MAX_STATEMENT_PROOF_SIZE: number = 1 << 20;

const VERSION = 1;

const place: Place = placeOf('statement-proof-malformed', 'statement proof');

type Versioned<P extends StatementProof> = P & { readonly v: typeof VERSION };

const v = oneOf(VERSION);
const statement = octetsUpTo(MAX_ENTRY_SIZE);

const CODECS = {
  file: record<Versioned<SourceFileProof>>({
    v,
    type: oneOf('file'),
    statement,
    file: record<FileProof>({
      line: octetsUpTo(MAX_ENTRY_SIZE),
      index: unsigned(),
      files: unsigned(1),
      proof: list(hash, { max: MAX_PROOF_LENGTH }),
    }),
  }),
  record: record<Versioned<RecordProof>>({
    v,
    type: oneOf('record'),
    statement,
    present: boolean,
    proof: prefixProofCodec,
  }),
  document: record<Versioned<DocumentProof>>({
    v,
    type: oneOf('document'),
    statement,
    key: octets(COMMITMENT_KEY_SIZE),
  }),
} as const;

const codecOf = (type: unknown): Codec<Versioned<StatementProof>> | undefined =>
  typeof type === 'string' && Object.hasOwn(CODECS, type)
    ? (CODECS[type as StatementProof['type']] as Codec<Versioned<StatementProof>>)
    : undefined;

/**
 * Writes a proof, in deterministic CBOR.
 *
 * @throws SignerError `statement-proof-malformed` for what {@link parseStatementProof} would refuse
 */
export function formatStatementProof(proof: StatementProof): Uint8Array {
  const codec = codecOf(proof.type);
  if (codec === undefined) throw place.in('type').refuse('is not one of a statement proof');
  const bytes = encodeCbor(codec.write({ v: VERSION, ...proof }, place));
  checkSize(bytes);
  return bytes;
}

/**
 * Reads what {@link formatStatementProof} writes. Nothing is verified, and the statement is not looked at.
 *
 * @throws SignerError `statement-newer` for a later version; `statement-proof-malformed`
 */
export function parseStatementProof(bytes: Uint8Array): StatementProof {
  checkSize(bytes);
  const map = place.decodeMap(bytes);
  const version = versionOf(map, place);
  if (version !== VERSION) {
    throw new SignerError('statement-newer', `this program knows statement proofs of version 1, found ${version}`);
  }
  const codec = codecOf(map.get('type'));
  if (codec === undefined) throw place.in('type').refuse('is not one of a statement proof');
  const { v: _, ...proof } = codec.read(map, place);
  return proof;
}

/** Whether the extra data of a tlog-proof is a proof about a statement, of whatever version, rather than something else. */
export function isStatementProof(extra: Uint8Array): boolean {
  let cbor: CborValue;
  try {
    checkSize(extra);
    cbor = place.decode(extra);
  } catch (error) {
    if (error instanceof SignerError) return false;
    throw error;
  }
  return (
    cbor instanceof Map &&
    typeof cbor.get('v') === 'number' &&
    typeof cbor.get('type') === 'string' &&
    cbor.get('statement') instanceof Uint8Array
  );
}

function checkSize(bytes: Uint8Array): void {
  if (bytes.length > MAX_STATEMENT_PROOF_SIZE) {
    throw place.refuse(`has ${bytes.length} bytes, and ${MAX_STATEMENT_PROOF_SIZE} at most`);
  }
}
