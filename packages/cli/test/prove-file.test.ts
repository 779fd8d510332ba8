import { chmodSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { ed25519Signer, formatKeyId, formatVkey, parseTlogProof } from '@vitrine/core';
import { openStatement, parseStatement, signStatement } from '@vitrine/signer';
import { expect, test } from 'vitest';
import { parseAs } from './support/json-schema.ts';
import { changeProof, done, proofIn, VENDOR, verifyHere, workspaceWithSource, write } from './support/releases.ts';
import { refusedRun, VENDOR_KEY } from './support/statement-workspace.ts';
import { fixedKey, type Workspace, workspace } from './support/workspace.ts';

const LOG = ['--log', 'log'];

const VENDOR_NAME = `acme.example+${formatKeyId(VENDOR_KEY.vkey.keyId)}`;

async function proven(w: Workspace, path: string, ...options: readonly string[]): Promise<string> {
  const name = `${path.replaceAll('/', '-')}.tlog-proof`;
  await done(w, ['prove', 'file', path, '--of', '2', '--tree', './src', '--out', name, ...LOG, ...options]);
  return name;
}

const refused = (code: string, status = 1): object => ({
  status,
  stdout: '',
  stderr: expect.stringMatching(new RegExp(`^vitrine: ${code}: `)),
});

test('a file of a logged source is proven, and verified without the log', async () => {
  const w = await workspaceWithSource();
  const args = ['prove', 'file', './lib/a.h', '--of', '2', '--tree', './src', '--out', 'a.h.tlog-proof', ...LOG];
  expect(await done(w, args)).toMatchObject({
    stdout: '',
    stderr: 'vitrine: wrote a.h.tlog-proof: lib/a.h, statement 2 of example.com/log, tree size 4, unwitnessed\n',
  });
  write(w, { 'a.h': 'int a;\n' });
  const { status, stdout, stderr } = await w.run(['verify', 'a.h', '--policy', 'policy', '--signer', 'vendor.vkey']);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout.replace(/time {7}\S+/, 'time       T')).toBe(
    [
      'verified   a.h is in the source of acme-av 1.0',
      'path       lib/a.h',
      'mode       100644 (a file)',
      `signature  verified with the key ${VENDOR_NAME}`,
      'type       source',
      'stream     acme-av',
      `issuer     ${VENDOR_NAME}`,
      "time       T (the issuer's word)",
      'for log    example.com/log',
      'product    acme-av',
      'version    1.0',
      'revision   r1',
      'tree       3 files, 24 bytes',
      stdout.match(/^tree root {2}[0-9a-f]{64}$/m)![0],
      'index      2',
      stdout.match(/^leaf hash {2}\S{44}$/m)![0],
      'log        example.com/log',
      'tree size  4',
      stdout.match(/^root hash {2}\S{44}$/m)![0],
      'signed by  example.com/log 9be5d3c6 (ed25519)',
      'witnesses  unwitnessed',
      '',
    ].join('\n'),
  );
});

test('without --signer, verify says that nobody checked the signature', async () => {
  const w = await workspaceWithSource();
  const proof = await proven(w, 'main.c');
  const args = ['src/main.c', '--proof', proof];
  const { status, stdout } = await verifyHere(w, ...args);
  expect(status).toBe(0);
  expect(stdout).toMatch(/^signature {2}NOT CHECKED: name the key that you trust with --signer$/m);
  expect(parseAs('verify', (await verifyHere(w, ...args, '--json')).stdout)).toMatchObject({
    verified: 'file',
    path: 'main.c',
    mode: '100644',
    signer: null,
    statement: { type: 'source', issuer: 'acme.example' },
    unwitnessed: true,
  });
  const trusted = parseAs('verify', (await verifyHere(w, ...args, '--json', '--signer', 'vendor.vkey')).stdout);
  expect(trusted['signer']).toBe(formatVkey(VENDOR_KEY.vkey));
});

test('prove file --json has what the proof file has', async () => {
  const w = await workspaceWithSource();
  const proof = parseTlogProof(w.read(await proven(w, 'main.c')));
  const { stdout } = await done(w, ['prove', 'file', 'main.c', '--of', '2', '--tree', './src', '--json', ...LOG]);
  expect(parseAs('prove-file', stdout)).toMatchObject({
    path: 'main.c',
    index: 2,
    extra: Buffer.from(proof.extra!).toString('base64'),
    proof: proof.proof.map((hash) => Buffer.from(hash).toString('base64')),
    checkpoint: Buffer.from(proof.checkpoint).toString(),
  });
});

test('executable files and symbolic links are what they are', async () => {
  const w = await workspaceWithSource();
  write(w, { 'src/run.sh': '#!/bin/sh\n' });
  chmodSync(w.path('src/run.sh'), 0o755);
  symlinkSync('nowhere', w.path('src/link'));
  const what = ['--product', 'acme-av', '--version', '1.1', '--revision', 'r2'];
  await done(w, ['release', 'source', './src', ...what, ...VENDOR]);
  for (const path of ['run.sh', 'link']) {
    await done(w, ['prove', 'file', path, '--of', '4', '--tree', './src', '--out', `${path}.tlog-proof`, ...LOG]);
  }
  const script = await verifyHere(w, 'src/run.sh', '--proof', 'run.sh.tlog-proof');
  expect(script.stdout).toMatch(/^mode {7}100755 \(an executable file\)$/m);
  const link = await verifyHere(w, 'src/link', '--proof', 'link.tlog-proof');
  expect(link.stdout).toMatch(/^mode {7}120000 \(a symbolic link\)$/m);
  // What a checkout without symbolic links has.
  unlinkSync(w.path('src/link'));
  writeFileSync(w.path('src/link'), 'nowhere');
  expect(await verifyHere(w, 'src/link', '--proof', 'link.tlog-proof')).toMatchObject({ status: 0 });
  unlinkSync(w.path('src/link'));
  symlinkSync('elsewhere', w.path('src/link'));
  const other = await verifyHere(w, 'src/link', '--proof', 'link.tlog-proof');
  expect(other).toEqual(refused('statement-proof-mismatch'));
});

test('another file, another proof and another signer are refused', async () => {
  const w = await workspaceWithSource();
  const [a, b] = [await proven(w, 'lib/a.h'), await proven(w, 'lib/b.h')];
  expect(await verifyHere(w, 'src/lib/a.h', '--proof', a)).toMatchObject({ status: 0 });
  expect(await verifyHere(w, 'src/lib/b.h', '--proof', a)).toEqual(refused('statement-proof-mismatch'));
  expect(await verifyHere(w, 'src/lib/a.h', '--proof', b)).toEqual(refused('statement-proof-mismatch'));
  const signer = ['--signer', 'reviewer.vkey'];
  expect(await verifyHere(w, 'src/lib/a.h', '--proof', a, ...signer)).toEqual(refused('statement-key'));
  expect(await verifyHere(w, 'src/lib/nope', '--proof', a)).toEqual(refused('file-missing', 3));
  // Its name and ID, and another public key.
  const { publicKey } = fixedKey('acme.example', 0x01, 99).vkey;
  const lookalike = { ...VENDOR_KEY.vkey, publicKey };
  await expect(async () => openStatement(proofIn(w, a, 'file').statement, [lookalike])).rejects.toMatchObject({
    code: 'statement-signature',
  });
});

test('every part of a proof is needed as it is', async () => {
  const w = await workspaceWithSource();
  const proof = await proven(w, 'lib/a.h');
  const original = w.read(proof);
  const neighbour = proofIn(w, await proven(w, 'lib/b.h'), 'file');
  const verified = (): ReturnType<typeof verifyHere> => verifyHere(w, 'src/lib/a.h', '--proof', proof);
  const own = proofIn(w, proof, 'file');

  // Its neighbour's place, or its neighbour's line in its own place.
  changeProof(w, proof, () => ({ extra: { ...own, file: { ...own.file, index: neighbour.file.index } } }));
  expect(await verified()).toEqual(refused('proof-(mismatch|length)'));
  w.write(proof, original);
  changeProof(w, proof, () => ({ extra: { ...own, file: { ...own.file, line: neighbour.file.line } } }));
  expect(await verified()).toEqual(refused('proof-mismatch'));
  // A line that says what the file in hand is.
  w.write(proof, original);
  const line = Buffer.from(Buffer.from(own.file.line).toString().replace('lib/a.h', 'lib/x.h'));
  changeProof(w, proof, () => ({ extra: { ...own, file: { ...own.file, line } } }));
  expect(await verified()).toEqual(refused('proof-mismatch'));
  w.write(proof, original);
  changeProof(w, proof, () => ({ extra: { ...own, file: { ...own.file, files: 4 } } }));
  expect(await verified()).toEqual(refused('statement-proof-mismatch'));
  // A tree that was never logged.
  w.write(proof, original);
  const { payload } = parseStatement(own.statement);
  const statement = await signStatement(payload, {
    signer: ed25519Signer(VENDOR_KEY),
    audience: 'example.com/log',
    issuedAt: 1,
  });
  changeProof(w, proof, () => ({ extra: { ...own, statement } }));
  expect(await verified()).toEqual(refused('proof-mismatch'));
  // The proof of another leaf.
  w.write(proof, original);
  changeProof(w, proof, () => ({ tlog: { index: 0 } }));
  expect(await verified()).toEqual(refused('proof-mismatch'));
});

test('what is offered must be what the proof is about', async () => {
  const w = await workspaceWithSource();
  const proof = await proven(w, 'main.c');
  expect(await verifyHere(w, '--record', 'x', '--proof', proof)).toEqual(refused('statement-proof-mismatch'));
  expect(await verifyHere(w, 'src/main.c', '--raw', '--proof', proof)).toEqual(refused('usage', 2));
  expect(await verifyHere(w, 'src/main.c', '--record', 'x', '--proof', proof)).toEqual(refused('usage', 2));
  expect(await verifyHere(w, '--record', 'x')).toEqual(refused('usage', 2));
  const own = proofIn(w, proof, 'file');
  changeProof(w, proof, () => ({ extra: { type: 'document', statement: own.statement, key: new Uint8Array(32) } }));
  const document = await verifyHere(w, 'src/main.c', '--proof', proof);
  expect(document).toEqual(refused('statement-proof-mismatch'));
  expect(document.stderr).toContain('needs a statement of the type handling, and has one of the type source');
  // A proof of a plain entry says nothing about records and signers.
  await done(w, ['prove', 'inclusion', '2', '--out', 'plain', ...LOG]);
  expect(await verifyHere(w, '--record', 'x', '--proof', 'plain')).toEqual(refused('statement-proof-mismatch'));
  const signer = await verifyHere(w, 'src/main.c', '--proof', 'plain', '--signer', 'vendor.vkey');
  expect(signer).toEqual(refused('statement-proof-mismatch'));
});

test('a proof is made of the source that was logged only', async () => {
  const w = await workspaceWithSource();
  const prove = ['prove', 'file', 'main.c', '--tree', './src', ...LOG];
  expect(await refusedRun(w, ['prove', 'file', 'nope', '--of', '2', '--tree', './src', ...LOG])).toMatchObject({
    status: 2,
    stderr: 'vitrine: source-missing: the source tree has no file nope\n',
  });
  expect(await refusedRun(w, [...prove, '--of', '0'])).toEqual(expect.objectContaining(refused('admission-subject')));
  write(w, { 'src/main.c': 'int other;\n' });
  expect(await refusedRun(w, [...prove, '--of', '2'])).toEqual(expect.objectContaining(refused('source-differs')));
});

test('one file of a confidential source is proven with its secret, and discloses its own salt only', async () => {
  const w = await workspaceWithSource('--confidential', '--secret', 'secret');
  const proof = await proven(w, 'lib/a.h', '--secret', 'secret');
  expect(await verifyHere(w, 'src/lib/a.h', '--proof', proof)).toMatchObject({ status: 0 });
  expect(w.read(proof).includes(w.read('secret').subarray(0, 64))).toBe(false);
  const line = Buffer.from(proofIn(w, proof, 'file').file.line).toString();
  expect(line).toMatch(/^100644 [0-9a-f]{64} 7 lib\/a\.h [0-9a-f]{32}$/);
});

test('the bytes of a statement are verified with its signature too', async () => {
  const w = await workspaceWithSource();
  w.write('source.cose', (await w.run(['show', '2', '--bytes', ...LOG])).stdoutBytes);
  await done(w, ['prove', 'inclusion', '2', '--out', 'source.cose.tlog-proof', ...LOG]);
  const { stdout } = await verifyHere(w, 'source.cose', '--raw', '--signer', 'vendor.vkey');
  expect(stdout).toMatch(
    /^verified {3}\S*source\.cose is in the log\nentry {6}\d+ bytes\nsignature {2}verified with the key acme\.example/,
  );
  const itself = await verifyHere(w, 'source.cose', '--signer', 'vendor.vkey');
  expect(itself.stdout).toMatch(/^verified .*\nentry {6}the statement itself\nsignature {2}verified with the key acme/);
  expect(await verifyHere(w, 'source.cose', '--raw', '--signer', 'other.vkey')).toEqual(refused('statement-key'));
  const json = await verifyHere(w, 'source.cose', '--raw', '--json');
  expect(parseAs('verify', json.stdout)).toMatchObject({ verified: 'inclusion', signer: null });
});

test('a statement file is itself the entry, unless its name says that its checksum line is', async () => {
  const w = await workspaceWithSource();
  w.write('source.cose', (await w.run(['show', '2', '--bytes', ...LOG])).stdoutBytes);
  await done(w, ['prove', 'inclusion', 'source.cose', '--out', 'source.cose.tlog-proof', ...LOG]);
  expect(await verifyHere(w, 'source.cose')).toMatchObject({ status: 0 });
  const named = await verifyHere(w, 'source.cose', '--name', 'source.cose');
  expect(named).toEqual(refused('proof-mismatch'));

  const raw = workspace();
  raw.write('policy', (await done(raw, ['init', '--raw', 'log', '--origin', 'example.com/other'])).stdout);
  raw.write('source.cose', w.read('source.cose'));
  await done(raw, ['add', 'source.cose', ...LOG]);
  const prove = ['prove', 'inclusion', 'source.cose', '--out', 'source.cose.tlog-proof', ...LOG];
  expect(await raw.run(prove)).toMatchObject({
    status: 1,
    stderr:
      'vitrine: entry-missing: source.cose is not in the log example.com/other: it is a statement, and so itself the entry; ' +
      'was its checksum line added (--name)?\n',
  });
  await done(raw, [...prove, '--name', 'source.cose']);
  const wrong = await verifyHere(raw, 'source.cose');
  expect(wrong).toEqual(refused('proof-mismatch'));
  expect(wrong.stderr).toContain('a statement is itself the entry; if its checksum line was added, give its name');
  expect(await verifyHere(raw, 'source.cose', '--name', 'source.cose')).toMatchObject({ status: 0 });
});

test('--signer is refused for an entry that nobody signed', async () => {
  const w = workspace();
  w.write('policy', (await done(w, ['init', '--raw', 'other', '--origin', 'example.com/other'])).stdout);
  w.write('vendor.vkey', formatVkey(VENDOR_KEY.vkey));
  w.write('notes', 'nobody signed this');
  await done(w, ['add', '--raw', 'notes', '--log', 'other']);
  await done(w, ['prove', 'inclusion', '0', '--out', 'notes.tlog-proof', '--log', 'other']);
  expect((await verifyHere(w, 'notes', '--raw')).status).toBe(0);
  expect(await verifyHere(w, 'notes', '--raw', '--signer', 'vendor.vkey')).toEqual(refused('statement-proof-mismatch'));
});
