import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { formatAddCheckpoint } from '@vitrine/core';
import type { Log } from '@vitrine/core/log';
import { describe, expect, test } from 'vitest';
import { Follower, type FollowOptions } from '../../src/mirror/follower.ts';
import type { Mirror } from '../../src/mirror/mirror.ts';
import { directorySource, logSource, type PullSource } from '../../src/mirror/pull-source.ts';
import { temporaryDirectory } from '../support/directory.ts';
import { append, createLog, createMirror, entriesOf, TestSource } from './support.ts';

/** A follower that runs, until the test is done. */
function follow(
  mirror: Mirror,
  source: TestSource,
  options: Partial<FollowOptions> = {},
): { follower: Follower; sizes: number[]; failures: string[]; stop: () => Promise<void>; running: Promise<void> } {
  const controller = new AbortController();
  const sizes: number[] = [];
  const failures: string[] = [];
  const follower = new Follower(mirror, {
    source: source.fetch,
    interval: 5,
    signal: controller.signal,
    onPublished: ({ size }) => sizes.push(size),
    onFailure: ({ message }) => failures.push(message),
    ...options,
  });
  const running = follower.run();
  running.catch(() => {});
  const stop = async (): Promise<void> => {
    controller.abort();
    await running;
  };
  return { follower, sizes, failures, stop, running };
}

const until = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await setTimeout(2);
};

describe('following a log', () => {
  test('copies what is new, tells of each checkpoint once, and ends when it is told to', async () => {
    const log = await createLog(entriesOf(3));
    const mirror = await createMirror();
    const source = new TestSource(log);
    const { sizes, stop } = follow(mirror, source);
    await until(() => sizes.length === 1);
    const looks = source.asked.length;
    await until(() => source.asked.length > looks + 3);
    await append(log, entriesOf(300, 3));
    await until(() => sizes.length === 2);
    await stop();
    expect(sizes).toEqual([3, 303]);
  });

  test('goes on after a failure, and tells of one that stays the same once', async () => {
    const log = await createLog(entriesOf(3));
    const mirror = await createMirror();
    const source = new TestSource(log);
    let fails = 0;
    source.answer = (path, bytes) => {
      if (path !== 'checkpoint' || fails >= 6) return bytes;
      fails++;
      return undefined;
    };
    const { sizes, failures, stop } = follow(mirror, source);
    await until(() => sizes.length === 1);
    await stop();
    expect(fails).toBe(6);
    expect(failures).toHaveLength(1);
  });

  test('copies at once what somebody has shown, without another look at the checkpoint', async () => {
    const log = await createLog(entriesOf(3));
    const mirror = await createMirror();
    const source = new TestSource(log);
    const { follower, sizes, stop } = follow(mirror, source, { interval: 3_600_000 });
    await until(() => sizes.length === 1);
    await append(log, entriesOf(500, 3));
    const { proof } = await log.proveConsistency(3);
    await mirror.pending.add(formatAddCheckpoint({ oldSize: 3, proof, checkpoint: log.checkpoint().note }));
    source.asked.length = 0;
    follower.wake();
    await until(() => sizes.length === 2);
    await stop();
    expect(sizes).toEqual([3, 503]);
    expect(source.asked).not.toContain('checkpoint');
  });

  test('tries again soon where somebody waits, a few times', async () => {
    const log = await createLog(entriesOf(3));
    const mirror = await createMirror();
    const source = new TestSource(log);
    let fails = 2;
    source.answer = (path, bytes) => (path.startsWith('tile/entries') && fails-- > 0 ? undefined : bytes);
    const { follower, sizes, failures, stop } = follow(mirror, source, { interval: 3_600_000, retry: 5 });
    follower.wake();
    await until(() => sizes.length === 1);
    await stop();
    expect(failures).toHaveLength(1);
  });

  test('looks at the log at its interval, however often somebody wakes it', async () => {
    const log = await createLog(entriesOf(3));
    const mirror = await createMirror();
    const source = new TestSource(log);
    const { follower, sizes, stop } = follow(mirror, source, { interval: 50 });
    await until(() => sizes.length === 1);
    const waking = setInterval(() => follower.wake(), 1);
    await append(log, entriesOf(300, 3));
    await until(() => sizes.length === 2);
    clearInterval(waking);
    await stop();
    expect(sizes).toEqual([3, 303]);
  });

  test('leaves a log that cannot be copied in peace, however often somebody wakes it', async () => {
    const log = await createLog(entriesOf(3));
    const mirror = await createMirror();
    const source = new TestSource(log);
    source.answer = (path, bytes) => (path.startsWith('tile/entries') ? undefined : bytes);
    const { follower, stop } = follow(mirror, source, { interval: 3_600_000, retry: 10 });
    const asked = (): number => source.asked.filter((path) => path === 'tile/entries/000.p/3').length;
    const waking = setInterval(() => follower.wake(), 1);
    await until(() => asked() === 6);
    await setTimeout(300);
    clearInterval(waking);
    expect(asked()).toBe(6);
    await stop();
  });

  test('does not ask a log that failed sooner because somebody wakes it again', async () => {
    const log = await createLog(entriesOf(3));
    const mirror = await createMirror();
    const source = new TestSource(log);
    source.answer = (path, bytes) => (path.startsWith('tile/entries') ? undefined : bytes);
    const { follower, failures, stop } = follow(mirror, source, { interval: 3_600_000, retry: 3_600_000 });
    await until(() => failures.length === 1);
    const asked = source.asked.length;
    const waking = setInterval(() => follower.wake(), 1);
    await setTimeout(100);
    clearInterval(waking);
    await stop();
    expect(source.asked).toHaveLength(asked);
  });

  test.each<[string, (log: Log) => Promise<PullSource>]>([
    [
      'a directory that cannot be read',
      async () => {
        const directory = temporaryDirectory();
        mkdirSync(join(directory, 'checkpoint'));
        return directorySource(directory);
      },
    ],
    [
      'a log that is closed',
      async (log) => {
        await log[Symbol.asyncDispose]();
        return logSource(log);
      },
    ],
  ])('goes on where the source is broken, and not the mirror: %s', async (_, sourceOf) => {
    const log = await createLog(entriesOf(3));
    const mirror = await createMirror();
    const source = new TestSource(log);
    const broken = await sourceOf(await createLog(entriesOf(3)));
    let isBroken = true;
    source.answer = (path, bytes) => (isBroken ? broken(path) : bytes);
    const { sizes, failures, stop } = follow(mirror, source);
    await until(() => failures.length === 1);
    isBroken = false;
    await until(() => sizes.length === 1);
    await stop();
  });

  test('ends with the error where the mirror itself cannot go on', async () => {
    const log = await createLog(entriesOf(3));
    const mirror = await createMirror();
    const source = new TestSource(log);
    source.answer = async (path, bytes) => {
      if (path.startsWith('tile/entries')) await mirror.replica[Symbol.asyncDispose]();
      return bytes;
    };
    const { running } = follow(mirror, source);
    await expect(running).rejects.toMatchObject({ code: 'log-closed' });
  });
});
