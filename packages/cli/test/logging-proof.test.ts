import { rmSync } from 'node:fs';
import { formatVkey, parseTlogProof } from '@vitrine/core';
import { formatTransparentStatement, parseTransparentStatement } from '@vitrine/verifier';
import { expect, test } from 'vitest';
import { workspaceOfAgent } from './support/agent-workspace.ts';
import { appendStatements, build, LEAF_10 } from './support/index-workspace.ts';
import { parseAs } from './support/json-schema.ts';
import { done } from './support/releases.ts';
import { OTHER_KEY, VENDOR_KEY } from './support/statement-workspace.ts';
import { type Transcript, type Workspace, workspace } from './support/workspace.ts';

const LOG = ['--log', 'log'];
const SIGNER = ['--signer', 'vendor.vkey'];

/** The workspace of an agent, with both proofs of build 1.2, whose file is `av.bin` too. */
async function workspaceWithProofs(): Promise<Workspace> {
  const w = await workspaceOfAgent();
  w.write('av.bin', '1.2');
  await done(w, ['bundle', '10', '--format', 'tlog-proof', '--out', 'av.bin.tlog-proof', ...LOG]);
  await done(w, ['bundle', '10', '--format', 'cose', '--out', 'av.cose', ...LOG]);
  w.write('statement', (await done(w, ['show', '10', '--bytes', ...LOG])).stdoutBytes);
  return w;
}

const verify = (w: Workspace, ...args: readonly string[]): Promise<Transcript> => w.run(['verify', ...args]);

const refused = (code: string) => ({ status: 1, stdout: '', stderr: expect.stringContaining(`vitrine: ${code}: `) });

test('bundle --format tlog-proof has the statement, and is verified with its file or without', async () => {
  const w = await workspaceWithProofs();
  const statement = w.read('statement');
  expect(parseTlogProof(w.read('av.bin.tlog-proof')).extra).toEqual(new Uint8Array(statement));
  const named = await verify(w, 'av.bin', '--policy', 'witnessed', ...SIGNER);
  expect(named).toMatchObject({ status: 0, stderr: '' });
  expect(named.stdout).toMatch(/^verified +a statement that names av\.bin is in the log, and nothing else: /);
  expect(named.stdout).toMatch(/^artifact +av\.bin, SHA-256 [0-9a-f]{64}$/m);
  expect(named.stdout).toMatch(/^signature +verified with the key acme\.example\+/m);
  expect(named.stdout).toMatch(/^witness +w4 /m);
  const alone = await verify(w, '--proof', 'av.bin.tlog-proof', '--policy', 'policy');
  expect(alone.stdout).toMatch(/^verified +the statement is in the log, and nothing else: /);
  expect(alone.stdout).toMatch(/^signature +NOT CHECKED/m);
  // The statement itself is the entry.
  const entry = await verify(w, 'statement', '--proof', 'av.bin.tlog-proof', '--policy', 'policy');
  expect(entry.stdout).toMatch(/^verified +statement is in the log$/m);
});

test('bundle --format cose is a statement with a receipt, and is verified as a proof, with its file or without', async () => {
  const w = await workspaceWithProofs();
  expect(parseTransparentStatement(new Uint8Array(w.read('av.cose'))).entry).toEqual(
    new Uint8Array(w.read('statement')),
  );
  const alone = await verify(w, '--proof', 'av.cose', '--policy', 'policy', ...SIGNER);
  expect(alone).toMatchObject({ status: 0, stderr: '' });
  expect(alone.stdout).toMatch(/^verified +the statement is in the log, and nothing else: /);
  expect(alone.stdout).toMatch(/^index +10 \(the receipt's claim\)$/m);
  expect(alone.stdout).toMatch(/^tree size +22 \(the receipt's claim\)$/m);
  expect(alone.stdout).toMatch(/^witnesses +unwitnessed$/m);
  const named = await verify(w, 'av-1.2', '--name', 'av.bin', '--proof', 'av.cose', '--policy', 'policy', ...SIGNER);
  expect(named.stdout).toMatch(/^verified +a statement that names av-1\.2 is in the log/);
});

test('both say in JSON what was shown', async () => {
  const w = await workspaceWithProofs();
  const common = {
    verified: 'logging',
    file: 'av.bin',
    leafHash: LEAF_10,
    origin: 'example.com/log',
  };
  const of = async (...args: string[]) =>
    parseAs('verify', (await done(w, ['verify', 'av.bin', ...args, '--json'])).stdout);
  expect(await of('--policy', 'witnessed', ...SIGNER)).toMatchObject({
    ...common,
    by: 'tlog-proof',
    artifact: { name: 'av.bin', size: 3 },
    index: 10,
    size: 22,
    unwitnessed: false,
  });
  expect(await of('--policy', 'policy', '--proof', 'av.cose', ...SIGNER)).toMatchObject({
    ...common,
    by: 'receipt',
    claimed: { index: 10, size: 22 },
    witnesses: [],
    unwitnessed: true,
  });
  const written = await done(w, ['bundle', '10', '--format', 'cose', '--out', 'again', '--json', ...LOG]);
  expect(parseAs('bundle', written.stdout)).toMatchObject({ format: 'cose', leaf: 10, size: 22, unwitnessed: true });
});

test('any statement can be proven to be logged, and shows nothing of a file', async () => {
  const w = await workspaceWithProofs();
  for (const format of ['tlog-proof', 'cose']) {
    await done(w, ['bundle', '16', '--format', format, '--out', format, ...LOG]);
    expect(await verify(w, '--proof', format, '--policy', 'policy')).toMatchObject({ status: 0 });
    const named = await verify(w, 'av.bin', '--proof', format, '--policy', 'policy', '--signer', 'reviewer.vkey');
    expect(named).toMatchObject(refused('statement-proof-mismatch'));
  }
});

test('refused is another file, another name, another signer, a policy that wants witnesses, another log', async () => {
  const w = await workspaceWithProofs();
  w.write('other.bin', '1.3');
  w.write('elsewhere', `log ${formatVkey(OTHER_KEY.vkey)}\nquorum none\n`);
  for (const proof of ['av.bin.tlog-proof', 'av.cose']) {
    const of = (...args: string[]) => verify(w, ...args, '--proof', proof);
    const policy = ['--policy', 'policy'];
    expect(await of('other.bin', '--name', 'av.bin', ...policy, ...SIGNER)).toMatchObject(
      refused('statement-proof-mismatch'),
    );
    expect(await of('av-1.2', ...policy, ...SIGNER)).toMatchObject(refused('statement-proof-mismatch'));
    expect(await of('av.bin', ...policy, '--signer', 'other.vkey')).toMatchObject(refused('statement-key'));
    expect(await of('av.bin', ...policy)).toMatchObject({ status: 2, stdout: '' });
    expect(await of('av.bin', '--policy', 'elsewhere', ...SIGNER)).toMatchObject(
      refused(proof === 'av.cose' ? 'receipt-log' : 'policy-log'),
    );
  }
  const alone = ['--proof', 'av.cose'];
  expect(await verify(w, ...alone, '--policy', 'witnessed')).toMatchObject(refused('receipt-unwitnessed'));
  expect(await verify(w, ...alone, '--policy', 'policy', '--stream', 'daily')).toMatchObject({ status: 2 });
  const agent = await w.run(['verify', 'av-1.2', '--name', 'av.bin', '--bundle', 'av.cose', '--trust', 'trust']);
  expect(agent).toMatchObject(refused('bundle-unreadable'));
});

test('a log that one has no key of gives no receipt, and says what serves without', async () => {
  const w = await workspaceWithProofs();
  rmSync(w.path('config'), { recursive: true });
  const { status, stderr } = await w.run(['bundle', '10', '--format', 'cose', ...LOG]);
  expect(status).toBe(3);
  expect(stderr).toContain('vitrine: key-missing: only the log itself can sign a receipt');
  expect(stderr).toContain('--format tlog-proof');
  expect(await w.run(['bundle', '10', '--format', 'cose', '--log-key', 'vendor.key', ...LOG])).toMatchObject({
    stdout: '',
    stderr: expect.stringContaining('vitrine: log-key: '),
  });
});

test('a receipt is over the newest checkpoint with --newest, though nobody cosigned it', async () => {
  const w = await workspaceWithProofs();
  await appendStatements(w, [[VENDOR_KEY, build('1.3')]]);
  expect(await w.run(['bundle', '22', '--format', 'cose', ...LOG])).toMatchObject({ status: 2, stdout: '' });
  const newest = await done(w, ['bundle', '22', '--format', 'cose', '--newest', '--out', 'new.cose', ...LOG]);
  expect(newest.stderr).toMatch(/^vitrine: statement with receipt of acme-av\/stable at leaf 22, tree size 24, /);
  expect(await verify(w, '--proof', 'new.cose', '--policy', 'policy')).toMatchObject({ status: 0 });
});

test.each([
  ['the index entry', ['11', '--format', 'cose'], 'usage: leaf 11 is no statement'],
  [
    'sizes with a tlog-proof',
    ['10', '--format', 'tlog-proof', '--from-size', '4'],
    'usage: --from-size goes with a bundle',
  ],
  ['a key with a bundle', ['10', '--log-key', 'vendor.key'], 'usage: --log-key goes with --format cose'],
  ['an unknown format', ['10', '--format', 'pdf'], "usage: option '--format <format>' argument 'pdf' is invalid"],
])('bundle refuses %s', async (_, args, message) => {
  const w = await workspaceOfAgent();
  const result = await w.run(['bundle', ...args, ...LOG]);
  expect(result).toMatchObject({ status: 2, stdout: '' });
  expect(result.stderr).toContain(message);
});

test('inspect says what a statement with receipts claims, and whose statement a tlog-proof has', async () => {
  const w = await workspaceWithProofs();
  const cose = await done(w, ['inspect', 'av.cose']);
  expect(cose.stdout).toMatch(/^kind +statement with receipts$/m);
  expect(cose.stdout).toMatch(/^receipt +leaf 10 of a tree of 22, by example\.com\/log\+/m);
  parseAs('inspect', (await done(w, ['inspect', 'av.cose', '--json'])).stdout);
  expect((await done(w, ['inspect', 'av.bin.tlog-proof'])).stdout).toMatch(/^about +build +acme-av\/stable 1\.2 /m);
});

test('a download is never its own proof: a statement with receipts can hold anything beside them', async () => {
  const w = await workspaceWithProofs();
  const { entry, receipts } = parseTransparentStatement(new Uint8Array(w.read('av.cose')));
  // Receipts by logs that nobody knows are ignored, and their names are text.
  const program = '\n\nexit\n#!/bin/sh echo anything\n';
  const junk = { ...receipts[0]!, origin: program };
  w.write('tool.run', formatTransparentStatement({ entry, receipts: [...receipts, junk] }));
  expect(w.read('tool.run').includes(program)).toBe(true);
  const named = await verify(w, 'tool.run', '--policy', 'policy', ...SIGNER);
  expect(named).toMatchObject(refused('statement-proof-mismatch'));
  expect(named.stderr).toContain('verify it with --proof');
  expect(await verify(w, 'tool.run', '--proof', 'tool.run', '--policy', 'policy', ...SIGNER)).toMatchObject(
    refused('statement-proof-mismatch'),
  );
});

test('a log of arbitrary entries gives no receipts, though an entry may look like a statement', async () => {
  const w = workspace();
  const log = ['--log', 'raw', '--json'];
  await done(w, ['init', 'raw', '--raw', '--origin', 'example.com/raw']);
  const { stdoutBytes } = await (await workspaceWithProofs()).run(['show', '10', '--bytes', ...LOG]);
  w.write('statement', stdoutBytes);
  await done(w, ['add', '--raw', 'statement', ...log]);
  expect(await w.run(['bundle', '0', '--format', 'cose', '--log', 'raw'])).toMatchObject({
    stdout: '',
    stderr: expect.stringContaining('vitrine: log-admission: example.com/raw takes arbitrary entries'),
  });
});
