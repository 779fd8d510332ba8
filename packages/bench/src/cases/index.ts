import type { Case } from '../measurement.ts';
import { appendAllDuplicates, appendAllStrict } from './append-all.ts';
import { appendConcurrent, appendOne } from './append-concurrent.ts';
import { floor } from './floor.ts';
import { INDEX_CASES, indexProofs } from './index-of-log.ts';
import { read } from './read.ts';
import { recordSet } from './record-set.ts';

/** All cases by name. The peers are loaded only where they run. */
export const CASES: Readonly<Record<string, Case>> = {
  floor,
  appendAllDuplicates,
  appendAllStrict,
  appendConcurrent,
  appendOne,
  read,
  recordSet,
  indexProofs,
  ...INDEX_CASES,
  verifying: async (count) => (await import('./verifying.ts')).verifying(count),
  sigstore: async (count) => (await import('./sigstore.ts')).sigstore(count),
  hypercore: async (count) => (await import('./peers.ts')).hypercore(count),
  merkletreejs: async (count) => (await import('./peers.ts')).merkletreejs(count),
};
