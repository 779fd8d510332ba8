import { KEY_TYPE_ML_DSA_44_COSIGNATURE } from './key-type.ts';
import type { SignatureScheme } from './signature-scheme.ts';

/**
 * The schemes that keys of these types need, to be passed in `schemes`. ML-DSA-44 is loaded if a key of type 0x06 is among
 * them, and not before. Types that no scheme is for are passed over: whoever meets their keys refuses them.
 */
export async function loadSchemes(types: readonly number[]): Promise<readonly SignatureScheme[]> {
  if (!types.includes(KEY_TYPE_ML_DSA_44_COSIGNATURE)) return [];
  const { mlDsa44 } = await import('../ml-dsa.ts');
  return [mlDsa44];
}
