import { execFileSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { statSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parseAs } from './support/json-schema.ts';
import { changeProof, done, logged, proofIn, VENDOR, verifyHere, write, writePolicy } from './support/releases.ts';
import { refusedRun, workspaceWithStatements } from './support/statement-workspace.ts';
import type { Workspace } from './support/workspace.ts';

const LOG = ['--log', 'log'];
const WHAT = ['--category', 'disclosures', '--site', 'Zurich', '--from', '2030-01-01', '--to', '2030-04-01'];
const HANDLING = ['handling', 'report.txt', ...WHAT];

async function workspaceWithDocument(): Promise<Workspace> {
  const w = await workspaceWithStatements();
  writePolicy(w);
  write(w, { 'report.txt': 'nobody asked\n', 'other.txt': 'somebody asked\n' });
  return w;
}

const refused = (code: string, status = 1): object => ({
  status,
  stdout: '',
  stderr: expect.stringMatching(new RegExp(`^vitrine: ${code}: `)),
});

test('a commitment is logged, and its opening stays with the owner', async () => {
  const w = await workspaceWithDocument();
  const payload = await logged(w, [...HANDLING, ...VENDOR]);
  const opening = w.read('report.txt.opening').toString();
  expect(opening).toMatch(/^[0-9a-f]{64}\n$/);
  expect(statSync(w.path('report.txt.opening')).mode & 0o777).toBe(0o600);
  expect(payload).toEqual({
    category: 'disclosures',
    site: 'Zurich',
    period: { from: Date.UTC(2030, 0) / 1000, to: Date.UTC(2030, 3) / 1000 },
    commitment: createHmac('sha256', Buffer.from(opening.trim(), 'hex')).update('nobody asked\n').digest('hex'),
  });
  // Another opening each time.
  const again = await done(w, [...HANDLING, '--opening', 'second', ...VENDOR]);
  expect(again.stderr).toBe('vitrine: wrote second: keep it with the document, and from others\n');
  expect(w.read('second').toString()).not.toBe(opening);
});

test('an opening is never overwritten, and none is left behind where nothing was logged', async () => {
  const w = await workspaceWithDocument();
  write(w, { 'report.txt.opening': 'mine' });
  const there = await refusedRun(w, [...HANDLING, ...VENDOR]);
  expect(there).toEqual(expect.objectContaining(refused('file-exists', 2)));
  expect(w.read('report.txt.opening').toString()).toBe('mine');

  const before = w.files().filter((name) => !name.startsWith('log'));
  const unknown = ['--opening', 'o', '--log', 'log', '--key', 'other.key'];
  expect(await refusedRun(w, [...HANDLING, ...unknown])).toEqual(expect.objectContaining(refused('admission-key')));
  expect(await refusedRun(w, [...HANDLING, '--opening', 'no/where', ...VENDOR])).toEqual(
    expect.objectContaining(refused('file-missing', 3)),
  );
  const backwards = ['--from', '2030-04-01', '--to', '2030-01-01'];
  const wrong = ['handling', 'report.txt', '--category', 'c', '--site', 's', ...backwards, '--opening', 'o', ...VENDOR];
  expect(await refusedRun(w, wrong)).toEqual(expect.objectContaining(refused('usage', 2)));
  expect(w.files().filter((name) => !name.startsWith('log'))).toEqual(before);
});

test('an opening is not lost under the request', async () => {
  const w = await workspaceWithDocument();
  const offline = ['--offline', '--origin', 'example.com/log', '--key', 'vendor.key', '--force', '--out'];
  for (const more of [['report.txt.opening'], ['o', '--opening', './o']]) {
    expect(await refusedRun(w, [...HANDLING, ...offline, ...more])).toEqual(
      expect.objectContaining(refused('usage', 2)),
    );
  }
  expect(w.files()).not.toContain('o');
});

test('a document is a file that is still there when it is to be disclosed', async () => {
  const w = await workspaceWithDocument();
  execFileSync('mkfifo', [w.path('pipe')]);
  const what = ['--category', 'c', '--site', 's', '--from', '2030-01-01', '--to', '2030-04-01'];
  for (const document of ['pipe', 'log']) {
    const result = await refusedRun(w, ['handling', document, ...what, ...VENDOR]);
    expect(result).toEqual(expect.objectContaining(refused('file-type', 3)));
  }
});

test('an opening is removed if nothing can have been logged, and kept if something can', async () => {
  const w = await workspaceWithDocument();
  const failing = ['--vkey', 'vendor.vkey', '--signer-command', 'false', '--log', 'log'];
  expect(await refusedRun(w, [...HANDLING, ...failing])).toMatchObject({
    stderr: expect.stringContaining('vitrine: signer-failed: '),
  });
  expect(w.files()).not.toContain('report.txt.opening');
  const offline = '--offline --origin example.com/log --key vendor.key --out - > /dev/full';
  const { status, stderr } = await w.runInShell(`${HANDLING.join(' ')} ${offline}`);
  expect(status).toBe(3);
  expect(stderr).toMatch(
    /^vitrine: kept report\.txt\.opening: the commitment may have been logged all the same\nvitrine: file-io: /,
  );
  expect(w.files()).toContain('report.txt.opening');
});

test('a document is disclosed, and verified without the log', async () => {
  const w = await workspaceWithDocument();
  await done(w, [...HANDLING, ...VENDOR]);
  const { stderr } = await done(w, ['disclose', '2', 'report.txt', '--out', 'report.txt.tlog-proof', ...LOG]);
  expect(stderr).toBe(
    'vitrine: wrote report.txt.tlog-proof: report.txt, statement 2 of example.com/log, tree size 4, unwitnessed\n',
  );
  const { stdout } = await done(w, ['verify', 'report.txt', '--policy', 'policy', '--signer', 'vendor.vkey']);
  expect(stdout).toMatch(/^verified {4}report\.txt is the document that was committed to\nsignature {3}verified with /);
  expect(stdout).toMatch(/^period {6}2030-01-01T00:00:00Z to 2030-04-01T00:00:00Z$/m);
  const json = await verifyHere(w, 'report.txt', '--json');
  expect(parseAs('verify', json.stdout)).toMatchObject({ verified: 'document', statement: { type: 'handling' } });
  const proof = await done(w, ['disclose', '2', 'report.txt', '--json', ...LOG]);
  expect(parseAs('disclose', proof.stdout)).toMatchObject({ document: 'report.txt', index: 2 });
});

test('another document and another opening are refused, to disclose and to verify', async () => {
  const w = await workspaceWithDocument();
  await done(w, [...HANDLING, ...VENDOR]);
  await done(w, ['handling', 'other.txt', ...WHAT, ...VENDOR]);
  const disclose = async (...args: string[]): Promise<unknown> => refusedRun(w, ['disclose', ...args, ...LOG]);
  const mismatch = expect.objectContaining(refused('statement-proof-mismatch'));
  expect(await disclose('2', 'other.txt')).toEqual(mismatch);
  expect(await disclose('2', 'other.txt', '--opening', 'report.txt.opening')).toEqual(mismatch);
  expect(await disclose('2', 'report.txt', '--opening', 'other.txt.opening')).toEqual(mismatch);
  expect(await disclose('0', 'report.txt')).toEqual(expect.objectContaining(refused('admission-subject')));
  expect(await disclose('2', 'report.txt', '--opening', 'vendor.key')).toEqual(
    expect.objectContaining({ status: 2, stderr: expect.not.stringContaining('PRIVATE') }),
  );

  for (const [leaf, name] of [
    ['2', 'report.txt'],
    ['4', 'other.txt'],
  ] as const) {
    await done(w, ['disclose', leaf, name, '--out', `${name}.tlog-proof`, ...LOG]);
  }
  const proof = 'report.txt.tlog-proof';
  expect(await verifyHere(w, 'report.txt', '--proof', proof)).toMatchObject({ status: 0 });
  expect(await verifyHere(w, 'other.txt', '--proof', proof)).toEqual(refused('statement-proof-mismatch'));
  const { statement, key } = proofIn(w, 'other.txt.tlog-proof', 'document');
  const own = proofIn(w, proof, 'document');
  changeProof(w, proof, () => ({ extra: { ...own, key } }));
  expect(await verifyHere(w, 'report.txt', '--proof', proof)).toEqual(refused('statement-proof-mismatch'));
  changeProof(w, proof, () => ({ extra: { ...own, statement } }));
  expect(await verifyHere(w, 'report.txt', '--proof', proof)).toEqual(refused('proof-mismatch'));
});
