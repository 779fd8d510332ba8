import { MAX_POLICY_SIZE, type SignatureScheme } from '@vitrine/core';
import { parseTrust, type Trust, trustSchemes } from '@vitrine/verifier';
import { naming } from './errors.ts';
import { readAtMost } from './files.ts';

/** A trust file with the signature schemes that its keys need. */
export interface LoadedTrust {
  readonly bytes: Uint8Array;
  readonly trust: Trust;
  readonly schemes: readonly SignatureScheme[];
}

/**
 * Reads a trust file. Errors name it.
 *
 * @throws CliError `file-missing`, `file-io`; Refusal `trust-malformed`
 */
export async function readTrust(path: string): Promise<LoadedTrust> {
  const bytes = await readAtMost(path, MAX_POLICY_SIZE);
  const trust = naming(path, () => parseTrust(bytes));
  return { bytes, trust, schemes: await trustSchemes(trust) };
}
