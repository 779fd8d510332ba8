import { loadSchemes, type SignatureScheme } from '@vitrine/core';
import type { Trust } from './trust.ts';

/** The signature schemes that the keys of a trust file need, for `schemes` of `verifyRelease`. ML-DSA-44 is loaded if one does. */
export function trustSchemes({ policy: { logs, witnesses } }: Trust): Promise<readonly SignatureScheme[]> {
  return loadSchemes([...logs, ...witnesses].map(({ key }) => key.type));
}
