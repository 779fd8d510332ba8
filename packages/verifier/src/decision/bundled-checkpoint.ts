import {
  CoreError,
  indexLeaf,
  ProofError,
  type SchemeOptions,
  type VerifiedCheckpoint,
  verifyCheckpoint,
  verifyMulti,
} from '@vitrine/core';
import type { Bundle } from '../bundle/bundle.ts';
import { Refusal, type RefusalCode } from '../refusal.ts';
import type { Trust } from '../trust/trust.ts';
import type { HashedBundle } from './statements.ts';

const CODES: Readonly<Partial<Record<CoreError['code'], RefusalCode>>> = {
  'policy-log': 'checkpoint-log',
  'note-unsigned': 'checkpoint-unsigned',
  'note-signature': 'checkpoint-signature',
  'policy-quorum': 'checkpoint-witnesses',
};

/**
 * The checkpoint of a bundle, if the trust file has its log and enough witnesses have cosigned it.
 *
 * @throws Refusal with `checkpoint-` codes
 */
export function openBundledCheckpoint(bundle: Bundle, trust: Trust, options: SchemeOptions): VerifiedCheckpoint {
  try {
    return verifyCheckpoint(bundle.checkpoint, trust.policy, options);
  } catch (error) {
    if (!(error instanceof CoreError)) throw error;
    throw new Refusal(CODES[error.code] ?? 'checkpoint-malformed', error.message, { cause: error });
  }
}

/**
 * Verifies that the tree of a checkpoint has the statements of a bundle where it says, ends with an index entry for its index
 * root, and has grown from the earlier trees that it names.
 *
 * @throws Refusal `inclusion-wrong`
 */
export function verifyBundledLeaves(bundle: HashedBundle, { checkpoint: { size, root } }: VerifiedCheckpoint): void {
  try {
    const leaves = bundle.statements.map(({ index, leafHash }) => ({ index, leafHash }));
    leaves.push(indexLeaf({ size, indexRoot: bundle.indexRoot }));
    verifyMulti({ size, root, leaves, oldTrees: bundle.earlier, proof: bundle.proof });
  } catch (error) {
    if (!(error instanceof ProofError)) throw error;
    throw new Refusal('inclusion-wrong', `the statements of the bundle are not in the log: ${error.message}`, {
      cause: error,
    });
  }
}
