import { MAX_ENTRY_SIZE, quote } from '@vitrine/core';
import type { Place } from '@vitrine/core/schema';
import { parseSign1, sigStructure } from '../cose/sign1.ts';
import { SignerError } from '../error.ts';
import { placeOf } from '../place.ts';
import { parseHeader } from './header.ts';
import { readPayload, streamOf } from './payload-types.ts';
import type { Statement } from './statement.ts';

const envelope: Place = placeOf('statement-malformed', 'COSE_Sign1 structure');
const place: Place = placeOf('statement-malformed', 'payload');

/** A statement with its signature, which is not verified. */
export interface SignedStatement {
  readonly statement: Statement;
  /** What the signature covers. */
  readonly toBeSigned: Uint8Array;
  readonly signature: Uint8Array;
}

/**
 * Reads a statement: exactly what `signStatement` makes, so that no two byte strings of one signature mean the same. Whether
 * the signature holds is not looked at: `openStatement` verifies it.
 *
 * @throws SignerError `statement-newer` for a type or a version that this program does not know; `statement-malformed`,
 * naming the field, for everything else
 */
export function parseStatement(bytes: Uint8Array): Statement {
  return parseSignedStatement(bytes).statement;
}

/** As {@link parseStatement}, with what the signature is verified against. */
export function parseSignedStatement(bytes: Uint8Array): SignedStatement {
  if (bytes.length > MAX_ENTRY_SIZE) {
    throw new SignerError(
      'statement-malformed',
      `a statement has at most ${MAX_ENTRY_SIZE} bytes, found ${bytes.length}`,
    );
  }
  const { protectedHeader, unprotectedHeader, payload: encoded, signature } = parseSign1(bytes, envelope);
  if (unprotectedHeader.size > 0) throw envelope.refuse('has an unprotected header that is not empty');
  if (encoded === null) throw envelope.refuse('has a payload that is not a byte string');
  const { type, claims, stream } = parseHeader(protectedHeader);
  const payload = readPayload(type, place.decode(encoded), place);
  const expected = streamOf(payload, claims.audience);
  if (stream !== expected) {
    throw new SignerError(
      'statement-malformed',
      `header.claims.stream is not that of the payload, ${quote(expected)}, found ${quote(stream)}`,
    );
  }
  return {
    statement: { ...claims, stream, payload },
    toBeSigned: sigStructure({ protectedHeader, payload: encoded }),
    signature,
  };
}
