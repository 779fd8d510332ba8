import { once } from 'node:events';
import { chmodSync } from 'node:fs';
import { formatPrivateKey, formatVkey } from '@vitrine/core';
import { expect, onTestFinished, test } from 'vitest';
import { parseLinesAs } from './support/json-schema.ts';
import { done } from './support/releases.ts';
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

/** A `vitrine mirror push --follow` in a process of its own. */
function startPushing(w: Workspace, args: readonly string[]) {
  const child = w.start(['mirror', 'push', '--follow', ...args, '--vkey', formatVkey(MIRROR_KEY.vkey)]);
  const closed = once(child, 'close');
  onTestFinished(() => void child.kill('SIGKILL'));
  const output = { stdout: '', stderr: '' };
  child.stdout!.on('data', (data) => {
    output.stdout += data;
  });
  child.stderr!.on('data', (data) => {
    output.stderr += data;
  });
  return {
    output,
    closed,
    end: async (): Promise<number | null> => {
      child.kill('SIGTERM');
      return (await closed)[0];
    },
  };
}

test('mirror push --follow sends each mirror what is new, whatever becomes of the other', async () => {
  const w = await workspaceWithLog({ entries: ['first'] });
  const log = await Served.start(w, ['--log', 'log', '--open', '--log-level', 'silent']);
  const one = await startMirror(w, 'one');
  const two = await startMirror(w, 'two');
  const { output, end } = startPushing(w, ['--log', log.url, '--to', one.url, '--to', two.url, '--json']);
  /** Entries of the checkpoints that a mirror has cosigned, in order. */
  const sent = (mirror: string): number[] =>
    (
      parseLinesAs('mirror-push', output.stdout.slice(0, output.stdout.lastIndexOf('\n') + 1)) as {
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
  await expect.poll(() => output.stderr).toContain(`vitrine: ${two.url}: witness-unreachable: `);
  expect(sent(two.url)).toEqual([1]);
  await startMirror(w, 'two', new URL(two.url).port);
  await expect.poll(() => sent(two.url)).toEqual([1, 2]);
  await expect.poll(() => output.stderr).toContain(`vitrine: ${two.url}: has the log again\n`);
  expect(output.stderr).not.toContain(`vitrine: ${one.url}: `);
  for (const url of [one.url, two.url]) expect((await done(w, ['ls', '--log', url])).stdout).toContain('second');
  expect(await end()).toBe(0);
});

test('mirror push --follow waits for a log that starts again', async () => {
  const w = await workspaceWithLog({ entries: ['first'] });
  const log = await Served.start(w, ['--log', 'log', '--open', '--log-level', 'silent']);
  const mirror = await startMirror(w, 'copy');
  const { output, end } = startPushing(w, ['--log', log.url, '--to', mirror.url]);
  await expect.poll(() => output.stdout).toMatch(/^— mirror\.example\/m \S+\n$/);
  await log.kill();
  await expect.poll(() => output.stderr).toMatch(/: fetch-failed: .*; trying again\n$/);
  const again = await Served.start(w, ['--log', 'log', '--open', '--listen', new URL(log.url).port]);
  await again.add('second');
  await expect.poll(() => output.stdout.split('\n')).toHaveLength(3);
  expect(await end()).toBe(0);
});

test('mirror push --follow ends, for all mirrors, when the log contradicts itself', async () => {
  const w = await workspaceWithLog({ entries: ['first'] });
  const log = await Served.start(w, ['--log', 'log', '--open', '--log-level', 'silent']);
  const mirror = await startMirror(w, 'copy');
  const { output, closed } = startPushing(w, ['--log', log.url, '--to', mirror.url, '--to', 'http://127.0.0.1:1']);
  await expect.poll(() => output.stdout).toContain('— mirror.example/m ');
  await log.stop();
  const other = await workspaceWithLog({ entries: ['another first', 'second'] });
  await Served.start(other, ['--log', 'log', '--open', '--listen', new URL(log.url).port]);
  expect((await closed)[0]).toBe(1);
  expect(output.stderr).toMatch(/^vitrine: proof-mismatch: the log has signed two trees, /m);
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
