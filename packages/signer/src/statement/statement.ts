import type { VerifierKey } from '@vitrine/core';
import type { Payload } from './payload.ts';

/** Who says something, to which log, and when: what stands in the protected header besides the type. */
export interface Claims {
  /** CWT `iss`: the signer's key name. */
  readonly issuer: string;
  /** COSE `kid`: the C2SP key ID of the signer, an unsigned 32-bit integer. */
  readonly keyId: number;
  /** CWT `aud`: the origin of the log that the statement is meant for. */
  readonly audience: string;
  /** CWT `iat`: seconds since the Epoch, the signer's word. Shown to people, never decided on. */
  readonly issuedAt: number;
}

/** A statement, with no word about whether its signature holds. */
export interface Statement<P extends Payload = Payload> extends Claims {
  /** CWT `sub`: the stream, which the payload gives; of an admission the log's origin. */
  readonly stream: string;
  readonly payload: P;
}

/** A statement whose signature was verified, by this key. */
export interface OpenedStatement<P extends Payload = Payload> extends Statement<P> {
  /** The key that verified it. */
  readonly key: VerifierKey;
}
