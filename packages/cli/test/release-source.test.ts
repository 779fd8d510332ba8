import { execFileSync } from 'node:child_process';
import { mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { readDirectoryTree } from '@vitrine/signer/node';
import { expect, test } from 'vitest';
import { hex } from '../src/hex.ts';
import { parseAs } from './support/json-schema.ts';
import { refusedRun, sizeOf, workspaceWithStatements } from './support/statement-workspace.ts';
import type { Workspace } from './support/workspace.ts';

const SOURCE = ['release', 'source', '--product', 'acme-av', '--version', '5.2', '--log', 'log', '--key', 'vendor.key'];

function git(w: Workspace, ...args: string[]): string {
  const identity = ['-c', 'user.name=n', '-c', 'user.email=e@example.com', '-c', 'init.defaultBranch=trunk'];
  return execFileSync('git', [...identity, ...args], {
    cwd: w.path('src'),
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], HOME: w.directory },
  }).trim();
}

async function workspaceWithSource(): Promise<Workspace> {
  const w = await workspaceWithStatements();
  mkdirSync(w.path('src', 'lib'), { recursive: true });
  w.write('src/main.c', 'int main(void) { return 0; }\n');
  w.write('src/lib/a.c', 'a\n');
  writeFileSync(w.path('src/build.sh'), '#!/bin/sh\n', { mode: 0o755 });
  symlinkSync('lib/a.c', w.path('src/link'));
  return w;
}

const rootOf = async (path: string, secret?: Uint8Array): Promise<string> =>
  hex((await readDirectoryTree(path, secret === undefined ? {} : { secret })).summary.root);

test('release source logs the root of a directory', async () => {
  const w = await workspaceWithSource();
  const root = await rootOf(w.path('src'));
  const { status, stdout, stderr } = await w.run([...SOURCE, 'src', '--revision', 'r7', '--toolchain', 'gcc 13.2']);
  expect({ status, stderr }).toEqual({ status: 0, stderr: `vitrine: 4 files, 48 bytes, root ${root}\n` });
  expect(stdout).toMatch(
    /^2 {2}[A-Za-z0-9+/]{43}= {2}source {6}acme-av 5\.2 \(4 files\) {2}by acme\.example {2}\S+Z\n$/,
  );
  const shown = parseAs('entry', (await w.run(['show', '2', '--log', 'log', '--json'])).stdout);
  expect(shown).toMatchObject({
    index: 2,
    statement: {
      type: 'source',
      stream: 'acme-av',
      issuer: 'acme.example',
      audience: 'example.com/log',
      payload: {
        product: 'acme-av',
        version: '5.2',
        revision: 'r7',
        toolchain: 'gcc 13.2',
        tree: { root, files: 4, size: 48 },
      },
    },
    signature: { verified: true, role: 'vendor' },
  });
});

test('release source of a git revision logs the tree of its checkout and its commit, without a checkout', async () => {
  const w = await workspaceWithSource();
  const root = await rootOf(w.path('src'));
  git(w, 'init', '-q');
  git(w, 'add', '.');
  git(w, 'commit', '-qm', 'first');
  git(w, 'tag', 'v5.2');
  const commit = git(w, 'rev-parse', 'HEAD');
  w.write('src/main.c', 'changed since\n');
  const logged = await w.run([...SOURCE, 'v5.2', '--repo', 'src', '--json']);
  expect(logged).toMatchObject({ status: 0, stderr: '' });
  expect(parseAs('issue', logged.stdout)).toMatchObject({
    index: 2,
    known: false,
    statement: { payload: { revision: commit, tree: { root } } },
  });
  const refused = await refusedRun(w, [...SOURCE, 'v5.2', '--repo', 'src', '--revision', 'r7']);
  expect(refused).toMatchObject({
    status: 2,
    stderr: 'vitrine: usage: --revision goes with a directory, and v5.2 is a git revision: its commit is logged\n',
  });
  expect((await refusedRun(w, [...SOURCE, 'v5.3', '--repo', 'src'])).stderr).toMatch(/^vitrine: git-failed: /);
});

test('a name that is a directory and a git revision is refused, and both can be said', async () => {
  const w = await workspaceWithSource();
  git(w, 'init', '-q');
  git(w, 'add', '.');
  git(w, 'commit', '-qm', 'first');
  git(w, 'branch', 'lib');
  // The command runs in the directory above.
  writeFileSync(w.path('.git'), 'gitdir: src/.git\n');
  mkdirSync(w.path('lib'));
  w.write('lib/file', 'x');
  expect(await refusedRun(w, [...SOURCE, 'lib'])).toMatchObject({
    status: 2,
    stderr: 'vitrine: usage: lib is a directory and a git revision: write ./lib, or add --repo . for the revision\n',
  });
  expect(await w.run([...SOURCE, './lib', '--revision', 'r1'])).toMatchObject({ status: 0 });
  for (const revision of ['refs/heads/lib', 'HEAD']) {
    expect(await w.run([...SOURCE, revision])).toMatchObject({ status: 0 });
  }
  expect(await w.run([...SOURCE, 'lib', '--repo', '.'])).toMatchObject({ status: 0 });
});

test('a confidential source has a secret of its own, which only its owner can read and which is used again', async () => {
  const w = await workspaceWithSource();
  const args = [...SOURCE, 'src', '--revision', 'r7', '--confidential', '--secret', 'secret'];
  const first = await w.run(args);
  expect(first.status).toBe(0);
  expect(first.stderr).toMatch(
    /^vitrine: wrote secret: reviewers need it, and nobody else may have it\nvitrine: 4 files/,
  );
  const text = w.read('secret').toString();
  expect(text).toMatch(/^[0-9a-f]{64}\n$/);
  expect(statSync(w.path('secret')).mode & 0o777).toBe(0o600);
  const salted = await rootOf(w.path('src'), Buffer.from(text, 'hex'));
  expect(salted).not.toBe(await rootOf(w.path('src')));
  const tree = { root: salted, files: 4, size: 48, salted: true };
  const shown = await w.run(['show', '2', '--log', 'log', '--json']);
  expect(parseAs('entry', shown.stdout)).toMatchObject({ statement: { payload: { tree } } });
  expect((await w.run(['show', '2', '--log', 'log'])).stdout).toContain('4 files, 48 bytes, confidential: salted\n');

  // Another revision, because the same statement within the same second would be in the log already.
  const again = await w.run(args.with(args.indexOf('r7'), 'r8'));
  expect(again.stderr).toBe(`vitrine: 4 files, 48 bytes, root ${salted}\n`);
  expect(w.read('secret').toString()).toBe(text);
  for (const output of [first, again, shown]) expect(output.stdout + output.stderr).not.toContain(text.trim());
});

test('release source refuses what it cannot log, before anything is read or written', async () => {
  const w = await workspaceWithSource();
  w.write('not-a-secret', 'hello');
  for (const [args, message] of [
    [['src'], 'usage: name the revision that the directory src holds with --revision'],
    [
      ['src', '--revision', 'r', '--confidential'],
      'usage: name the file for the secret of a confidential tree with --secret',
    ],
    [['src', '--revision', 'r', '--secret', 's'], 'usage: --secret goes with --confidential'],
    [
      ['src', '--revision', 'r', '--confidential', '--secret', 'src/s'],
      'usage: --secret src/s is in src, which is released: put it elsewhere',
    ],
    [
      ['src', '--revision', 'r', '--confidential', '--secret', 'not-a-secret'],
      'usage: not-a-secret does not hold the secret of a source tree: 64 hex digits',
    ],
    [['src', '--revision', 'r\n'], 'usage: --revision '],
    [['nothing'], 'file-missing: nothing is no directory, and no git revision in the current one: '],
    [['vendor.vkey', '--revision', 'r'], 'file-type: vendor.vkey is not a directory'],
  ] as const) {
    const { stderr } = await refusedRun(w, [...SOURCE, ...args]);
    expect(stderr).toContain(`vitrine: ${message}`);
  }
  const bad = await refusedRun(w, [...SOURCE.slice(0, 3), 'acme av', ...SOURCE.slice(4), 'src', '--revision', 'r']);
  expect(bad).toMatchObject({ status: 2, stderr: expect.stringMatching(/^vitrine: usage: --product /) });
  expect(w.files('src')).toEqual(['build.sh', 'lib/a.c', 'link', 'main.c']);
});

test('the secret of a tree is not written into it, nor lost under the request', async () => {
  const w = await workspaceWithSource();
  symlinkSync('src/lib', w.path('way'));
  const confidential = [...SOURCE, 'src', '--revision', 'r', '--confidential', '--secret'];
  for (const secret of ['src/..secret', 'way/secret', 'src/lib/../secret']) {
    const { stderr } = await refusedRun(w, [...confidential, secret]);
    expect(stderr).toBe(`vitrine: usage: --secret ${secret} is in src, which is released: put it elsewhere\n`);
  }
  const { stderr } = await refusedRun(w, [...confidential, 'k', '--offline', '--out', './k', '--force']);
  expect(stderr).toBe('vitrine: usage: --out and --secret are both k\n');
  expect(w.files()).not.toContain('k');
  expect(await w.run([...confidential, '..secret'])).toMatchObject({ status: 0 });
});

test('a tree with what it cannot represent is refused, and no secret is left', async () => {
  const w = await workspaceWithSource();
  execFileSync('mkfifo', [w.path('src', 'pipe')]);
  const args = [...SOURCE, 'src', '--revision', 'r', '--confidential', '--secret', 'secret'];
  expect(await refusedRun(w, args)).toMatchObject({
    status: 2,
    stderr: expect.stringMatching(/^vitrine: source-unrepresentable: .*pipe/),
  });
  expect(w.files()).not.toContain('secret');
});

test('a source by a key that the log has not admitted is refused', async () => {
  const w = await workspaceWithSource();
  const args = [...SOURCE.slice(0, -1), 'other.key', 'src', '--revision', 'r'];
  expect(await refusedRun(w, args)).toMatchObject({
    status: 1,
    stderr: expect.stringContaining(
      'vitrine: admission-key: the log does not take statements of the key "other.example"',
    ),
  });
  const byReviewer = await refusedRun(w, [...SOURCE.slice(0, -1), 'reviewer.key', 'src', '--revision', 'r']);
  expect(byReviewer.stderr).toContain('vitrine: admission-role: ');
  expect(sizeOf(w)).toBe(2);
});
