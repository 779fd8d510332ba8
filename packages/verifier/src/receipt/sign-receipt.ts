import { type Inclusion, leafHash, type Signer, verifyInclusion } from '@vitrine/core';
import { parseStatement } from '@vitrine/signer';
import { Refusal } from '../refusal.ts';
import { type Receipt, receiptToBeSigned } from './receipt.ts';

/** What a log gives a receipt for. */
export interface ReceiptRequest {
  /** A statement, as it is logged. */
  readonly entry: Uint8Array;
  /** Its place in a tree that the log has signed a checkpoint of: `proveInclusion` of a log gives one. */
  readonly inclusion: Omit<Inclusion, 'leafHash'>;
  /** The log's own key, of type 0x01. */
  readonly signer: Signer;
}

/**
 * Signs a receipt for a statement: with the log's own key, and only over the root of a tree that it has signed a checkpoint of.
 *
 * @throws ProofError if the statement is not there; SignerError `statement-malformed`, `statement-newer`; Refusal
 * `statement-audience` for a statement that is meant for another log,
 * `receipt-malformed` for a statement that is the only leaf, or a stream that is too long. What the signer throws passes.
 */
export async function signReceipt({ entry, inclusion, signer }: ReceiptRequest): Promise<Receipt> {
  verifyInclusion({ ...inclusion, leafHash: leafHash(entry) });
  const { stream, audience } = parseStatement(entry);
  if (audience !== signer.keyName) {
    throw new Refusal(
      'statement-audience',
      `the statement is meant for the log ${audience}, and not for ${signer.keyName}`,
    );
  }
  const header = { origin: signer.keyName, stream, keyId: signer.keyId };
  const signature = await signer.sign(receiptToBeSigned(header, inclusion.root));
  const { size, index, proof: path } = inclusion;
  return { ...header, proof: { size, index, path }, signature };
}
