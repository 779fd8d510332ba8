import { CoreError, type HashReader } from '@vitrine/core';
import type { ReferenceTree } from '@vitrine/testkit';

/** `count` entries, all different. */
export function entriesOf(count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, i) => new TextEncoder().encode(`entry ${i}`));
}

/** The code of the CoreError that `act` throws; fails if it throws nothing or something else. */
export function refusal(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof CoreError) return error.code;
    throw error;
  }
  throw new Error('nothing was refused');
}

/** The code of the CoreError that `act` rejects with. */
export async function refusalOf(act: () => Promise<unknown>): Promise<string> {
  try {
    await act();
  } catch (error) {
    if (error instanceof CoreError) return error.code;
    throw error;
  }
  throw new Error('nothing was refused');
}

/** Reads from the reference tree. */
export function referenceReader(tree: ReferenceTree): HashReader {
  return {
    async readHashes(nodes) {
      return nodes.map(({ level, index }) => tree.hash(index * 2 ** level, (index + 1) * 2 ** level));
    },
  };
}
