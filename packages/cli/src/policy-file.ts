import { loadSchemes, MAX_POLICY_SIZE, type Policy, parsePolicy, type SignatureScheme } from '@vitrine/core';
import { naming } from './errors.ts';
import { readAtMost } from './files.ts';

/** A policy with the signature schemes that its keys need. */
export interface LoadedPolicy {
  readonly policy: Policy;
  readonly schemes: readonly SignatureScheme[];
}

/**
 * Reads a policy file. Errors name it.
 *
 * @throws CliError `file-missing`, `file-io`; CoreError `policy-malformed`
 */
export async function readPolicy(path: string): Promise<LoadedPolicy> {
  const bytes = await readAtMost(path, MAX_POLICY_SIZE);
  const policy = naming(path, () => parsePolicy(bytes));
  const types = [...policy.logs, ...policy.witnesses].map(({ key }) => key.type);
  return { policy, schemes: await loadSchemes(types) };
}
