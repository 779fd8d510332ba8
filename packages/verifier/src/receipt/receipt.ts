import { encodeCbor, HASH_SIZE, MAX_PROOF_LENGTH } from '@vitrine/core';
import {
  anyText,
  hash,
  keyed,
  keyId,
  list,
  octetsUpTo,
  oneOf,
  Place,
  record,
  tuple,
  unsigned,
} from '@vitrine/core/schema';
import { formatSign1, parseSign1, sigStructure } from '@vitrine/signer';
import { Refusal } from '../refusal.ts';

/** What the protected header of a receipt says. */
export interface ReceiptHeader {
  /** CWT `iss`: the log. */
  readonly origin: string;
  /** CWT `sub`: the stream of the statement. */
  readonly stream: string;
  /** Of the log's key. */
  readonly keyId: number;
}

/** Where an entry stands in a tree. The signature of a receipt covers none of it but by the root that it leads to. */
export interface ReceiptProof {
  /** Leaves of the tree. */
  readonly size: number;
  readonly index: number;
  /** The inclusion proof, from the leaf's sibling up. */
  readonly path: readonly Uint8Array[];
}

/** A log's word that an entry is in a tree of its: a COSE receipt of inclusion. Unverified. RFC 9942, section 5.2. */
export interface Receipt extends ReceiptHeader {
  readonly proof: ReceiptProof;
  /** Ed25519, over the root, which the receipt does not carry. */
  readonly signature: Uint8Array;
}

// Ed25519. RFC 9864, section 2.2.
const ALGORITHM = -19;
// RFC9162_SHA256. RFC 9942, section 5.
const STRUCTURE = 1;

/** Largest inclusion proof, in bytes: its hashes with two bytes of CBOR each, and the numbers. */
const MAX_ENCODED_PROOF: number = MAX_PROOF_LENGTH * (HASH_SIZE + 2) + 32;
/** Largest receipt, in bytes: names are at most a few hundred. */
export const MAX_RECEIPT_SIZE = 4096;

const place: Place = new Place((message, cause) => new Refusal('receipt-malformed', message, { cause }), 'receipt');

interface Fields {
  readonly algorithm: typeof ALGORITHM;
  readonly keyId: number;
  readonly claims: { readonly origin: string; readonly stream: string };
  readonly structure: typeof STRUCTURE;
}

// Labels: RFC 9052, section 3.1, RFC 9597, section 2, and RFC 9942, section 2. Claim keys: RFC 8392, section 4. RFC 9943, section
// 6, asks for the two claims.
const protectedHeader = record<Fields>({
  algorithm: keyed(1, oneOf(ALGORITHM)),
  keyId: keyed(4, keyId),
  claims: keyed(15, record<Fields['claims']>({ origin: keyed(1, anyText), stream: keyed(2, anyText) })),
  structure: keyed(395, oneOf(STRUCTURE)),
});

interface Unprotected {
  readonly proofs: { readonly inclusion: readonly Uint8Array[] };
}

// One proof: the receipt is of one entry.
const unprotectedHeader = record<Unprotected>({
  proofs: keyed(
    396,
    record<Unprotected['proofs']>({ inclusion: keyed(-1, list(octetsUpTo(MAX_ENCODED_PROOF), { min: 1, max: 1 })) }),
  ),
});

// The format has no empty path: the only entry of a log gets no receipt.
const inclusion = tuple<ReceiptProof>({
  size: unsigned(1),
  index: unsigned(),
  path: list(hash, { min: 1, max: MAX_PROOF_LENGTH }),
});

/** What the signature of a receipt covers. @throws Refusal `receipt-malformed` */
export function receiptToBeSigned(header: ReceiptHeader, root: Uint8Array): Uint8Array {
  return sigStructure({ protectedHeader: formatHeader(header), payload: root });
}

function formatHeader({ origin, stream, keyId }: ReceiptHeader): Uint8Array {
  const fields = { algorithm: ALGORITHM, keyId, claims: { origin, stream }, structure: STRUCTURE } as const;
  return encodeCbor(protectedHeader.write(fields, place.in('protected header')));
}

/** Writes a receipt: a COSE_Sign1 structure with a detached payload. @throws Refusal `receipt-malformed` */
export function formatReceipt({ proof, signature, ...header }: Receipt): Uint8Array {
  const encoded = encodeCbor(inclusion.write(proof, place.in('proof')));
  const unprotected = unprotectedHeader.write({ proofs: { inclusion: [encoded] } }, place.in('unprotected header'));
  const bytes = formatSign1({
    protectedHeader: formatHeader(header),
    unprotectedHeader: unprotected as Map<number, never>,
    payload: null,
    signature,
  });
  parseReceipt(bytes);
  return bytes;
}

/** Reads what {@link formatReceipt} writes. Nothing is verified. @throws Refusal `receipt-malformed` */
export function parseReceipt(bytes: Uint8Array): Receipt {
  if (bytes.length > MAX_RECEIPT_SIZE) {
    throw place.refuse(`has at most ${MAX_RECEIPT_SIZE} bytes, found ${bytes.length}`);
  }
  const sign1 = parseSign1(bytes, place);
  if (sign1.payload !== null) throw place.refuse('has a payload that is not detached');
  const header = place.in('protected header');
  const { keyId, claims } = protectedHeader.read(header.decode(sign1.protectedHeader), header);
  const { proofs } = unprotectedHeader.read(sign1.unprotectedHeader, place.in('unprotected header'));
  const at = place.in('proof');
  return {
    ...claims,
    keyId,
    proof: inclusion.read(at.decode(proofs.inclusion[0]!), at),
    signature: sign1.signature,
  };
}
