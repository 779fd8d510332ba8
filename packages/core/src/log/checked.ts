import { CoreError, ProofError } from '../error.ts';

/** A proof that does not verify tells of damage here, and must not reach anybody. @throws CoreError `log-corrupt` */
export function checked<T>(claim: T, verify: (claim: T) => void): T {
  try {
    verify(claim);
  } catch (cause) {
    if (cause instanceof ProofError) {
      throw new CoreError('log-corrupt', 'the stored tree does not prove its own root: check the log with fsck', {
        cause,
      });
    }
    throw cause;
  }
  return claim;
}
