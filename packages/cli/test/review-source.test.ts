import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { done, logged, REVIEWER, workspaceWithSource, write } from './support/releases.ts';
import { refusedRun, sizeOf } from './support/statement-workspace.ts';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

test('a review of a source is logged if the source is the one that was logged', async () => {
  const w = await workspaceWithSource();
  w.write('report', 'all is well');
  const { stdout, stderr } = await done(w, ['review', 'source', '2', 'src', ...REVIEWER]);
  expect(stdout).toMatch(
    /^4 {2}\S{44} {2}review {6}reviewed: source acme-av 1\.0 \(leaf 2\) {2}by reviewer\.example {2}\S+\n$/,
  );
  expect(stderr).toMatch(/^vitrine: this is the source that was logged: 3 files, 24 bytes, root [0-9a-f]{64}\n$/);
  expect(
    await logged(w, [
      'review',
      'source',
      '2',
      './src',
      '--verdict',
      'rejected',
      '--method',
      'by hand',
      '--evidence',
      'report',
      ...REVIEWER,
    ]),
  ).toMatchObject({ verdict: 'rejected', method: 'by hand', evidence: sha256('all is well') });
});

test.each([
  ['a byte changed', { 'src/main.c': 'int Main;\n' }],
  ['a file added', { 'src/new': '' }],
])('another source is refused, whatever the verdict: %s', async (_, files) => {
  const w = await workspaceWithSource();
  write(w, files);
  for (const verdict of ['reviewed', 'rejected']) {
    const { status, stderr } = await refusedRun(w, ['review', 'source', '2', 'src', '--verdict', verdict, ...REVIEWER]);
    expect(status).toBe(1);
    expect(stderr).toMatch(
      /^vitrine: source-differs: this is not the source that was logged: expected 3 files, 24 bytes, root [0-9a-f]{64}; found [34] files, 24 bytes, root [0-9a-f]{64}\n$/,
    );
  }
});

test('a confidential source needs its secret, and another secret does not do', async () => {
  const w = await workspaceWithSource('--confidential', '--secret', 'secret');
  const review = ['review', 'source', '2', 'src', ...REVIEWER];
  const without = await refusedRun(w, review);
  expect(without.stderr).toBe(
    'vitrine: usage: the source is confidential: name the file with the secret of its tree with --secret\n',
  );
  w.write('other', `${'ab'.repeat(32)}\n`);
  const wrong = await refusedRun(w, [...review, '--secret', 'other']);
  expect(wrong.status).toBe(1);
  expect(wrong.stderr).toMatch(/^vitrine: source-differs: .*; is the secret the right one\?\n$/);
  await done(w, [...review, '--secret', 'secret']);
  const open = await workspaceWithSource();
  const needless = await refusedRun(open, [...review, '--secret', 'other']);
  expect(needless.stderr).toMatch(/^vitrine: usage: .*leave out --secret\n$/);
});

test('what is no source of this log is not reviewed as one', async () => {
  const w = await workspaceWithSource();
  const admission = await refusedRun(w, ['review', 'source', '0', 'src', ...REVIEWER]);
  expect(admission.status).toBe(1);
  expect(admission.stderr).toBe(
    'vitrine: admission-subject: 0 is of the type admission, and what is needed is of the type source\n',
  );
  w.write('source.cose', (await w.run(['show', '2', '--bytes', '--log', 'log'])).stdoutBytes);
  const out = ['--key', 'reviewer.key', '--offline', '--origin', 'example.com/other', '--out', 'request'];
  const other = await refusedRun(w, ['review', 'source', 'source.cose', 'src', ...out]);
  expect(other.stderr).toMatch(
    /^vitrine: admission-audience: source\.cose is a statement for the log example\.com\/log, /,
  );
  expect(w.files()).not.toContain('request');
});

test('a review that is signed without the log is the same one when it is submitted', async () => {
  const w = await workspaceWithSource();
  w.write('source.cose', (await w.run(['show', '2', '--bytes', '--log', 'log'])).stdoutBytes);
  const out = ['--key', 'reviewer.key', '--offline', '--origin', 'example.com/log', '--out', 'request'];
  const { stdout } = await done(w, ['review', 'source', 'source.cose', 'src', ...out]);
  expect(await sizeOf(w)).toBe(4);
  const submitted = await done(w, ['submit', 'request', '--log', 'log']);
  expect(submitted.stdout).toContain(stdout.slice(0, 44));
});

test('a review by a key that is not admitted is refused', async () => {
  const w = await workspaceWithSource();
  const result = await refusedRun(w, ['review', 'source', '2', 'src', '--log', 'log', '--key', 'other.key']);
  expect(result.stderr).toMatch(/\nvitrine: admission-key: /);
  expect(result.status).toBe(1);
});
