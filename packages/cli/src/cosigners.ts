import { type Cosigner, cosignerOf, loadSchemes } from '@vitrine/core';
import type { Context } from './context.ts';
import { readKeyFile } from './keys.ts';

/**
 * Cosigners with the keys in these files.
 *
 * @throws CoreError `key-type` for one of another type than 0x04 and 0x06; what `readKeyFile` throws
 */
export async function readCosigners(
  context: Context,
  paths: readonly string[],
  options: { readonly json?: boolean | undefined } = {},
): Promise<Cosigner[]> {
  const cosigners: Cosigner[] = [];
  for (const path of paths) {
    const key = await readKeyFile(context, path, options);
    cosigners.push(cosignerOf(key, { schemes: await loadSchemes([key.vkey.type]) }));
  }
  return cosigners;
}

/** Collects the values of an option that may be given more than once, for commander. */
export const collect = (value: string, all: readonly string[] = []): readonly string[] => [...all, value];
