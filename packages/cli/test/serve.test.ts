import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ed25519Signer } from '@vitrine/core';
import { LevelStore, Log } from '@vitrine/core/log';
import { describe, expect, test } from 'vitest';
import { parseAs } from './support/json-schema.ts';
import { Load, Served } from './support/served.ts';
import { workspaceWithStatements } from './support/statement-workspace.ts';
import { LOG_KEY, type Workspace, workspace, workspaceWithLog } from './support/workspace.ts';

const RAW = ['--log', 'log', '--open'];

async function openLog(at: Workspace): Promise<Log> {
  return Log.open(await LevelStore.open(at.path('log')), { signer: ed25519Signer(LOG_KEY) });
}

/** That the log has every entry that was acknowledged, at its index, and none that was not sent. */
async function expectAll(at: Workspace, loads: readonly Load[]): Promise<void> {
  await using log = await openLog(at);
  const acknowledged = loads.flatMap((load) => [...load.acknowledged]);
  for (const [entry, index] of acknowledged) expect(new TextDecoder().decode(await log.entry(index))).toBe(entry);
  const indices = acknowledged.map(([, index]) => index);
  expect(new Set(indices).size).toBe(indices.length);
  expect(log.size).toBeGreaterThanOrEqual(indices.length);
  expect(log.size).toBeLessThanOrEqual(loads.reduce((sum, load) => sum + load.started, 0));
}

test('prints where it answers, and ends well when it is told to stop', async () => {
  const at = await workspaceWithLog({ entries: ['first'] });
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    const served = await Served.start(at, RAW);
    expect(served.stdout).toMatch(/^http:\/\/127\.0\.0\.1:\d+\n$/);
    expect(await served.text('/checkpoint')).toMatch(/^example\.com\/log\n1\n/);
    expect(await served.stop(signal)).toBe(0);
    const lines = served.stderr
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).msg);
    expect(lines).toEqual(['serving', 'stopping', 'stopped']);
  }
});

test('with --json prints one object, and with another level says more or nothing', async () => {
  const at = await workspaceWithLog();
  const served = await Served.start(at, [...RAW, '--json', '--log-level', 'debug']);
  expect(parseAs('serve', served.stdout)).toMatchObject({
    url: served.url,
    origin: 'example.com/log',
    size: 0,
    readOnly: false,
  });
  await served.add('x');
  await served.stop();
  const requests = served.stderr
    .split('\n')
    .filter((line) => line.includes('"request"'))
    .map((line) => JSON.parse(line));
  expect(requests).toMatchObject([{ method: 'POST', path: '/add', status: 200 }]);
  const silent = await Served.start(at, [...RAW, '--log-level', 'silent']);
  expect(await silent.stop()).toBe(0);
  expect(silent.stderr).toBe('');
});

test('who finds the directory locked is told the URL, and can use it', async () => {
  const at = await workspaceWithLog({ entries: ['first'] });
  const served = await Served.start(at, RAW);
  expect(readFileSync(at.path('log', 'served'), 'utf8')).toBe(`${served.url}\n`);
  for (const args of [
    ['ls', '--log', 'log'],
    ['checkpoint', '--log', 'log'],
    ['serve', ...RAW],
  ]) {
    const { status, stderr } = await at.run(args);
    expect(status).toBe(3);
    expect(stderr).toContain('vitrine: store-locked: ');
    expect(stderr).toContain(`--log ${served.url}\n`);
  }
  const { status, stdout } = await at.run(['ls', '--log', served.url]);
  expect(status).toBe(0);
  expect(stdout).toContain('first');
  await served.stop();
  expect(existsSync(at.path('log', 'served'))).toBe(false);
  expect((await at.run(['ls', '--log', 'log'])).status).toBe(0);
});

test('what a killed server left about its URL harms nobody', async () => {
  const at = await workspaceWithLog({ entries: ['first'] });
  const served = await Served.start(at, RAW);
  await served.kill();
  expect(existsSync(at.path('log', 'served'))).toBe(true);
  expect((await at.run(['ls', '--log', 'log'])).status).toBe(0);
  const again = await Served.start(at, RAW);
  expect(readFileSync(at.path('log', 'served'), 'utf8')).toBe(`${again.url}\n`);
  await again.stop();
  writeFileSync(at.path('log', 'served'), 'nonsense \u001b[31m\n');
  await using log = await openLog(at);
  const { stderr } = await at.run(['ls', '--log', 'log']);
  expect(stderr).toMatch(/store-locked: log is open in another process, or already in this one\n/);
  expect(log.size).toBe(1);
});

describe('who may append', () => {
  test.each([
    [['serve', '--log', 'log'], 'say who may append'],
    [['serve', '--log', 'log', '--open', '--tokens', 'tokens'], 'cannot be used with'],
    [['serve', '--log', 'log', '--open', '--read-only'], 'cannot be used with'],
    [['serve', ...RAW, '--listen', 'nonsense'], 'is no address'],
    [['serve', ...RAW, '--tls-cert', 'policy'], 'go together'],
    [['serve', ...RAW, '--tls-cert', 'policy', '--tls-key', 'policy'], 'cannot be used'],
    [['serve', ...RAW, '--log-level', 'loud'], 'Allowed choices'],
    [['serve', '--log', 'https://log.example'], 'in the directory of the log'],
  ])('%j is wrong use', async (args, message) => {
    const at = await workspaceWithLog();
    const { status, stdout, stderr } = await at.run(args);
    expect(stderr).toContain(message);
    expect([status, stdout]).toEqual([2, '']);
  });

  test('is everybody for statements, and those with a token for others', async () => {
    const at = await workspaceWithLog();
    const added = await at.run(['token', 'add', 'ci', '--tokens', 'tokens']);
    const token = added.stdout.trimEnd();
    const served = await Served.start(at, ['--log', 'log', '--tokens', 'tokens']);
    const missing = await (await workspaceWithLog()).run(['serve', '--log', 'log', '--tokens', 'nowhere']);
    expect([missing.status, missing.stderr]).toEqual([3, expect.stringContaining('vitrine: file-missing: nowhere: ')]);
    await expect(served.add('x')).rejects.toThrow('401');
    expect(await served.add('x', { authorization: `Bearer ${token}` })).toBe(0);
    at.write('entry', 'another');
    at.write('token', `${token}\n`);
    for (const options of [{ env: { VITRINE_TOKEN: token } }, { args: ['--token-file', 'token'] }]) {
      const args = ['add', '--raw', 'entry', '--log', served.url, ...(options.args ?? [])];
      expect((await at.run(args, { env: options.env ?? {} })).status).toBe(0);
    }
    const refused = await at.run(['add', '--raw', 'entry', '--log', served.url]);
    expect([refused.status, refused.stderr]).toEqual([2, expect.stringContaining('token-missing')]);
    expect((await at.run(['token', 'remove', 'ci', '--tokens', 'tokens'])).status).toBe(0);
    for (;;) {
      const isRefused = await served.add('x', { authorization: `Bearer ${token}` }).then(
        () => false,
        () => true,
      );
      if (isRefused) break;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  });
});

test('a log of statements takes them from anybody, and bundles are served', async () => {
  const at = await workspaceWithStatements();
  for (const option of [['--open'], ['--tokens', 'x']]) {
    const { status, stderr } = await at.run(['serve', '--log', 'log', ...option]);
    expect([status, stderr]).toEqual([2, expect.stringContaining('a log of statements')]);
  }
  const served = await Served.start(at, ['--log', 'log']);
  expect((await fetch(`${served.url}/add`, { method: 'POST', body: 'x' })).status).toBe(400);
  const { status } = await at.run(['streams', '--log', served.url]);
  expect(status).toBe(0);
  expect(await served.stop()).toBe(0);
});

describe('--read-only', () => {
  test('serves a log without its key, and takes nothing', async () => {
    const at = await workspaceWithLog({ entries: ['first', 'second'] });
    const served = await Served.start(at, ['--log', 'log', '--read-only', '--json'], {
      env: { XDG_CONFIG_HOME: '/nowhere' },
    });
    expect(parseAs('serve', served.stdout)).toMatchObject({ size: 2, readOnly: true });
    await expect(served.add('x')).rejects.toThrow('log-read-only');
    expect((await at.run(['ls', '--log', served.url])).stdout).toContain('second');
    expect(await served.stop()).toBe(0);
  });

  test('serves what export wrote, in several processes, and what it writes later', async () => {
    const at = await workspaceWithLog({ entries: ['first', 'second'] });
    expect((await at.run(['export', 'public', '--log', 'log'])).status).toBe(0);
    const servers = [
      await Served.start(at, ['--log', 'public', '--read-only']),
      await Served.start(at, ['--log', 'public', '--read-only']),
    ];
    at.write('more', 'third');
    expect((await at.run(['add', '--raw', 'more', '--log', 'log'])).status).toBe(0);
    expect((await at.run(['export', 'public', '--log', 'log'])).status).toBe(0);
    for (const served of servers) {
      while (!(await served.text('/checkpoint')).startsWith('example.com/log\n3\n'))
        await new Promise((resolve) => setTimeout(resolve, 50));
      for (const width of [1, 2, 3]) expect((await served.text(`/tile/0/000.p/${width}`)).length).toBeGreaterThan(0);
      expect(await served.stop()).toBe(0);
    }
  });

  test('serves nothing of a directory that is neither', async () => {
    const at = workspace();
    at.write('checkpoint', 'nonsense');
    const found = await at.run(['serve', '--log', '.', '--read-only']);
    expect([found.status, found.stderr]).toEqual([3, expect.stringContaining('store-foreign')]);
  });
});

test('--policy shows the newest checkpoint that satisfies it', async () => {
  const at = await workspaceWithLog({ entries: ['first'] });
  const served = await Served.start(at, [...RAW, '--policy', 'witnessed']);
  expect(JSON.parse(await served.text('/checkpoint'))).toMatchObject({ status: 404, code: 'checkpoint-unwitnessed' });
  expect(await served.text('/checkpoint/newest')).toMatch(/^example\.com\/log\n1\n/);
  expect(await served.stop()).toBe(0);
});

test('an address that is taken is said, and the log is free again', async () => {
  const at = await workspaceWithLog();
  const served = await Served.start(at, RAW);
  const other = await workspaceWithLog();
  const { status, stderr } = await other.run(['serve', ...RAW, '--listen', new URL(served.url).port]);
  expect([status, stderr]).toEqual([3, expect.stringContaining('another program does')]);
  expect((await other.run(['ls', '--log', 'log'])).status).toBe(0);
});

describe('under load', () => {
  test('kill -9 loses nothing that was acknowledged', async () => {
    const at = await workspaceWithLog();
    const loads: Load[] = [];
    for (let round = 0; round < 4; round++) {
      const served = await Served.start(at, RAW);
      const load = new Load(served, 20, `round ${round}, entry`);
      await load.reached(200 + 37 * round);
      await served.kill();
      await load.ended();
      loads.push(load);
    }
    await expectAll(at, loads);
    const { status, stderr } = await at.run(['fsck', '--log', 'log']);
    expect([status, stderr]).toEqual([0, expect.anything()]);
  });

  test('a graceful stop answers what was asked, and loses nothing', async () => {
    const at = await workspaceWithLog();
    const served = await Served.start(at, RAW);
    const load = new Load(served, 20, 'entry');
    await load.reached(300);
    expect(await served.stop()).toBe(0);
    await load.ended();
    await expectAll(at, [load]);
    // Each client had at most one entry on its way when it was told.
    await using log = await openLog(at);
    expect(log.size).toBeLessThanOrEqual(load.acknowledged.size + 20);
    expect(existsSync(join(at.path('log'), 'served'))).toBe(false);
  });
});
