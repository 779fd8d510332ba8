import { encodeCbor, MAX_ENTRY_SIZE, type Signer, verifyEd25519 } from '@vitrine/core';
import type { Place } from '@vitrine/core/schema';
import { formatSign1, SIGNATURE_SIZE, sigStructure } from '../cose/sign1.ts';
import { SignerError } from '../error.ts';
import { placeOf } from '../place.ts';
import { formatHeader } from './header.ts';
import type { Payload } from './payload.ts';
import { streamOf, writePayload } from './payload-types.ts';

/** Who signs a statement, for which log, and when. */
export interface SignStatementOptions {
  /** Makes Ed25519 signatures, type 0x01. */
  readonly signer: Signer;
  /** The signer's public key, if the signature is to be verified before it is used. */
  readonly publicKey?: Uint8Array;
  /** The origin of the log that the statement is meant for. */
  readonly audience: string;
  /** Seconds since the Epoch. */
  readonly issuedAt: number;
}

const place: Place = placeOf('statement-malformed', 'payload');

/**
 * Checks that a payload keeps the rules of its type.
 *
 * @throws SignerError `statement-malformed`, naming the field
 */
export function checkPayload(payload: Payload): void {
  writePayload(payload, place);
}

/**
 * Makes a statement: a COSE_Sign1 structure in deterministic CBOR, which can be an entry of a log as it is. A signer whose
 * signatures are the same for the same message makes the same statement of the same payload and options.
 *
 * @throws SignerError `statement-malformed` for what `parseStatement` would refuse, before the signer is asked;
 * `signer-failed` for a signature that is not 64 bytes, or not by `publicKey`. What the signer throws passes.
 */
export async function signStatement(
  payload: Payload,
  { signer, publicKey, audience, issuedAt }: SignStatementOptions,
): Promise<Uint8Array> {
  const encoded = encodeCbor(writePayload(payload, place));
  const { keyName: issuer, keyId } = signer;
  const protectedHeader = formatHeader({
    type: payload.type,
    claims: { issuer, keyId, audience, issuedAt },
    stream: streamOf(payload, audience),
  });
  const format = (signature: Uint8Array): Uint8Array =>
    formatSign1({ protectedHeader, unprotectedHeader: new Map(), payload: encoded, signature });
  const { length } = format(new Uint8Array(SIGNATURE_SIZE));
  if (length > MAX_ENTRY_SIZE) {
    throw new SignerError('statement-malformed', `the statement has ${length} bytes, and ${MAX_ENTRY_SIZE} at most`);
  }
  const toBeSigned = sigStructure({ protectedHeader, payload: encoded });
  const signature = await signer.sign(toBeSigned);
  if (!(signature instanceof Uint8Array) || signature.length !== SIGNATURE_SIZE) {
    throw new SignerError(
      'signer-failed',
      `the signer gave something else than a signature of ${SIGNATURE_SIZE} bytes`,
    );
  }
  if (publicKey !== undefined && !verifyEd25519(publicKey, toBeSigned, signature)) {
    throw new SignerError('signer-failed', 'the signer gave a signature that is not by its key');
  }
  return format(signature);
}
