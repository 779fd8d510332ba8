import { expect, test } from 'vitest';
import { done, logged, REVIEWER, VENDOR, write } from './support/releases.ts';
import { refusedRun, workspaceWithStatements } from './support/statement-workspace.ts';
import type { Workspace } from './support/workspace.ts';

const REVIEW = ['review', 'database', '2'];
const REVIEWED = ['--verdict', 'reviewed', ...REVIEWER];

async function workspaceWithDatabase(path: string, ...options: readonly string[]): Promise<Workspace> {
  const w = await workspaceWithStatements();
  write(w, { 'rules.txt': 'rule a\nrule b\n', 'set/one.txt': 'rule a\n', 'set/two.txt': 'rule b\n' });
  await done(w, ['release', 'database', path, '--name', 'acme-rules', '--next', ...options, ...VENDOR]);
  return w;
}

test('a review of a database is logged if the database is the one that was logged', async () => {
  const w = await workspaceWithDatabase('rules.txt');
  const { stderr } = await done(w, [...REVIEW, 'rules.txt', ...REVIEWED]);
  expect(stderr).toMatch(/^vitrine: this is the database that was logged: 1 file, 2 records, root [0-9a-f]{64}\n$/);
  // Under any name.
  write(w, { 'renamed.txt': 'rule a\nrule b\n' });
  const rejected = ['--verdict', 'rejected', '--method', 'false positives', ...REVIEWER];
  expect(await logged(w, [...REVIEW, 'renamed.txt', ...rejected])).toEqual({
    subject: expect.stringMatching(/^[0-9a-f]{64}$/),
    verdict: 'rejected',
    method: 'false positives',
  });
});

test('a review without the database says whose word that is', async () => {
  const w = await workspaceWithDatabase('rules.txt');
  const { stderr } = await done(w, [...REVIEW, ...REVIEWED]);
  expect(stderr).toBe('vitrine: no database was named: the verdict rests on your word that it is the logged one\n');
});

test('another database is refused', async () => {
  const w = await workspaceWithDatabase('rules.txt');
  // The same records: it is still another file.
  write(w, { 'rules.txt': 'rule b\nrule a\n' });
  const { status, stderr } = await refusedRun(w, [...REVIEW, 'rules.txt', ...REVIEWED]);
  expect(status).toBe(1);
  expect(stderr).toMatch(/^vitrine: artifact-differs: rules\.txt is not the file that was logged: expected 14 bytes, /);
});

test('records that were not those of the files are refused', async () => {
  const w = await workspaceWithDatabase('rules.txt');
  const statement = await logged(w, ['release', 'database', 'rules.txt', '--name', 'acme-rules', '--next', ...VENDOR]);
  const { signStatement } = await import('@vitrine/signer');
  const { ed25519Signer } = await import('@vitrine/core');
  const { VENDOR_KEY } = await import('./support/statement-workspace.ts');
  const [artifact] = statement['artifacts'] as { name: string; size: number; sha256: string }[];
  const lie = await signStatement(
    {
      type: 'database',
      name: 'acme-rules',
      sequence: 3,
      artifacts: [{ ...artifact!, sha256: new Uint8Array(Buffer.from(artifact!.sha256, 'hex')) }],
      records: { root: new Uint8Array(32), count: 2, format: { reader: 'lines' } },
    },
    { signer: ed25519Signer(VENDOR_KEY), audience: 'example.com/log', issuedAt: 1 },
  );
  w.write('lie.cose', lie);
  await done(w, ['submit', 'lie.cose', '--log', 'log']);
  const { status, stderr } = await refusedRun(w, ['review', 'database', '6', 'rules.txt', ...REVIEWED]);
  expect(status).toBe(1);
  expect(stderr).toMatch(
    /^vitrine: records-differ: rules\.txt does not have the records that were logged: expected 2 /,
  );
});

test.each([
  ['in the statement', []],
  ['in a manifest', ['--manifest', 'list']],
])('the files of a directory are compared with those %s', async (_, options) => {
  const w = await workspaceWithDatabase('set', ...options);
  await done(w, [...REVIEW, 'set', ...REVIEWED]);
  write(w, { 'set/three.txt': '' });
  const more = await refusedRun(w, [...REVIEW, 'set', ...REVIEWED]);
  expect(more).toMatchObject({ status: 1, stderr: expect.stringMatching(/^vitrine: artifact-differs: set /) });
  const one = await refusedRun(w, [...REVIEW, 'set/one.txt', ...REVIEWED]);
  expect(one).toMatchObject({ status: 1, stderr: expect.stringMatching(/^vitrine: artifact-differs: set\/one\.txt /) });
});

test('a verdict is needed, and one that a database can have', async () => {
  const w = await workspaceWithDatabase('rules.txt');
  expect(await refusedRun(w, [...REVIEW, 'rules.txt', ...REVIEWER])).toMatchObject({ status: 2 });
  expect(await refusedRun(w, [...REVIEW, '--verdict', 'reproduced', ...REVIEWER])).toMatchObject({ status: 2 });
});
