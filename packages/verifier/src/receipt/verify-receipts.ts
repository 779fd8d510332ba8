import {
  formatKeyId,
  inclusionRoot,
  KEY_TYPE_ED25519,
  leafHash,
  NO_QUORUM,
  type Policy,
  ProofError,
  quote,
  type VerifierKey,
  verifyEd25519,
} from '@vitrine/core';
import { parseStatement, SignerError, type Statement } from '@vitrine/signer';
import { Refusal } from '../refusal.ts';
import { type Receipt, type ReceiptProof, receiptToBeSigned } from './receipt.ts';
import { parseTransparentStatement } from './transparent-statement.ts';

/** A receipt whose signature holds. */
export interface VerifiedReceipt {
  /** The log. */
  readonly origin: string;
  readonly key: VerifierKey;
  /** Of the tree that the log signed. */
  readonly root: Uint8Array;
  /** As the receipt says: a bare root does not bind its size, so both are a claim where the path fits others too. */
  readonly size: number;
  readonly index: number;
}

/** A statement that a log has. Nothing else: nobody need have seen that log, and its signature is not verified. */
export interface LoggedStatement {
  readonly entry: Uint8Array;
  readonly statement: Statement;
  /** At least one. */
  readonly receipts: readonly VerifiedReceipt[];
}

/**
 * Verifies that a log of the policy gave a receipt for a statement. A receipt proves logging and nothing else: it has no
 * cosignatures, so a policy that wants some refuses it. Receipts by other logs are ignored; each by a key of the policy must hold.
 *
 * @throws Refusal `receipt-malformed`, `receipt-unwitnessed`, `statement-unreadable`, `statement-audience`, `receipt-other`,
 * `receipt-wrong`, `receipt-log`
 */
export function verifyReceipts(bytes: Uint8Array, policy: Policy): LoggedStatement {
  const { entry, receipts } = parseTransparentStatement(bytes);
  if (policy.quorum !== NO_QUORUM) {
    throw new Refusal('receipt-unwitnessed', 'the policy wants witnesses, and a receipt has none');
  }
  const statement = readStatement(entry);
  const hash = leafHash(entry);
  const verified: VerifiedReceipt[] = [];
  for (const receipt of receipts) {
    const keys = policy.logs
      .map(({ key }) => key)
      .filter(
        ({ keyName, keyId, type }) =>
          keyName === receipt.origin && keyId === receipt.keyId && type === KEY_TYPE_ED25519,
      );
    if (keys.length === 0) continue;
    checkSubject(receipt, statement);
    const root = rootOf(receipt.proof, hash);
    const toBeSigned = receiptToBeSigned(receipt, root);
    const key = keys.find(({ publicKey }) => verifyEd25519(publicKey, toBeSigned, receipt.signature));
    if (key === undefined) {
      throw new Refusal(
        'receipt-wrong',
        `the log ${quote(receipt.origin)} signed no tree that has the statement there`,
      );
    }
    const { size, index } = receipt.proof;
    verified.push({ origin: receipt.origin, key, root, size, index });
  }
  if (verified.length === 0) {
    const found = receipts.map(({ origin, keyId }) => `${quote(origin)} ${formatKeyId(keyId)}`).join(', ');
    throw new Refusal('receipt-log', `no receipt is by an Ed25519 key of a log of the policy, only by ${found}`);
  }
  return { entry, statement, receipts: verified };
}

function readStatement(entry: Uint8Array): Statement {
  try {
    return parseStatement(entry);
  } catch (error) {
    if (!(error instanceof SignerError)) throw error;
    throw new Refusal('statement-unreadable', error.message, { cause: error });
  }
}

/** @throws Refusal `statement-audience`, `receipt-other` */
function checkSubject({ origin, stream }: Receipt, statement: Statement): void {
  if (statement.audience !== origin) {
    throw new Refusal(
      'statement-audience',
      `the statement is meant for the log ${quote(statement.audience)}, and the receipt is by ${quote(origin)}`,
    );
  }
  if (statement.stream !== stream) {
    throw new Refusal(
      'receipt-other',
      `the receipt is about the stream ${quote(stream)}, and the statement is of ${quote(statement.stream)}`,
    );
  }
}

function rootOf({ size, index, path }: ReceiptProof, hash: Uint8Array): Uint8Array {
  try {
    return inclusionRoot({ size, index, leafHash: hash, proof: path });
  } catch (error) {
    if (!(error instanceof ProofError)) throw error;
    throw new Refusal('receipt-wrong', `the receipt leads to no tree: ${error.message}`, { cause: error });
  }
}
