import { checkPayload, type Payload, SignerError } from '@vitrine/signer';
import { CliError } from './errors.ts';

/**
 * Refuses what the user gave for a statement, before anything that takes long. What is not known yet stands there as
 * anything of its kind.
 *
 * @throws CliError `usage`, which names the field
 */
export function checkDraft(draft: Payload): void {
  try {
    checkPayload(draft);
  } catch (error) {
    if (!(error instanceof SignerError) || error.code !== 'statement-malformed') throw error;
    throw new CliError('usage', error.message.replace(/^payload(?:\.\w+)*\.(\w+) /, '--$1 '), { cause: error });
  }
}

/** A hash that is not known yet. */
export const ANY_HASH: Uint8Array = new Uint8Array(32);
