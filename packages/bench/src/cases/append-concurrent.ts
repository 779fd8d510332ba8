import { createLog, withDirectory } from '../bench-log.ts';
import { entriesOf } from '../entries.ts';
import { type Case, seconds } from '../measurement.ts';

const CALLERS = 1000;

/** 1,000 callers, each of which appends one entry and waits until it is durable before the next. */
export const appendConcurrent: Case = (count) =>
  withDirectory(async (directory) => {
    await using log = await createLog(directory, false);
    const entries = entriesOf(count);
    const caller = async (): Promise<void> => {
      for (const entry of entries) await log.append(entry);
    };
    const duration = await seconds(async () => {
      await Promise.all(Array.from({ length: CALLERS }, caller));
    });
    if (log.size !== count) throw new Error(`appended ${log.size} of ${count}`);
    return { entriesPerSecond: count / duration };
  });

/** One caller that waits for each entry: the latency of one commit. */
export const appendOne: Case = (count) =>
  withDirectory(async (directory) => {
    await using log = await createLog(directory, false);
    const duration = await seconds(async () => {
      for (const entry of entriesOf(count)) await log.append(entry);
    });
    return { entriesPerSecond: count / duration };
  });
