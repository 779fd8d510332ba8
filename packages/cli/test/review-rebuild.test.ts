import { createHash } from 'node:crypto';
import { chmodSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { parseAs } from './support/json-schema.ts';
import { done, logged, REVIEWER, VENDOR, write } from './support/releases.ts';
import { refusedRun, sizeOf, workspaceWithStatements } from './support/statement-workspace.ts';
import type { Transcript, Workspace } from './support/workspace.ts';

const sha256 = (content: string | Uint8Array): string => createHash('sha256').update(content).digest('hex');

const BUILD = ['--product', 'acme-av', '--version', '1.0', '--channel', 'stable'];

/** A log with a build of `theirs/a.gz` and `theirs/b.txt` at leaf 2; `mine` has the same. */
async function workspaceWithBuild(): Promise<Workspace> {
  const w = await workspaceWithStatements();
  const [a, b] = [gzipSync('signed: one\ncontent\n'), 'text\n'];
  write(w, { 'theirs/a.gz': a, 'theirs/b.txt': b, 'mine/a.gz': a, 'mine/b.txt': b });
  await done(w, ['release', 'build', 'theirs/a.gz', 'theirs/b.txt', ...BUILD, ...VENDOR]);
  return w;
}

/** The other a.gz, which is the same but for its first line. */
const OTHER = gzipSync('signed: other\ncontent\n');

const rebuild = (w: Workspace, ...args: string[]): Promise<Transcript> =>
  w.run(['review', 'rebuild', '2', ...args, ...REVIEWER]);

function program(w: Workspace, name: string, script: string): string {
  w.write(name, `#!/bin/sh\n${script}\n`);
  chmodSync(w.path(name), 0o755);
  return name;
}

test('a rebuild whose artifacts are all the same is reproduced', async () => {
  const w = await workspaceWithBuild();
  expect(await rebuild(w, 'mine/a.gz', 'mine/b.txt')).toMatchObject({
    status: 0,
    stdout: expect.stringMatching(/^4 {2}\S{44} {2}review {6}reproduced: build acme-av/),
    stderr: 'vitrine: 2 of 2 artifacts the same\n',
  });
  // A normalizer is not asked where nothing differs.
  const normalizer = ['--against', 'theirs', '--normalize', program(w, 'normalize', 'exit 1')];
  expect(await logged(w, ['review', 'rebuild', '2', 'mine', ...normalizer, ...REVIEWER])).toEqual({
    subject: expect.any(String),
    verdict: 'reproduced',
  });
});

test('a rebuild that differs is shown, and nothing is logged', async () => {
  const w = await workspaceWithBuild();
  write(w, { 'mine/a.gz': OTHER });
  const { status, stdout, stderr } = await rebuild(w, 'mine');
  expect(status).toBe(1);
  const theirs = w.read('theirs/a.gz');
  expect(stdout).toBe(
    [
      'different   a.gz',
      `  theirs  ${sha256(theirs)}  ${theirs.length} bytes`,
      `  mine    ${sha256(OTHER)}  ${OTHER.length} bytes`,
      'same        b.txt',
      '',
    ].join('\n'),
  );
  expect(stderr).toBe(
    'vitrine: 1 of 2 artifacts the same\nvitrine: rebuild-differs: 1 of 2 artifacts differ, and nothing was logged; ' +
      '--against <dir> shows where, with the artifacts of the vendor\n',
  );
  expect(await sizeOf(w)).toBe(4);
});

test('--against shows what differs inside', async () => {
  const w = await workspaceWithBuild();
  write(w, { 'mine/a.gz': OTHER });
  const { status, stdout } = await rebuild(w, 'mine', '--against', 'theirs');
  expect(status).toBe(1);
  expect(stdout).toContain(
    [
      '  gzip, theirs / mine:',
      '    different    the content',
      `      content  20 bytes ${sha256('signed: one\ncontent\n').slice(0, 16)} / 22 bytes ${sha256('signed: other\ncontent\n').slice(0, 16)}`,
      'same        b.txt',
    ].join('\n'),
  );
  const json = await rebuild(w, 'mine', '--against', 'theirs', '--json');
  expect(parseAs('review-rebuild', json.stdout)).toMatchObject({
    artifacts: [
      { name: 'a.gz', result: 'different', archive: { format: 'gzip', members: [{ aspects: ['content'] }] } },
      { name: 'b.txt', result: 'same' },
    ],
  });
  expect(parseAs('error', json.stderr)).toMatchObject({ error: { code: 'rebuild-differs' } });
  expect(await sizeOf(w)).toBe(4);
});

test('--verdict rejected logs that it differs, and also that something is missing', async () => {
  const w = await workspaceWithBuild();
  write(w, { 'mine/a.gz': OTHER });
  const args = ['--verdict', 'rejected', '--method', 'two machines'];
  const { status, stdout } = await rebuild(w, 'mine/a.gz', ...args);
  expect(status).toBe(0);
  expect(stdout).toMatch(
    /^different {3}a\.gz\n[\s\S]*\nmissing {5}b\.txt\n[\s\S]*\n4 {2}\S{44} {2}review {6}rejected: build acme-av/,
  );
  expect(await logged(w, ['review', 'rebuild', '2', 'mine', ...args, ...REVIEWER])).toEqual({
    subject: expect.any(String),
    verdict: 'rejected',
    method: 'two machines',
  });
});

test('artifacts that a normalizer makes equal are equivalent, and its digest is logged', async () => {
  const w = await workspaceWithBuild();
  write(w, { 'mine/a.gz': OTHER });
  program(w, 'strip', 'gunzip | tail -n +2');
  const args = ['--against', 'theirs', '--normalize', './strip'];
  expect(await logged(w, ['review', 'rebuild', '2', 'mine', ...args, ...REVIEWER])).toEqual({
    subject: expect.any(String),
    verdict: 'equivalent',
    normalizer: { name: 'strip', sha256: sha256(w.read('strip')) },
  });
});

test('a normalizer can open its input, and seek in it', async () => {
  const w = await workspaceWithBuild();
  write(w, { 'mine/a.gz': OTHER });
  // Of a pipe, as of a socket, nothing can be read twice.
  program(w, 'strip', 'test -f /dev/stdin || exit 1; gunzip < /dev/stdin | wc -l; gunzip < /dev/stdin | tail -n +2');
  const args = ['--against', 'theirs', '--normalize', './strip'];
  const before = ['theirs/a.gz', 'mine/a.gz'].map((name) => sha256(w.read(name)));
  expect(await logged(w, ['review', 'rebuild', '2', 'mine', ...args, ...REVIEWER])).toMatchObject({
    verdict: 'equivalent',
  });
  expect(['theirs/a.gz', 'mine/a.gz'].map((name) => sha256(w.read(name)))).toEqual(before);
});

test('artifacts that a normalizer leaves different are refused', async () => {
  const w = await workspaceWithBuild();
  write(w, { 'mine/a.gz': OTHER });
  program(w, 'strip', 'gunzip');
  const { status, stdout, stderr } = await rebuild(w, 'mine', '--against', 'theirs', '--normalize', 'strip');
  expect(status).toBe(1);
  expect(stdout).toContain(`  theirs, normalized  ${sha256('signed: one\ncontent\n')}\n`);
  expect(stderr).toContain('vitrine: rebuild-differs: ');
  expect(await sizeOf(w)).toBe(4);
});

test.each([
  ['exit 3', 'ended with exit status 3, on theirs/a.gz'],
  ['kill -9 $$', 'was ended by SIGKILL, on theirs/a.gz'],
  ['cat > /dev/null', 'makes the same of theirs/a.gz as of nothing at all'],
  ['cat > /dev/null; echo always', 'makes the same of theirs/a.gz as of nothing at all'],
])('a normalizer that shows nothing is an error: %s', async (script, message) => {
  const w = await workspaceWithBuild();
  write(w, { 'mine/a.gz': OTHER });
  program(w, 'normalize', script);
  const args = ['review', 'rebuild', '2', 'mine', '--against', 'theirs', '--normalize', 'normalize', ...REVIEWER];
  const { status, stderr } = await refusedRun(w, args);
  expect({ status, stderr }).toEqual({ status: 3, stderr: `vitrine: normalizer-failed: normalize ${message}\n` });
});

test('wrong use of review rebuild is refused before anything is read', async () => {
  const w = await workspaceWithBuild();
  write(w, { 'mine/a.gz': OTHER, stray: '', 'again/b.txt': '' });
  const cases: [string[], RegExp][] = [
    [['mine/a.gz'], /^vitrine: usage: the rebuild lacks b\.txt: name every artifact\n$/],
    [['mine', 'stray'], /^vitrine: usage: stray is not called as any artifact of the build: a\.gz, b\.txt\n$/],
    [['mine', 'again'], /^vitrine: usage: mine\/b\.txt and again\/b\.txt are both called b\.txt: which is it\?\n$/],
    [['mine', '--normalize', 'stray'], /^vitrine: usage: --normalize runs on the vendor's artifacts too/],
    [['mine', '--against', 'theirs', '--normalize', 'stray'], /^vitrine: file-type: stray cannot be executed/],
    [['nowhere'], /^vitrine: file-missing: nowhere: /],
    [
      ['mine', '--verdict', 'reproduced'],
      /^vitrine: usage: option '--verdict <verdict>' argument 'reproduced' is invalid/,
    ],
    [['mine', '--evidence', 'nowhere'], /^vitrine: file-missing: nowhere: /],
    [['mine', '--method', 'a\nb'], /^vitrine: usage: --method is not /],
  ];
  for (const [args, error] of cases) {
    const { status, stderr } = await refusedRun(w, ['review', 'rebuild', '2', ...args, ...REVIEWER]);
    expect(stderr).toMatch(error);
    expect(status).toBeGreaterThan(1);
  }
});

test('the files of --against must be those that were logged', async () => {
  const w = await workspaceWithBuild();
  write(w, { 'mine/a.gz': OTHER });
  const result = await refusedRun(w, ['review', 'rebuild', '2', 'mine', '--against', 'mine', ...REVIEWER]);
  expect(result.status).toBe(1);
  expect(result.stderr).toMatch(/^vitrine: artifact-differs: mine\/a\.gz is not the file that was logged: expected /);
});

test('a build with a manifest is compared by what that lists', async () => {
  const w = await workspaceWithBuild();
  const release = ['release', 'build', 'theirs/a.gz', 'theirs/b.txt', '--manifest', 'theirs/list', ...BUILD, ...VENDOR];
  await done(w, release);
  const review = ['review', 'rebuild', '4', 'mine', ...REVIEWER];
  const without = await refusedRun(w, review);
  expect(without.stderr).toBe(
    'vitrine: usage: the artifacts are listed in list: name the directory that has it with --against\n',
  );
  expect(await logged(w, [...review, '--against', 'theirs'])).toMatchObject({ verdict: 'reproduced' });
  w.write('theirs/list', w.read('theirs/list').toString().replace(/^./, 'x'));
  const changed = await refusedRun(w, [...review, '--against', 'theirs']);
  expect(changed.stderr).toMatch(/^vitrine: artifact-differs: theirs\/list is not the file that was logged/);
});
