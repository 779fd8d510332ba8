import { parseBundle } from '@vitrine/verifier';
import { expect, test } from 'vitest';
import { workspaceOfAgent } from './support/agent-workspace.ts';
import { appendStatements, build, LEAF_10 } from './support/index-workspace.ts';
import { parseAs } from './support/json-schema.ts';
import { done } from './support/releases.ts';
import { VENDOR_KEY } from './support/statement-workspace.ts';

const LOG = ['--log', 'log'];

test('a release is named by its index, its leaf hash, its statement or a file that it has', async () => {
  const w = await workspaceOfAgent();
  const expected = w.read('av-1.2.vitrine');
  const shown = await w.run(['show', '10', '--bytes', ...LOG]);
  w.write('statement', shown.stdoutBytes);
  for (const reference of ['10', LEAF_10, './statement', 'av-1.2']) {
    const { stdoutBytes, stderr } = await done(w, ['bundle', reference, ...LOG]);
    expect(stdoutBytes.equals(expected), reference).toBe(true);
    expect(stderr).toBe(`vitrine: bundle of acme-av/stable at leaf 10, tree size 22, ${expected.length} bytes\n`);
  }
  expect(parseBundle(new Uint8Array(expected))).toMatchObject({ release: 10 });
});

test('bundle --json says what was written', async () => {
  const w = await workspaceOfAgent();
  const { stdout } = await done(w, ['bundle', '10', '--out', 'out', '--json', ...LOG]);
  expect(parseAs('bundle', stdout)).toEqual({
    format: 'bundle',
    bundle: 'out',
    bytes: w.read('out').length,
    leaf: 10,
    stream: 'acme-av/stable',
    size: 22,
    unwitnessed: false,
  });
});

test('a bundle shows that the log grew from earlier sizes', async () => {
  const w = await workspaceOfAgent();
  await done(w, ['bundle', '10', '--from-size', '11,22', '--out', 'out', ...LOG]);
  expect(parseBundle(new Uint8Array(w.read('out'))).earlier.map(({ size }) => size)).toEqual([11, 22]);
});

test('a release that no witness has seen yet needs a word', async () => {
  const w = await workspaceOfAgent();
  await appendStatements(w, [[VENDOR_KEY, build('1.3')]]);
  const { status, stderr } = await w.run(['bundle', '22', ...LOG]);
  expect({ status, stderr }).toMatchObject({ status: 2, stderr: expect.stringContaining('checkpoint-missing') });
  const newest = await done(w, ['bundle', '22', '--newest', '--out', 'out', ...LOG]);
  expect(newest.stderr).toContain('tree size 24, ');
  expect(newest.stderr).toContain(', unwitnessed\n');
});

test.each([
  ['a statement that is no release', ['16'], 2, 'usage: leaf 16 is a review: a bundle is of a build or a database'],
  ['an index entry', ['11'], 2, 'usage: leaf 11 is no statement'],
  [
    'a file that no release has',
    ['trust'],
    1,
    'entry-missing: no release in the first 22 leaves of example.com/log lists trust',
  ],
  ['a leaf that is not there', ['99'], 1, 'entry-missing: the log example.com/log has 22 leaves, and no leaf 99'],
  ['a file that is not there', ['nowhere'], 3, 'file-missing: nowhere'],
  ['a size that is not there', ['10', '--from-size', '23'], 2, 'usage: --from-size 23 is above the 22 leaves'],
  ['sizes that do not grow', ['10', '--from-size', '8,8'], 2, 'in increasing order'],
  ['a manifest for a release without one', ['10', '--manifest', 'trust'], 2, 'usage: the release has no manifest'],
  ['--json without a file', ['10', '--json'], 2, 'name the file of the bundle with --out'],
])('bundle refuses %s', async (_, args, status, message) => {
  const w = await workspaceOfAgent();
  const result = await w.run(['bundle', ...args, ...LOG]);
  expect({ status: result.status, stdout: result.stdout }).toEqual({ status, stdout: '' });
  expect(result.stderr).toContain(message);
});

test('bundle does not overwrite a file without --force', async () => {
  const w = await workspaceOfAgent();
  w.write('out', 'kept');
  expect(await w.run(['bundle', '10', '--out', 'out', ...LOG])).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('file-exists'),
  });
  expect(w.read('out').toString()).toBe('kept');
  await done(w, ['bundle', '10', '--out', 'out', '--force', ...LOG]);
});
