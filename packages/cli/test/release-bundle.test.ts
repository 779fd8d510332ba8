import { chmodSync, existsSync, mkdirSync } from 'node:fs';
import { formatPrivateKey, formatVkey } from '@vitrine/core';
import { expect, test } from 'vitest';
import { cosignNewest } from './support/index-workspace.ts';
import { done, VENDOR, writePolicy } from './support/releases.ts';
import { type ServingCommand, startServing } from './support/serving.ts';
import { OTHER_KEY, sizeOf, workspaceWithStatements } from './support/statement-workspace.ts';
import { LOG_KEY, type Transcript, WITNESS_KEY, type Workspace } from './support/workspace.ts';

const WHAT = ['--product', 'tool', '--version', '1', '--channel', 'stable', ...VENDOR];

const release = (w: Workspace, ...args: readonly string[]): Promise<Transcript> =>
  w.run(['release', 'build', 'tool.tgz', ...WHAT, ...args]);

async function workspaceToRelease(): Promise<Workspace> {
  const w = await workspaceWithStatements();
  writePolicy(w);
  w.write('tool.tgz', 'tool');
  w.write('witnessed', `log ${formatVkey(LOG_KEY.vkey)}\nwitness w4 ${formatVkey(WITNESS_KEY.vkey)}\nquorum w4\n`);
  return w;
}

test('release build --bundle logs the release and writes its bundle, where the log has no witnesses', async () => {
  const w = await workspaceToRelease();
  const { status, stdout, stderr } = await release(w, '--bundle', 'tool.tgz.vitrine', '--policy', 'policy');
  expect({ status, stderr }).toMatchObject({
    status: 0,
    stderr: expect.stringMatching(/^vitrine: wrote tool\.tgz\.vitrine, the bundle of leaf 2, tree size 4$/m),
  });
  expect(stdout).toMatch(/^2 {2}/);
  await done(w, ['bundle', '2', '--newest', '--log', 'log', '--out', 'again']);
  expect(w.read('tool.tgz.vitrine').equals(w.read('again'))).toBe(true);
});

test('release database --bundle has its manifest', async () => {
  const w = await workspaceToRelease();
  const args = ['release', 'database', 'tool.tgz', '--name', 'daily', '--next', '--records', 'none', ...VENDOR];
  const bundling = ['--manifest', 'list', '--bundle', 'daily.vitrine', '--policy', 'policy'];
  const { status, stderr } = await w.run([...args, ...bundling]);
  expect(status, stderr).toBe(0);
  await done(w, ['bundle', '2', '--manifest', 'list', '--newest', '--log', 'log', '--out', 'again']);
  expect(w.read('daily.vitrine').equals(w.read('again'))).toBe(true);
});

test('release database --bundle logs nothing whose manifest has no room in a bundle', async () => {
  const w = await workspaceToRelease();
  mkdirSync(w.path('db'));
  // A line has the name, the size and 64 digits.
  for (let i = 0; i < 4000; i++) w.write(`db/${String(i).padStart(200, '0')}`, '');
  const args = [
    'release',
    'database',
    'db',
    '--name',
    'daily',
    '--next',
    '--records',
    'none',
    ...VENDOR,
    '--log',
    'log',
  ];
  const before = sizeOf(w);
  const refused = await w.run([...args, '--manifest', 'list', '--bundle', 'daily.vitrine', '--policy', 'policy']);
  expect(refused).toMatchObject({
    status: 2,
    stdout: '',
    stderr: expect.stringMatching(/^vitrine: usage: the manifest has \d{7} bytes, and a bundle room for 1048576: /m),
  });
  expect([sizeOf(w), existsSync(w.path('list')), existsSync(w.path('daily.vitrine'))]).toEqual([before, false, false]);
  await done(w, [...args, '--manifest', 'list']);
  expect(sizeOf(w)).toBeGreaterThan(before);
});

test('release build --bundle says what is to be done where witnesses have to cosign first, and that does it', async () => {
  const w = await workspaceToRelease();
  const { status, stdout, stderr } = await release(w, '--bundle', 'tool.tgz.vitrine', '--policy', 'witnessed');
  expect({ status, stdout }).toEqual({ status: 3, stdout: expect.stringMatching(/^2 {2}/) });
  expect(stderr).toContain('vitrine: bundle-pending: the release is logged at leaf 2, and its bundle waits for w4: ');
  expect(stderr).toContain('vitrine bundle 2 --out tool.tgz.vitrine');
  expect(existsSync(w.path('tool.tgz.vitrine'))).toBe(false);
  await cosignNewest(w);
  await done(w, ['bundle', '2', '--out', 'tool.tgz.vitrine', '--log', 'log']);
});

/** A witness of the log in a process of its own, in the policy `asked` with its URL. */
async function askedWitness(w: Workspace): Promise<ServingCommand> {
  w.write('witness.key', `${formatPrivateKey(WITNESS_KEY)}\n`);
  chmodSync(w.path('witness.key'), 0o600);
  mkdirSync(w.path('seen'));
  const args = ['--key', 'witness.key', '--policy', 'policy', '--state', 'seen', '--listen', '0'];
  const server = await startServing(w, ['witness', 'serve', ...args]);
  const witness = `witness w4 ${formatVkey(WITNESS_KEY.vkey)} ${server.url}`;
  w.write('asked', `log ${formatVkey(LOG_KEY.vkey)}\n${witness}\nquorum w4\n`);
  return server;
}

test('release build --bundle has the witnesses of the policy cosign, where it has their URLs', async () => {
  const w = await workspaceToRelease();
  const server = await askedWitness(w);
  const { status, stderr } = await release(w, '--bundle', 'tool.tgz.vitrine', '--policy', 'asked');
  expect(status, stderr).toBe(0);
  expect(stderr).toContain('vitrine: asking the witnesses of the policy');
  await done(w, ['bundle', '2', '--log', 'log', '--out', 'again']);
  expect(w.read('tool.tgz.vitrine').equals(w.read('again'))).toBe(true);

  await server.stop();
  w.write('tool.tgz', 'another');
  const pending = await release(w, '--bundle', 'other.vitrine', '--policy', 'asked');
  expect(pending).toMatchObject({ status: 3, stderr: expect.stringContaining('vitrine: bundle-pending: ') });
  expect(pending.stderr).toContain('vitrine witness gather');
  expect(existsSync(w.path('other.vitrine'))).toBe(false);
});

test('release build --bundle waits for the server of a log, which has its witnesses cosign', async () => {
  const w = await workspaceToRelease();
  await askedWitness(w);
  const served = await startServing(w, ['serve', '--log', 'log', '--policy', 'asked', '--listen', '0']);
  const what = WHAT.map((arg) => (arg === 'log' ? served.url : arg));
  const args = ['release', 'build', 'tool.tgz', ...what, '--bundle', 'tool.tgz.vitrine', '--policy', 'asked'];
  const { status, stderr } = await w.run(args);
  expect(status, stderr).toBe(0);
  expect(existsSync(w.path('tool.tgz.vitrine'))).toBe(true);
});

test.each([
  ['a bundle without a policy', ['--bundle', 'b'], 'usage: name the policy of the log'],
  ['a policy without a bundle', ['--policy', 'policy'], 'usage: --policy goes with --bundle'],
  ['a bundle that is there', ['--bundle', 'tool.tgz', '--policy', 'policy'], 'file-exists: tool.tgz is there already'],
  [
    'a bundle of what is not logged',
    ['--bundle', 'b', '--policy', 'policy', '--offline', '--out', 'o'],
    'usage: --offline',
  ],
  [
    'one file for two',
    ['--bundle', 'm', '--policy', 'policy', '--manifest', './m'],
    'usage: --bundle and --manifest are both m',
  ],
  ['a bundle where there is no directory', ['--bundle', 'no/b', '--policy', 'policy'], 'file-missing: no'],
  ['the policy of another log', ['--bundle', 'b', '--policy', 'elsewhere'], 'policy-log: '],
  ['a policy that is not there', ['--bundle', 'b', '--policy', 'nowhere'], 'file-missing: nowhere'],
])('release build refuses %s before anything is logged', async (_, args, message) => {
  const w = await workspaceToRelease();
  w.write('elsewhere', `log ${formatVkey(OTHER_KEY.vkey)}\nquorum none\n`);
  const size = sizeOf(w);
  const { status, stdout, stderr } = await release(w, ...args);
  expect(stderr).toContain(`vitrine: ${message}`);
  expect({ failed: status !== 0, stdout }).toEqual({ failed: true, stdout: '' });
  expect(sizeOf(w)).toBe(size);
});
