import { EMPTY_RANGE, extendRange, leafHash, rangeRoot } from '@vitrine/core';
import { entriesOf } from '../entries.ts';
import { type Case, seconds } from '../measurement.ts';

const BATCH = 4096;

/**
 * The same entries hashed into the same tree, with the same SHA-256, and nothing stored: what appending can at best
 * reach on one thread.
 */
export const floor: Case = async (count) => {
  let range = EMPTY_RANGE;
  const duration = await seconds(() => {
    const leafHashes = new Uint8Array(BATCH * 32);
    let filled = 0;
    for (const entry of entriesOf(count)) {
      leafHashes.set(leafHash(entry), filled * 32);
      if (++filled === BATCH) {
        range = extendRange(range, leafHashes).range;
        filled = 0;
      }
    }
    range = extendRange(range, leafHashes.subarray(0, filled * 32)).range;
  });
  rangeRoot(range);
  return { entriesPerSecond: count / duration };
};
