import { join } from 'node:path';
import { EMPTY_RANGE, equalBytes, extendRange, leafHash, nodeHash, rangeRoot } from '@vitrine/core';
import Hypercore from 'hypercore';
import { MerkleTree } from 'merkletreejs';
import { diskUsage, withDirectory } from '../bench-log.ts';
import { entriesOf } from '../entries.ts';
import { type Case, seconds } from '../measurement.ts';

const BATCH = 4096;

/** hypercore, an append-only Merkle log: the same entries, in batches as large as ours, each awaited. */
export const hypercore: Case = (count) =>
  withDirectory(async (directory) => {
    const core = new Hypercore(join(directory, 'core'));
    await core.ready();
    const duration = await seconds(async () => {
      let batch: Buffer[] = [];
      for (const entry of entriesOf(count)) {
        batch.push(Buffer.from(entry.buffer, entry.byteOffset, entry.length));
        if (batch.length === BATCH) {
          await core.append(batch);
          batch = [];
        }
      }
      if (batch.length > 0) await core.append(batch);
    });
    if (core.length !== count) throw new Error(`hypercore has ${core.length} of ${count}`);
    await core.close();
    return { entriesPerSecond: count / duration, bytesPerEntry: (await diskUsage(directory)) / count };
  });

/** merkletreejs: the same tree in memory, from the same leaf hashes, checked against ours. */
export const merkletreejs: Case = async (count) => {
  let root = new Uint8Array(0);
  const duration = await seconds(() => {
    const leaves = Array.from(entriesOf(count), (entry) => Buffer.from(leafHash(entry)));
    const hash = (pair: Buffer): Buffer => Buffer.from(nodeHash(pair.subarray(0, 32), pair.subarray(32)));
    root = new Uint8Array(new MerkleTree(leaves, hash).getRoot());
  });
  const leafHashes = new Uint8Array(count * 32);
  let at = 0;
  for (const entry of entriesOf(count)) leafHashes.set(leafHash(entry), 32 * at++);
  if (!equalBytes(root, rangeRoot(extendRange(EMPTY_RANGE, leafHashes).range))) throw new Error('another root');
  return { entriesPerSecond: count / duration };
};
