import { ed25519Signer, type PrivateKey } from '@vitrine/core';
import type { Receipt } from '../src/receipt/receipt.ts';
import { signReceipt } from '../src/receipt/sign-receipt.ts';
import { formatTransparentStatement } from '../src/receipt/transparent-statement.ts';
import { LOG_KEY, type World } from './world.ts';

/** A receipt for the statement at a leaf, from the newest checkpoint. */
export async function receiptFor({ log }: World, leaf: number, key: PrivateKey = LOG_KEY): Promise<Receipt> {
  const { size, root } = log.checkpoint();
  const inclusion = { ...(await log.proveInclusion(leaf, size)), root };
  return signReceipt({ entry: await log.entry(leaf), inclusion, signer: ed25519Signer(key) });
}

/** The statement at a leaf with receipts, one unless others are given. */
export async function transparent(world: World, leaf: number, receipts?: readonly Receipt[]): Promise<Uint8Array> {
  return formatTransparentStatement({
    entry: await world.log.entry(leaf),
    receipts: receipts ?? [await receiptFor(world, leaf)],
  });
}
