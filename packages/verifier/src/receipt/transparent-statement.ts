import { MAX_ENTRY_SIZE } from '@vitrine/core';
import { keyed, list, octetsUpTo, Place, record } from '@vitrine/core/schema';
import { formatSign1, parseSign1 } from '@vitrine/signer';
import { Refusal } from '../refusal.ts';
import { formatReceipt, MAX_RECEIPT_SIZE, parseReceipt, type Receipt } from './receipt.ts';

/** A statement with receipts in its unprotected header. Unverified. RFC 9943 calls it a transparent statement. */
export interface TransparentStatement {
  /** The statement as it is logged: the same structure with nothing in its unprotected header. */
  readonly entry: Uint8Array;
  /** At least one. */
  readonly receipts: readonly Receipt[];
}

/** Most receipts of one statement. */
const MAX_RECEIPTS = 16;

/** Largest statement with receipts, in bytes. */
export const MAX_TRANSPARENT_STATEMENT_SIZE: number = MAX_ENTRY_SIZE + MAX_RECEIPTS * (MAX_RECEIPT_SIZE + 3) + 16;

const place: Place = new Place(
  (message, cause) => new Refusal('receipt-malformed', message, { cause }),
  'statement with receipts',
);

// RFC 9942, section 2.
const RECEIPTS = 394;

const unprotectedHeader = record<{ readonly receipts: readonly Uint8Array[] }>({
  receipts: keyed(RECEIPTS, list(octetsUpTo(MAX_RECEIPT_SIZE), { min: 1, max: MAX_RECEIPTS })),
});

/** Writes a statement with receipts. @throws Refusal `receipt-malformed` */
export function formatTransparentStatement({ entry, receipts }: TransparentStatement): Uint8Array {
  const sign1 = parseSign1(entry, place);
  const unprotected = unprotectedHeader.write({ receipts: receipts.map(formatReceipt) }, place);
  const bytes = formatSign1({ ...sign1, unprotectedHeader: unprotected as Map<number, never> });
  parseTransparentStatement(bytes);
  return bytes;
}

/**
 * Reads what {@link formatTransparentStatement} writes. Nothing is verified, and what the statement says is not looked at.
 *
 * @throws Refusal `receipt-malformed`
 */
export function parseTransparentStatement(bytes: Uint8Array): TransparentStatement {
  if (bytes.length > MAX_TRANSPARENT_STATEMENT_SIZE) {
    throw place.refuse(`has at most ${MAX_TRANSPARENT_STATEMENT_SIZE} bytes, found ${bytes.length}`);
  }
  const sign1 = parseSign1(bytes, place);
  const { receipts } = unprotectedHeader.read(sign1.unprotectedHeader, place);
  return {
    entry: formatSign1({ ...sign1, unprotectedHeader: new Map() }),
    receipts: receipts.map(parseReceipt),
  };
}

/** Whether bytes are a statement with receipts, well-formed or not: a COSE_Sign1 structure that has some. */
export function hasReceipts(bytes: Uint8Array): boolean {
  try {
    return parseSign1(bytes, place).unprotectedHeader.has(RECEIPTS);
  } catch (error) {
    if (error instanceof Refusal) return false;
    throw error;
  }
}
