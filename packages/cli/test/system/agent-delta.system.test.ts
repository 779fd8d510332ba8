import { execFileSync } from 'node:child_process';
import { rmSync, statSync } from 'node:fs';
import { SeededRandom } from '@vitrine/testkit';
import { expect, test } from 'vitest';
import { type FedRelease, Feed, NAME } from '../support/agent-feed.ts';
import { write } from '../support/releases.ts';

const MB = 1 << 20;
const random = new SeededRandom(1);

/** A file that is quickly made, and of which each part is another. */
function fileOf(size: number): Uint8Array {
  const content = new Uint8Array(size);
  for (let at = 0; at < size; at += MB) content.set(random.bytes(2000), at);
  return content;
}

/** Runs a shell in the feed, where `old` is the release that is installed and `daily.db` the next one. */
function inFeed(feed: Feed, line: string): void {
  execFileSync('sh', ['-ec', line], { cwd: feed.w.path('feed'), stdio: 'pipe' });
}

/** A feed whose agent has `old`, and which has `next`. The delta is what a line of the shell writes to standard output. */
async function feedOf(old: Uint8Array, next: Uint8Array, makeDelta: string): Promise<{ feed: Feed; next: FedRelease }> {
  const feed = await Feed.create();
  const { sha256 } = await feed.ship(old);
  expect(await feed.update()).toMatchObject({ status: 0 });
  write(feed.w, { 'feed/old': old });
  const release = await feed.ship(next);
  inFeed(feed, `{ ${makeDelta}; } > ${NAME}.from-${sha256}.zst`);
  return { feed, next: release };
}

const GOOD = `zstd -qc --patch-from=old ${NAME}`;

test.each([
  ['that grows', fileOf(3 * MB), fileOf(12 * MB)],
  ['that shrinks', fileOf(12 * MB), fileOf(3 * MB)],
  // zstd has a limit of its own there, unless it is told.
  ['above 128 MiB', fileOf(130 * MB), fileOf(131 * MB)],
])('updates a file %s by a delta of zstd, without the whole file', async (_, old, content) => {
  const shared = content.slice();
  shared.set(old.subarray(0, Math.min(old.length, content.length) >> 1));
  const { feed, next } = await feedOf(old, shared, GOOD);
  rmSync(feed.w.path('feed', NAME));
  const updated = await feed.update();
  expect(updated).toMatchObject({ status: 0, stdout: expect.stringContaining('installed by a delta'), stderr: '' });
  expect(Buffer.compare(feed.installed()!.content, next.content)).toBe(0);
});

const OLD = fileOf(3 * MB);
const NEW = fileOf(4 * MB);

test.each([
  ['was cut off', `${GOOD} | head -c -9`],
  ['is from another file', `zstd -qc --patch-from=${NAME} old`],
  ['is no delta', 'head -c 5000 /dev/urandom'],
  ['is empty', ':'],
  ['has a byte changed', `${GOOD} | { head -c 4000; head -c 1 > /dev/null; printf X; cat; }`],
  // It would come out right.
  ['wants a window of 2 GiB', `cat ${NAME} | zstd -qc --long=31`],
])('fetches the whole file if the delta %s', async (_, makeDelta) => {
  const { feed, next } = await feedOf(OLD, NEW, makeDelta);
  const updated = await feed.update();
  expect(updated).toMatchObject({ status: 0, stdout: expect.stringMatching(/: installed, leaf/) });
  expect(updated.stderr).toMatch(/^agent: no delta, so the whole file is fetched: (zstd cannot|it leads)/);
  expect(Buffer.compare(feed.installed()!.content, next.content)).toBe(0);
});

test('a delta that becomes gigabytes does not fill the disk', async () => {
  const { feed, next } = await feedOf(OLD, NEW, 'head -c 4G /dev/zero | zstd -qc');
  let largest = 0;
  const look = setInterval(() => {
    const found = statSync(feed.w.path('installed/releases/2', NAME), { throwIfNoEntry: false });
    largest = Math.max(largest, found?.size ?? 0);
  }, 2);
  const updated = await feed.update();
  clearInterval(look);
  expect(updated).toMatchObject({ status: 0, stderr: expect.stringContaining('zstd cannot apply it') });
  expect(Buffer.compare(feed.installed()!.content, next.content)).toBe(0);
  expect(largest).toBeGreaterThan(0);
  expect(largest).toBeLessThanOrEqual(NEW.length + 1);
});
