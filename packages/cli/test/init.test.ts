import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { ed25519Signer, parsePolicy, parsePrivateKey } from '@vitrine/core';
import { LevelStore, Log } from '@vitrine/core/log';
import { mlDsa44 } from '@vitrine/core/ml-dsa';
import { statementMapping } from '@vitrine/signer';
import { expect, test } from 'vitest';
import { keyFileName } from '../src/keys.ts';
import { parseAs } from './support/json-schema.ts';
import { type Workspace, workspace } from './support/workspace.ts';

const INIT = ['init', 'log', '--origin', 'example.com/log'];
const ED25519 = 'config/vitrine/keys/example.com+log.ed25519.key';
const ML_DSA = 'config/vitrine/keys/example.com+log.ml-dsa-44.key';

test('init creates a log of statements, two keys that only the owner can read, and prints a policy', async () => {
  const w = workspace();
  const { status, stdout, stderr } = await w.run(INIT);
  expect(status).toBe(0);
  expect(stderr).toBe(
    [
      'vitrine: created the log of statements example.com/log in log',
      `vitrine: wrote ${w.path(ED25519)}`,
      `vitrine: wrote ${w.path(ML_DSA)}`,
      'vitrine: the log is unwitnessed: nobody else vouches yet that everybody sees the same one',
      '',
    ].join('\n'),
  );
  const policy = parsePolicy(new TextEncoder().encode(stdout));
  expect(policy.logs.map(({ key }) => [key.keyName, key.type])).toEqual([
    ['example.com/log', 0x01],
    ['example.com/log', 0x06],
  ]);
  expect(policy.quorum).toBe('none');
  expect(stdout).toContain('#   quorum witnesses');
  for (const file of [ED25519, ML_DSA]) expect(statSync(w.path(file)).mode & 0o777).toBe(0o600);
  for (const directory of ['config/vitrine', 'config/vitrine/keys']) {
    expect(statSync(w.path(directory)).mode & 0o777).toBe(0o700);
  }
  expect(w.files('config')).toEqual([ED25519, ML_DSA].map((path) => path.slice('config/'.length)));
});

test('init leaves no private key in what it prints, nor in the log', async () => {
  const w = workspace();
  const { stdout, stderr } = await w.run([...INIT, '--json']);
  for (const file of [ED25519, ML_DSA]) {
    const text = w.read(file).toString().trimEnd();
    const { seed } = parsePrivateKey(text, { schemes: [mlDsa44] });
    const encodings = [text, Buffer.from(seed).toString('base64'), Buffer.from(seed).toString('hex')];
    for (const secret of [...encodings.map((encoding) => Buffer.from(encoding)), Buffer.from(seed)]) {
      expect(Buffer.from(`${stdout}${stderr}`).includes(secret)).toBe(false);
      for (const name of w.files('log')) expect(w.read(`log/${name}`).includes(secret)).toBe(false);
    }
  }
});

test('init --json prints one object', async () => {
  const w = workspace();
  const { status, stdout, stderr } = await w.run([
    ...INIT,
    '--json',
    '--raw',
    '--allow-duplicates',
    '--key-dir',
    'keys',
  ]);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  const value = parseAs('init', stdout);
  expect(value).toMatchObject({
    origin: 'example.com/log',
    directory: w.path('log'),
    kind: 'raw',
    duplicates: true,
    keyFiles: ['keys/example.com+log.ed25519.key', 'keys/example.com+log.ml-dsa-44.key'],
  });
  expect(w.files('keys')).toHaveLength(2);
});

test('a log of statements has an index, and one of arbitrary entries has none', async () => {
  const w = workspace();
  for (const [log, kind, options] of [
    ['log', 'statements', []],
    ['raw', 'raw', ['--raw']],
  ] as const) {
    await w.run(['init', log, '--origin', `example.com/${log}`, ...options]);
    const description = JSON.parse(w.read(`${log}/log.json`).toString());
    expect(description).toMatchObject({ version: 4, kind, indexed: kind === 'statements', mirror: false });
  }
});

test('init makes a log of statements, which takes nothing else, unless --raw is given', async () => {
  const w = workspace();
  w.write('file', 'content');
  expect(parseAs('init', (await w.run([...INIT, '--json'])).stdout)).toMatchObject({
    kind: 'statements',
    duplicates: false,
  });
  // Before the file is looked at.
  for (const args of [['file'], ['--raw', 'missing'], ['--lines', '-']]) {
    const { status, stdout, stderr } = await w.run(['add', '--log', 'log', ...args], { input: 'line\n' });
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toBe(
      'vitrine: log-statements: example.com/log takes statements: use vitrine release, review or submit, or make another ' +
        'log with init --raw\n',
    );
  }
  expect((await w.run(['fsck', '--log', 'log'])).stdout).toContain('clean: 0 entries');

  const { status, stderr } = await w.run(['init', 'raw', '--origin', 'example.com/raw', '--raw', '--key-dir', 'keys']);
  expect(status).toBe(0);
  expect(stderr).toContain('vitrine: created the log example.com/raw in raw\n');
  expect(stderr).toContain('name the first of them with --key, or in VITRINE_KEY, to append\n');
  const key = 'keys/example.com+raw.ed25519.key';
  expect(await w.run(['add', '--log', 'raw', '--key', key, 'file'])).toMatchObject({ status: 0 });
  const other = await w.run(['init', 'other', '--origin', 'example.com/other', '--key-dir', 'keys']);
  expect(other.stderr).toContain('name the first of them with --log-key, or in VITRINE_LOG_KEY, to append\n');
});

test('init refuses duplicates in a log of statements, and creates nothing', async () => {
  const stderr = await refused(workspace(), [...INIT, '--allow-duplicates'], 'usage', 2);
  expect(stderr).toBe('vitrine: usage: --allow-duplicates goes with --raw: a log of statements never has duplicates\n');
});

test('fsck judges the entries of a log of statements again', async () => {
  const w = workspace();
  await w.run(INIT);
  const key = parsePrivateKey(w.read(ED25519).toString().trimEnd());
  const store = await LevelStore.open(w.path('log'));
  const admission = { admit: async () => [] };
  const log = await Log.open(store, { signer: ed25519Signer(key), admission, mapping: statementMapping });
  await log.append(new TextEncoder().encode('no statement'));
  await log[Symbol.asyncDispose]();
  const { status, stdout, stderr } = await w.run(['fsck', '--log', 'log']);
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
  expect(stderr).toMatch(/^vitrine: log-corrupt: entry 0 is one that the log does not take: /);
});

test('the policy that init prints verifies what is added', async () => {
  const w = workspace();
  w.write('policy', (await w.run([...INIT, '--raw'])).stdout);
  w.write('file', 'content');
  await w.run(['add', '--log', 'log', 'file']);
  await w.run(['prove', 'inclusion', 'file', '--log', 'log', '-o', 'file.tlog-proof']);
  const { status, stdout } = await w.run(['verify', 'file', '--policy', 'policy']);
  expect(status).toBe(0);
  expect(stdout).toContain('unwitnessed');
});

async function refused(w: Workspace, args: readonly string[], code: string, status: number): Promise<string> {
  const before = w.files();
  const result = await w.run(args);
  expect(result.stderr).toMatch(new RegExp(`^vitrine: ${code}: `));
  expect({ status: result.status, stdout: result.stdout }).toEqual({ status, stdout: '' });
  expect(w.files()).toEqual(before);
  return result.stderr;
}

test.each([ED25519, ML_DSA])('init refuses to touch a key that is there: %s', async (file) => {
  const w = workspace();
  mkdirSync(w.path('config/vitrine/keys'), { recursive: true });
  w.write(file, 'a key');
  expect(await refused(w, INIT, 'key-exists', 2)).toContain(w.path(file));
  expect(w.read(file).toString()).toBe('a key');
});

test('init refuses a directory that holds something, and writes no keys', async () => {
  const w = workspace();
  mkdirSync(w.path('log'));
  w.write('log/precious', 'data');
  await refused(w, INIT, 'store-exists', 2);
});

test('init refuses a directory that holds a log', async () => {
  const w = workspace();
  await w.run(INIT);
  const stderr = await refused(w, ['init', 'log', '--origin', 'example.com/other'], 'store-exists', 2);
  expect(stderr).toContain('already holds a log');
});

test('init refuses a directory that cannot be, and writes no keys', async () => {
  const w = workspace();
  w.write('file', '');
  await refused(w, ['init', 'file/log', '--origin', 'example.com/log'], 'file-io', 3);
  await refused(w, ['init', 'log', '--origin', 'example.com/log', '--key-dir', 'file/keys'], 'file-io', 3);
});

// A disk that is full when the first checkpoint is written, and one that cannot be written at all from then on.
const FULL_DISK = `
import fsp from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
const { rename, rm } = fsp;
let full = false;
const fail = (code, syscall) => Object.assign(new Error(code + ': no, ' + syscall), { code, syscall });
fsp.rename = async (from, to) => {
  if (!String(to).endsWith('/checkpoint')) return rename(from, to);
  full = true;
  throw fail('ENOSPC', 'rename');
};
fsp.rm = async (path, options) => {
  if (full && process.env.READ_ONLY && String(path).endsWith('vitrine.json')) throw fail('EROFS', 'rm');
  return rm(path, options);
};
syncBuiltinESMExports();
`;

test('init that fails late leaves nothing', async () => {
  const w = workspace();
  const env = { NODE_OPTIONS: `--import ${w.write('full-disk.mjs', FULL_DISK)}` };
  const args = ['init', 'a/log', '--origin', 'example.com/log', '--key-dir', 'b/keys'];
  const before = readdirSync(w.directory);
  const failed = await w.run(args, { env });
  expect(failed).toMatchObject({ status: 3, stdout: '' });
  expect(failed.stderr).toMatch(/^vitrine: store-io: /);
  expect(readdirSync(w.directory)).toEqual(before);
  // What was there before stays.
  mkdirSync(w.path('a/log'), { recursive: true });
  mkdirSync(w.path('b/keys'), { recursive: true });
  expect(await w.run(args, { env })).toMatchObject({ status: 3 });
  expect(readdirSync(w.path('a/log'))).toEqual([]);
  expect(readdirSync(w.path('b/keys'))).toEqual([]);
  expect(await w.run(args)).toMatchObject({ status: 0 });
});

test('init that cannot remove the log again leaves its keys', async () => {
  const w = workspace();
  const env = { NODE_OPTIONS: `--import ${w.write('full-disk.mjs', FULL_DISK)}`, READ_ONLY: '1' };
  const { status, stderr } = await w.run(INIT, { env });
  expect(status).toBe(3);
  expect(stderr).toMatch(/^vitrine: what was created could not all be removed again.*\nvitrine: store-io: /);
  expect(w.files('log')).toContain('vitrine.json');
  expect(w.files()).toEqual(expect.arrayContaining([ED25519, ML_DSA]));
});

test.each(['', ' ', 'two words', 'a+b', 'new\nline', 'a\u007fb'])('init refuses the origin %j', async (origin) => {
  expect(await refused(workspace(), ['init', 'log', '--origin', origin], 'usage', 2)).toBe(
    'vitrine: usage: an origin is not empty and has no spaces, plus signs and control characters\n',
  );
});

test.each(['https://a.example/x', 'HTTP://a.example/x', 'git+ssh://a.example/x'])(
  'init refuses an origin with a scheme: %s',
  async (origin) => {
    expect(await refused(workspace(), ['init', 'log', '--origin', origin], 'usage', 2)).toBe(
      'vitrine: usage: an origin has no scheme: use a.example/x\n',
    );
  },
);

test.skipIf(process.platform !== 'linux')('a relative XDG_CONFIG_HOME is ignored', async () => {
  const w = workspace();
  expect(await w.run(INIT, { env: { XDG_CONFIG_HOME: 'relative' } })).toMatchObject({ status: 0 });
  expect(existsSync(w.path('relative'))).toBe(false);
  expect(w.files('.config')).toEqual(w.files('.config/vitrine/keys').map((name) => `vitrine/keys/${name}`));
  expect(w.files('.config')).toHaveLength(2);
});

test('names of key files are different for different origins', () => {
  expect(keyFileName('log.example/releases', 'ed25519')).toBe('log.example+releases.ed25519.key');
  expect(keyFileName('ü.example/a b%', 'ml-dsa-44')).toBe('%C3%BC.example+a%20b%25.ml-dsa-44.key');
  expect(keyFileName('../../x', 'ed25519')).toBe('..+..+x.ed25519.key');
});
