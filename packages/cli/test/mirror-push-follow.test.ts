import { chmodSync } from 'node:fs';
import { formatPrivateKey, formatVkey } from '@vitrine/core';
import { expect, test } from 'vitest';
import { parseLinesAs } from './support/json-schema.ts';
import { done } from './support/releases.ts';
import { RunningCommand } from './support/running-command.ts';
import { Served } from './support/served.ts';
import { startServing } from './support/serving.ts';
import { fixedKey, LOG_KEY, type Workspace, workspaceWithLog } from './support/workspace.ts';

const VKEY = formatVkey(LOG_KEY.vkey);
const MIRROR_KEY = fixedKey('mirror.example/m', 0x04, 41);

async function startMirror(w: Workspace, directory: string, listen = '0') {
  w.write('mirror.key', `${formatPrivateKey(MIRROR_KEY)}\n`);
  chmodSync(w.path('mirror.key'), 0o600);
  const serving = ['mirror', 'serve', directory, '--key', 'mirror.key', '--policy', 'of-log', '--log-level', 'silent'];
  w.write('of-log', `log ${VKEY}\nquorum none\n`);
  return startServing(w, [...serving, '--listen', listen]);
}

/** A `vitrine mirror push --follow`. */
const startPushing = (w: Workspace, args: readonly string[]): RunningCommand =>
  new RunningCommand(w, ['mirror', 'push', '--follow', ...args, '--vkey', formatVkey(MIRROR_KEY.vkey)]);

test('mirror push --follow sends each mirror what is new, whatever becomes of the other', async () => {
  const w = await workspaceWithLog({ entries: ['first'] });
  const log = await Served.start(w, ['--log', 'log', '--open', '--log-level', 'silent']);
  const one = await startMirror(w, 'one');
  const two = await startMirror(w, 'two');
  const pushing = startPushing(w, ['--log', log.url, '--to', one.url, '--to', two.url, '--json']);
  /** Entries of the checkpoints that a mirror has cosigned, in order. */
  const sent = (mirror: string): number[] =>
    (
      parseLinesAs('mirror-push', pushing.stdout.slice(0, pushing.stdout.lastIndexOf('\n') + 1)) as {
        mirror: string;
        size: number;
      }[]
    )
      .filter((line) => line.mirror === mirror)
      .map(({ size }) => size);
  await expect.poll(() => [sent(one.url), sent(two.url)]).toEqual([[1], [1]]);
  await two.stop('SIGKILL');
  await log.add('second');
  await expect.poll(() => sent(one.url)).toEqual([1, 2]);
  await expect.poll(() => pushing.stderr).toContain(`vitrine: ${two.url}: witness-unreachable: `);
  expect(sent(two.url)).toEqual([1]);
  await startMirror(w, 'two', new URL(two.url).port);
  await expect.poll(() => sent(two.url)).toEqual([1, 2]);
  await expect.poll(() => pushing.stderr).toContain(`vitrine: ${two.url}: has the log again\n`);
  expect(pushing.stderr).not.toContain(`vitrine: ${one.url}: `);
  for (const url of [one.url, two.url]) expect((await done(w, ['ls', '--log', url])).stdout).toContain('second');
  expect(await pushing.end()).toBe(0);
});

test('mirror push --follow waits for a log that starts again', async () => {
  const w = await workspaceWithLog({ entries: ['first'] });
  const log = await Served.start(w, ['--log', 'log', '--open', '--log-level', 'silent']);
  const mirror = await startMirror(w, 'copy');
  const pushing = startPushing(w, ['--log', log.url, '--to', mirror.url]);
  await expect.poll(() => pushing.stdout).toMatch(/^— mirror\.example\/m \S+\n$/);
  await log.kill();
  await expect.poll(() => pushing.stderr).toMatch(/: fetch-failed: .*; trying again\n$/);
  const again = await Served.start(w, ['--log', 'log', '--open', '--listen', new URL(log.url).port]);
  await again.add('second');
  await expect.poll(() => pushing.stdout.split('\n')).toHaveLength(3);
  expect(await pushing.end()).toBe(0);
});

test('mirror push --follow ends, for all mirrors, when the log contradicts itself', async () => {
  const w = await workspaceWithLog({ entries: ['first'] });
  const log = await Served.start(w, ['--log', 'log', '--open', '--log-level', 'silent']);
  const mirror = await startMirror(w, 'copy');
  const pushing = startPushing(w, ['--log', log.url, '--to', mirror.url, '--to', 'http://127.0.0.1:1']);
  await expect.poll(() => pushing.stdout).toContain('— mirror.example/m ');
  await log.stop();
  const other = await workspaceWithLog({ entries: ['another first', 'second'] });
  await Served.start(other, ['--log', 'log', '--open', '--listen', new URL(log.url).port]);
  expect(await pushing.ended).toBe(1);
  expect(pushing.stderr).toMatch(/^vitrine: proof-mismatch: the log has signed two trees, /m);
});

test.each([
  [['--follow', '--log', 'log'], '--follow takes the URL of a log: '],
  [['--interval', '5', '--log', 'http://127.0.0.1:1'], '--interval goes with --follow'],
  [['--to', 'mirror.example', '--log', 'log'], '--to must be a URL of http or https, not mirror.example'],
])('mirror push refuses %j', async (args, message) => {
  const w = await workspaceWithLog();
  const to = ['--to', 'http://127.0.0.1:1', '--vkey', formatVkey(MIRROR_KEY.vkey)];
  const { status, stderr } = await w.run(['mirror', 'push', ...args, ...to]);
  expect(status).toBe(2);
  expect(stderr).toMatch(`vitrine: usage: ${message}`);
});
