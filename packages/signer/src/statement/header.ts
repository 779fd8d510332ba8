import { encodeCbor, quote } from '@vitrine/core';
import { type Codec, keyed, keyId, oneOf, type Place, record, textWhere, unsigned } from '@vitrine/core/schema';
import { SignerError } from '../error.ts';
import { placeOf } from '../place.ts';
import { keyName, origin } from './key-text.ts';
import type { StatementType } from './payload.ts';
import { isStatementType } from './payload-types.ts';
import type { Claims } from './statement.ts';

/** What the protected header says. */
export interface Header {
  readonly type: StatementType;
  readonly claims: Claims;
  /** CWT `sub`. */
  readonly stream: string;
}

// Ed25519. RFC 9864, section 2.2.
const ALGORITHM = -19;

// The version of all types that this program knows.
const VERSION = '1';

const place: Place = placeOf('statement-malformed', 'header');

/** The protected header of a statement, field by field. */
interface Fields {
  readonly algorithm: typeof ALGORITHM;
  readonly contentType: string;
  readonly keyId: number;
  readonly claims: {
    readonly issuer: string;
    readonly stream: string;
    readonly audience: string;
    readonly issuedAt: number;
  };
}

// Labels: RFC 9052, section 3.1, and RFC 9597, section 2.
const CONTENT_TYPE = 3;

// Claim keys: RFC 8392, section 4.
const fields: Codec<Fields> = record<Fields>({
  algorithm: keyed(1, oneOf(ALGORITHM)),
  contentType: keyed(
    CONTENT_TYPE,
    textWhere(() => true, 'text'),
  ),
  keyId: keyed(4, keyId),
  claims: keyed(
    15,
    record<Fields['claims']>({
      issuer: keyed(1, keyName),
      stream: keyed(
        2,
        textWhere(() => true, 'text'),
      ),
      audience: keyed(3, origin),
      issuedAt: keyed(6, unsigned()),
    }),
  ),
});

/** Writes a protected header. @throws SignerError `statement-malformed` */
export function formatHeader({ type, claims: { keyId, issuer, audience, issuedAt }, stream }: Header): Uint8Array {
  const header = {
    algorithm: ALGORITHM,
    contentType: `application/vnd.vitrine.${type}.v${VERSION}+cbor`,
    keyId,
    claims: { issuer, stream, audience, issuedAt },
  } as const;
  return encodeCbor(fields.write(header, place));
}

/**
 * Reads what {@link formatHeader} writes.
 *
 * @throws SignerError `statement-newer` for a content type that a later version may know; `statement-malformed`
 */
export function parseHeader(bytes: Uint8Array): Header {
  const cbor = place.decode(bytes);
  // Before the rest, which may be other in a later version.
  const type = parseContentType(cbor instanceof Map ? cbor.get(CONTENT_TYPE) : undefined);
  const { keyId, claims } = fields.read(cbor, place);
  const { stream, ...others } = claims;
  return { type, claims: { keyId, ...others }, stream };
}

function parseContentType(contentType: unknown): StatementType {
  const where = place.in('contentType');
  if (typeof contentType !== 'string') throw where.refuse('is missing, or not text');
  const match = /^application\/vnd\.vitrine\.([a-z][a-z0-9-]*)\.v([1-9][0-9]*)\+cbor$/.exec(contentType);
  if (match === null) throw where.refuse(`is not that of a statement: ${quote(contentType)}`);
  const [, type, version] = match as unknown as [string, string, string];
  if (!isStatementType(type) || version !== VERSION) {
    throw new SignerError('statement-newer', `this program does not know statements of the type ${quote(contentType)}`);
  }
  return type;
}
