import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { ed25519Signer, openCheckpoint, streamKey, TileReader } from '@vitrine/core';
import { signStatement } from '@vitrine/signer';
import { parseBundle } from '@vitrine/verifier';
import { describe, expect, test } from 'vitest';
import { hex } from '../src/hex.ts';
import { cosignNewest, workspaceWithIndex } from './support/index-workspace.ts';
import { parseLinesAs } from './support/json-schema.ts';
import { done, logged, runHere, write } from './support/releases.ts';
import { RunningCommand } from './support/running-command.ts';
import { Served } from './support/served.ts';
import { REVIEWER_KEY, sizeOf, workspaceWithStatements } from './support/statement-workspace.ts';
import { LOG_KEY, type RunOptions, type Workspace, workspaceWithLog } from './support/workspace.ts';

/** A `vitrine export --follow`. */
class Follower extends RunningCommand {
  constructor(w: Workspace, url: string, args: readonly string[] = [], options: RunOptions = {}) {
    super(w, ['export', 'out', '--follow', '--log', url, ...args], options);
  }
}

const note = (w: Workspace): Uint8Array | undefined =>
  existsSync(w.path('out/checkpoint')) ? new Uint8Array(w.read('out/checkpoint')) : undefined;

const opened = (bytes: Uint8Array) =>
  openCheckpoint(bytes, { origin: LOG_KEY.vkey.keyName, keys: [LOG_KEY.vkey] }).checkpoint;

const exportedSize = (w: Workspace): number => {
  const bytes = note(w);
  return bytes === undefined ? -1 : opened(bytes).size;
};

const reached = (w: Workspace, size: number): Promise<void> =>
  expect.poll(() => exportedSize(w), { interval: 20 }).toBe(size);

/** Reads everything that a checkpoint covers from the directory, as somebody would who has it. */
async function expectWhole(w: Workspace, bytes: Uint8Array, from = 0): Promise<void> {
  const { size, root } = opened(bytes);
  const fetchTile = (path: string): Promise<Uint8Array | undefined> =>
    readFile(w.path('out', path)).catch(() => undefined);
  const reader = new TileReader({ size, root, fetchTile });
  for (let bundle = Math.floor(from / 256); bundle * 256 < size; bundle++) await reader.readBundle(bundle);
}

const HEADS = {
  stable: { type: 'build', issuer: 'acme.example', stream: 'acme-av/stable' },
  ours: { type: 'database', issuer: 'acme.example', stream: 'acme-av' },
  theirs: { type: 'database', issuer: 'other.example', stream: 'acme-av' },
} as const;

const headPath = (stream: (typeof HEADS)[keyof typeof HEADS]): string =>
  `out/heads/${hex(streamKey({ ...stream }))}.vitrine`;

/** The tree that a head is proven in, and the leaf of its release. */
function head(w: Workspace, name: keyof typeof HEADS): { size: number; release: number } {
  const { checkpoint, release } = parseBundle(new Uint8Array(w.read(headPath(HEADS[name]))));
  return { size: opened(checkpoint).size, release };
}

test('what is appended is in the directory soon, and a checkpoint never before its tiles', async () => {
  const w = await workspaceWithLog({ entries: ['first'] });
  const served = await Served.start(w, ['--log', 'log', '--open', '--log-level', 'silent']);
  const follower = new Follower(w, served.url, ['--interval', '20']);
  await reached(w, 1);
  let isReading = true;
  let looks = 0;
  const reader = (async () => {
    for (let last = 0; isReading; looks++) {
      const bytes = note(w)!;
      await expectWhole(w, bytes, last);
      expect(opened(bytes).size).toBeGreaterThanOrEqual(last);
      last = opened(bytes).size;
    }
  })();
  for (let i = 1; i < 700; ) {
    const some = Array.from({ length: 1 + (i % 40) }, () => served.add(`entry ${i++}`));
    await Promise.all(some);
  }
  const size = Number((await served.text('/checkpoint')).split('\n')[1]);
  await reached(w, size);
  isReading = false;
  await reader;
  expect(looks).toBeGreaterThan(10);
  await expectWhole(w, note(w)!);
  expect(await follower.end()).toBe(0);
  expect(follower.stderr).toBe('');
  const lines = follower.stdout.trimEnd().split('\n');
  expect(lines[0]).toBe('1 entry of example.com/log: 2 files written, 0 kept');
  expect(lines.at(-1)).toMatch(new RegExp(`^${size} entries of example.com/log: \\d+ files written, \\d+ kept$`));
  expect(lines.length).toBeGreaterThan(3);
});

test('only what is new is read and written', async () => {
  const w = await workspaceWithLog();
  write(w, { lines: Array.from({ length: 3000 }, (_, i) => `line ${i}\n`).join('') });
  await done(w, ['add', '--lines', 'lines', '--log', 'log']);
  const served = await Served.start(w, ['--log', 'log', '--open', '--log-level', 'debug']);
  const follower = new Follower(w, served.url, ['--json', '--interval', '50']);
  await reached(w, 3000);
  const before = statSync(w.path('out/tile/entries/000')).mtimeMs;
  const asked = served.stderr.split('\n').length;
  await served.add('one more');
  await reached(w, 3001);
  expect(await follower.end('SIGINT')).toBe(0);
  expect(parseLinesAs('export', follower.stdout)).toEqual([
    { origin: 'example.com/log', size: 3000, written: 25, kept: 0 },
    { origin: 'example.com/log', size: 3001, written: 2, kept: 0 },
  ]);
  expect(statSync(w.path('out/tile/entries/000')).mtimeMs).toBe(before);
  const paths = served.stderr
    .split('\n')
    .slice(asked - 1)
    .filter((line) => line.includes('/tile/'))
    .map((line) => JSON.parse(line).path);
  expect(new Set(paths)).toEqual(new Set(['/tile/0/011.p/185', '/tile/1/000.p/11', '/tile/entries/011.p/185']));
});

test('a process that is killed is gone on with, and leaves nothing behind', async () => {
  const w = await workspaceWithLog();
  write(w, { lines: Array.from({ length: 60_000 }, (_, i) => `line ${i}\n`).join('') });
  await done(w, ['add', '--lines', 'lines', '--log', 'log']);
  await done(w, ['export', 'whole', '--log', 'log']);
  const served = await Served.start(w, ['--log', 'log', '--open', '--log-level', 'silent']);
  const files = (): string[] => (existsSync(w.path('out')) ? w.files('out') : []);
  let kills = 0;
  for (let wanted = 40; ; wanted += 120) {
    const follower = new Follower(w, served.url);
    const isDone = await Promise.race([
      expect.poll(() => files().length, { interval: 3 }).toBeGreaterThan(wanted),
      reached(w, 60_000).then(() => true),
    ]);
    if (exportedSize(w) === 60_000 && isDone !== undefined) {
      expect(await follower.end()).toBe(0);
      break;
    }
    await follower.end('SIGKILL');
    kills++;
    // The checkpoint is the last.
    if (exportedSize(w) === -1) expect(files().length).toBeLessThan(w.files('whole').length);
  }
  expect(kills).toBeGreaterThan(1);
  expect(w.files('out')).toEqual(w.files('whole'));
  for (const name of w.files('whole')) {
    expect(readFileSync(w.path('out', name)).equals(readFileSync(w.path('whole', name))), name).toBe(true);
  }
});

test('a server that starts again is waited for', async () => {
  const w = await workspaceWithLog({ entries: ['first'] });
  const first = await Served.start(w, ['--log', 'log', '--open', '--log-level', 'silent']);
  const follower = new Follower(w, first.url, ['--interval', '50']);
  await reached(w, 1);
  await first.kill();
  await expect.poll(() => follower.stderr).toMatch(/^vitrine: fetch-failed: .*; trying again\n$/);
  const { port } = new URL(first.url);
  const second = await Served.start(w, ['--log', 'log', '--open', '--log-level', 'silent', '--listen', port]);
  await second.add('second');
  await reached(w, 2);
  await expect.poll(() => follower.stderr).toMatch(/; trying again\nvitrine: the log can be read again\n$/);
  expect(await follower.end()).toBe(0);
});

test('it can be started before the server', async () => {
  const w = await workspaceWithLog({ entries: ['first'] });
  const probe = await Served.start(w, ['--log', 'log', '--open', '--log-level', 'silent']);
  await probe.stop();
  const follower = new Follower(w, probe.url, ['--quiet', '--interval', '50']);
  await expect.poll(() => follower.stderr).toContain('trying again');
  await Served.start(w, ['--log', 'log', '--open', '--log-level', 'silent', '--listen', new URL(probe.url).port]);
  await reached(w, 1);
  expect(await follower.end()).toBe(0);
  expect(follower.stdout).toBe('');
});

test('a signal ends it at once, also while it copies or waits', async () => {
  const w = await workspaceWithLog();
  const follower = new Follower(w, 'http://127.0.0.1:1', []);
  await expect.poll(() => follower.stderr).toContain('trying again');
  expect(await follower.end()).toBe(0);
});

/** The heads, without one that is being written. */
const headsIn = (w: Workspace): string[] => w.files('out/heads').filter((name) => /^[0-9a-f]{64}\.vitrine$/.test(name));

test('what is exported is what the server shows to everybody', async () => {
  const w = await workspaceWithIndex();
  await cosignNewest(w);
  const shown = w.read('log/checkpoint');
  const policy = ['--policy', 'witnessed', '--start-unwitnessed', '--log-level', 'silent'];
  const served = await Served.start(w, ['--log', 'log', ...policy]);
  const follower = new Follower(w, served.url, ['--interval', '50']);
  await reached(w, 22);
  write(w, { 'new.bin': 'new' });
  const release = ['release', 'build', 'new.bin', '--product', 'new', '--version', '1', '--channel', 'stable'];
  await done(w, [...release, '--log', served.url, '--key', 'vendor.key']);
  // The log's newest checkpoint is written while the appended entry is acknowledged, not before.
  await expect.poll(() => sizeOf(w)).toBe(24);
  await new Promise((resolve) => setTimeout(resolve, 500));
  expect(w.read('out/checkpoint')).toEqual(shown);
  // Not a tile beyond it.
  expect(readdirSync(w.path('out/tile/0/000.p'))).toEqual(['22']);
  expect(headsIn(w)).toHaveLength(3);
  expect(await follower.end()).toBe(0);
});

test('nothing is exported as long as nothing is shown', async () => {
  const w = await workspaceWithIndex();
  await cosignNewest(w);
  // A policy that nobody has satisfied.
  const policy = w.read('witnessed').toString().replace('quorum w4', 'quorum w5');
  const other = policy.split('\n').find((line) => line.startsWith('witness'))!;
  const { formatVkey } = await import('@vitrine/core');
  const { fixedKey } = await import('./support/workspace.ts');
  w.write(
    'strict',
    policy.replace(other, `${other}\nwitness w5 ${formatVkey(fixedKey('witness.example/w5', 0x04, 5).vkey)}`),
  );
  const served = await Served.start(w, ['--log', 'log', '--policy', 'strict', '--log-level', 'silent']);
  const follower = new Follower(w, served.url, ['--interval', '50']);
  await expect.poll(() => follower.stderr).toContain('checkpoint-missing');
  expect(existsSync(w.path('out/checkpoint'))).toBe(false);
  expect(await follower.end()).toBe(0);
  const once = await w.run(['export', 'out', '--log', served.url]);
  expect(once).toMatchObject({ status: 2, stdout: '' });
  expect(once.stderr).toMatch(/^vitrine: checkpoint-missing: /);
});

describe('heads', () => {
  const leafHashAt = async ({ url }: Served, index: number): Promise<string> => {
    const [line] = (await runHere(['show', `${index}`, '--json', '--log', url])).stdout.split('\n');
    return JSON.parse(line!).leafHash;
  };

  const follow = async (...args: string[]) => {
    const w = await workspaceWithIndex();
    const served = await Served.start(w, ['--log', 'log', '--log-level', 'silent']);
    const follower = new Follower(w, served.url, ['--interval', '50', ...args]);
    await reached(w, 22);
    await expect.poll(() => existsSync(w.path('out/heads')) && headsIn(w).length).toBe(3);
    return { w, served, follower };
  };

  test('are written at once where their stream or what is said of them changes, and no others', async () => {
    const { w, served } = await follow();
    const at = (name: keyof typeof HEADS) => head(w, name);
    expect([at('stable'), at('ours'), at('theirs')]).toEqual([
      { size: 22, release: 10 },
      { size: 22, release: 12 },
      { size: 22, release: 14 },
    ]);
    // A release without a source, its review, and the withdrawal of another one.
    write(w, { 'av.bin': '1.3' });
    const more = ['--product', 'acme-av', '--version', '1.3', '--channel', 'stable', '--source', '4'];
    await logged(w, ['release', 'build', 'av.bin', ...more, '--log', served.url, '--key', 'vendor.key']);
    await expect.poll(() => at('stable')).toEqual({ size: 24, release: 22 });
    expect([at('ours').size, at('theirs').size]).toEqual([22, 22]);
    // The source of the newest build.
    const subject = new Uint8Array(Buffer.from(await leafHashAt(served, 4), 'base64'));
    const review = await signStatement(
      { type: 'review', subject, verdict: 'rejected' },
      { signer: ed25519Signer(REVIEWER_KEY), audience: 'example.com/log', issuedAt: 1_700_000_000 },
    );
    await fetch(`${served.url}/add`, { method: 'POST', body: review as Uint8Array<ArrayBuffer> });
    await expect.poll(() => at('stable')).toEqual({ size: 26, release: 22 });
    await done(w, ['withdraw', '12', '--reason', 'broken', '--yes', '--log', served.url, '--key', 'vendor.key']);
    await expect.poll(() => at('ours')).toEqual({ size: 28, release: 12 });
    expect([at('stable').size, at('theirs').size]).toEqual([26, 22]);
    // A new stream.
    write(w, { 'rules.txt': 'alert\n' });
    await done(w, [
      'release',
      'database',
      'rules.txt',
      '--name',
      'new',
      '--next',
      '--log',
      served.url,
      '--key',
      'vendor.key',
    ]);
    await expect.poll(() => headsIn(w).length).toBe(4);
  });

  test('are those that the server gives', async () => {
    const { w, served } = await follow();
    for (const name of headsIn(w)) {
      const response = await fetch(`${served.url}/heads/${name}`);
      expect(new Uint8Array(await response.arrayBuffer())).toEqual(new Uint8Array(w.read(`out/heads/${name}`)));
    }
  });

  test('are all written again after a while, so that they stay fresh', async () => {
    const { w, served } = await follow('--refresh', '1s');
    write(w, { 'av.bin': '1.3' });
    const more = ['--product', 'acme-av', '--version', '1.3', '--channel', 'stable'];
    await done(w, ['release', 'build', 'av.bin', ...more, '--log', served.url, '--key', 'vendor.key']);
    await expect.poll(() => head(w, 'theirs')).toEqual({ size: 24, release: 14 });
  });

  test('with a manifest need it, and say so once', async () => {
    const w = await workspaceWithStatements();
    write(w, { 'files/a': 'a', 'files/b': 'b' });
    const what = ['--product', 'many', '--version', '1', '--channel', 'stable', '--manifest', 'manifest'];
    await done(w, ['release', 'build', 'files/a', 'files/b', ...what, '--log', 'log', '--key', 'vendor.key']);
    const served = await Served.start(w, ['--log', 'log', '--log-level', 'silent']);
    const without = new Follower(w, served.url, ['--refresh', '1s', '--interval', '100']);
    await expect.poll(() => without.stderr).toContain('no head of many/stable: the manifest');
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect(without.stderr.trimEnd().split('\n')).toHaveLength(1);
    await without.end();
    expect(headsIn(w)).toEqual([]);
    mkdirSync(w.path('manifests'));
    const name = createHash('sha256').update(w.read('manifest')).digest('hex');
    renameSync(w.path('manifest'), w.path('manifests', name));
    const follower = new Follower(w, served.url, ['--manifests', 'manifests']);
    await expect.poll(() => headsIn(w).length).toBe(1);
    expect(await follower.end()).toBe(0);
    expect(follower.stderr).toBe('');
  });
});

test('partial tiles go once they have been full for a while, and the tree can be read all the same', async () => {
  const w = await workspaceWithLog();
  const served = await Served.start(w, ['--log', 'log', '--open', '--log-level', 'silent']);
  const follower = new Follower(w, served.url, ['--interval', '20', '--refresh', '1s', '--quiet']);
  for (let i = 0; i < 300; i += 30) {
    await Promise.all(Array.from({ length: 30 }, (_, j) => served.add(`entry ${i + j}`)));
    await reached(w, i + 30);
  }
  const old = note(w)!;
  expect(existsSync(w.path('out/tile/0/000.p'))).toBe(true);
  await expect.poll(() => existsSync(w.path('out/tile/0/000.p'))).toBe(false);
  await expect.poll(() => existsSync(w.path('out/tile/entries/000.p'))).toBe(false);
  expect(existsSync(w.path('out/tile/0/001.p'))).toBe(true);
  await expectWhole(w, old);
  expect(await follower.end()).toBe(0);
});

test('a directory never goes back', async () => {
  const w = await workspaceWithLog({ entries: ['first'] });
  await done(w, ['export', 'old', '--log', 'log']);
  w.write('line', 'second\n');
  await done(w, ['add', '--lines', 'line', '--log', 'log']);
  await done(w, ['export', 'out', '--log', 'log']);
  // A copy of the log that is behind.
  const behind = await Served.start(w, ['--read-only', '--log', 'old', '--log-level', 'silent']);
  const before = w.read('out/checkpoint');
  const follower = new Follower(w, behind.url, ['--interval', '50']);
  await expect.poll(() => follower.stderr).toContain('checkpoint-older');
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(w.read('out/checkpoint')).toEqual(before);
  expect(await follower.end()).toBe(0);
  const once = await w.run(['export', 'out', '--log', behind.url]);
  expect(once).toMatchObject({ status: 2, stdout: '' });
  expect(once.stderr).toMatch(/^vitrine: store-exists: /);
});

test('a log that contradicts what was exported ends it, and the directory stays as it is', async () => {
  const w = await workspaceWithLog({ entries: ['first', 'second'] });
  await done(w, ['export', 'out', '--log', 'log']);
  const before = w.read('out/checkpoint');
  rmSync(w.path('log'), { recursive: true });
  const fork = await workspaceWithLog({ entries: ['other', 'entries', 'here'] });
  const served = await Served.start(fork, ['--log', 'log', '--open', '--log-level', 'silent']);
  const follower = new Follower(w, served.url);
  expect(await follower.ended).toBe(2);
  expect(follower.stderr).toMatch(/^vitrine: store-exists: /);
  expect(w.read('out/checkpoint')).toEqual(before);
});

test.each([
  [['--follow', '--log', 'log'], '--follow takes the URL of a log'],
  [['--interval', '100', '--log', 'log'], '--interval goes with --follow'],
  [['--refresh', '1m', '--log', 'log'], '--refresh goes with --follow'],
  [['--quiet', '--log', 'log'], '--quiet goes with --follow'],
  [['--follow', '--interval', '1', '--log', 'http://127.0.0.1:1'], '--interval must be at least 20 ms'],
  [['--follow', '--refresh', '1y', '--log', 'http://127.0.0.1:1'], '--refresh must be a duration'],
])('wrong use: %j', async (args, message) => {
  const w = await workspaceWithLog();
  const result = await w.run(['export', 'out', ...args]);
  expect(result).toMatchObject({ status: 2, stdout: '' });
  expect(result.stderr).toContain(`vitrine: usage: ${message}`);
});
