import { join } from 'node:path';
import { fsck, LevelStore, Log } from '@vitrine/core/log';
import { createLog, withDirectory } from '../bench-log.ts';
import { entriesAsync } from '../entries.ts';
import { type Case, seconds } from '../measurement.ts';

const PROOFS = 5000;

/** Proofs of random entries, reading all entries, and `fsck`, on a log of `count` entries that was opened again. */
export const read: Case = (count) =>
  withDirectory(async (directory) => {
    {
      await using log = await createLog(directory, false);
      for await (const _ of log.appendAll(entriesAsync(count)));
    }
    const path = join(directory, 'log');
    let opened = 0;
    let inclusion = 0;
    let consistency = 0;
    let reading = 0;
    {
      let log: Log | undefined;
      opened = await seconds(async () => {
        log = await Log.open(await LevelStore.open(path));
      });
      await using reader = log!;
      const at = (i: number): number => (i * 7_919_317) % count;
      inclusion = await seconds(async () => {
        for (let i = 0; i < PROOFS; i++) await reader.proveInclusion(at(i));
      });
      consistency = await seconds(async () => {
        for (let i = 0; i < PROOFS; i++) await reader.proveConsistency(at(i));
      });
      reading = await seconds(async () => {
        for await (const _ of reader.entries());
      });
    }
    await using store = await LevelStore.open(path);
    const checking = await seconds(async () => {
      await fsck(store);
    });
    return {
      openMilliseconds: opened * 1000,
      inclusionProofsPerSecond: PROOFS / inclusion,
      consistencyProofsPerSecond: PROOFS / consistency,
      entriesReadPerSecond: count / reading,
      fsckSeconds: checking,
    };
  });
