import { createLog, diskUsage, withDirectory } from '../bench-log.ts';
import { entriesAsync } from '../entries.ts';
import { type Case, seconds } from '../measurement.ts';

const appendAll =
  (duplicates: boolean): Case =>
  (count) =>
    withDirectory(async (directory) => {
      const log = await createLog(directory, duplicates);
      let durable = 0;
      const duration = await seconds(async () => {
        for await (const batch of log.appendAll(entriesAsync(count))) durable += batch.length;
      });
      if (durable !== count || log.size !== count) throw new Error(`appended ${durable} of ${count}`);
      await log[Symbol.asyncDispose]();
      return { entriesPerSecond: count / duration, bytesPerEntry: (await diskUsage(directory)) / count };
    });

/** `Log.appendAll` of an asynchronous iterable, durably, into a log that allows duplicates. */
export const appendAllDuplicates: Case = appendAll(true);

/** `Log.appendAll` of an asynchronous iterable, durably, into a log that refuses duplicates. */
export const appendAllStrict: Case = appendAll(false);
