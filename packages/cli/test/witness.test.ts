import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { ed25519Signer, formatAddCheckpoint, formatPrivateKey, formatVkey } from '@vitrine/core';
import { LevelStore, Log } from '@vitrine/core/log';
import { signStatement, statementAdmission, statementMapping } from '@vitrine/signer';
import { expect, test } from 'vitest';
import { appendStatements, build } from './support/index-workspace.ts';
import { parseAs, parseLinesAs } from './support/json-schema.ts';
import { done, writePolicy } from './support/releases.ts';
import { createStatementLog, VENDOR_KEY, workspaceWithStatements } from './support/statement-workspace.ts';
import {
  fixedKey,
  LOG_KEY,
  type Transcript,
  WITNESS_KEY,
  WITNESS_ML_DSA_KEY,
  type Workspace,
} from './support/workspace.ts';

/** A log of statements, its policy, and a witness that has seen nothing of it. */
async function workspaceOfWitness(): Promise<Workspace> {
  const w = await workspaceWithStatements();
  writePolicy(w);
  w.write('witness.key', `${formatPrivateKey(WITNESS_KEY)}\n`);
  w.write('witness6.key', `${formatPrivateKey(WITNESS_ML_DSA_KEY)}\n`);
  for (const name of ['witness.key', 'witness6.key']) chmodSync(w.path(name), 0o600);
  w.write('witnessed', `log ${formatVkey(LOG_KEY.vkey)}\nwitness w4 ${formatVkey(WITNESS_KEY.vkey)}\nquorum w4\n`);
  mkdirSync(w.path('seen'));
  return w;
}

const cosignArgs = ['witness', 'cosign', '--key', 'witness.key', '--policy', 'policy', '--state', 'seen'];

async function askFrom(w: Workspace, oldSize: number, args = cosignArgs): Promise<Transcript> {
  const { stdoutBytes } = await done(w, ['prove', 'consistency', String(oldSize), '--log', 'log']);
  return w.run(args, { input: stdoutBytes });
}

test('a witness cosigns each tree that grew from the one before, and the log keeps its cosignature', async () => {
  const w = await workspaceOfWitness();
  const first = await askFrom(w, 0);
  expect(first).toMatchObject({
    status: 0,
    stderr: expect.stringContaining(
      'cosigned example.com/log, tree size 2, the first tree of it that this witness has seen, as witness.example/w4',
    ),
  });
  w.write('cosignature', first.stdout);
  await done(w, ['checkpoint', '--log', 'log', '--policy', 'witnessed', '--cosignatures', 'cosignature']);
  await appendStatements(w, [[VENDOR_KEY, build('1.0')]]);
  const second = await askFrom(w, 2);
  expect(second.status).toBe(0);
  w.write('cosignature', second.stdout);
  await done(w, ['checkpoint', '--log', 'log', '--policy', 'witnessed', '--cosignatures', 'cosignature']);
  // The same tree again is only a newer time.
  expect((await askFrom(w, 4)).status).toBe(0);
});

test('a request from another size is refused, and the right one named', async () => {
  const w = await workspaceOfWitness();
  expect((await askFrom(w, 0)).status).toBe(0);
  await appendStatements(w, [[VENDOR_KEY, build('1.0')]]);
  expect(await askFrom(w, 0)).toMatchObject({
    status: 2,
    stdout: '',
    stderr:
      'vitrine: witness-conflict: the request begins at size 0, and the newest checkpoint of example.com/log here has 2; make a ' +
      'request with vitrine prove consistency 2\n',
  });
});

test('two trees of one log are not both cosigned, of the same size or of a larger one; the evidence is kept and shown', async () => {
  const w = await workspaceOfWitness();
  await appendStatements(w, [[VENDOR_KEY, build('1.0')]]);
  expect((await askFrom(w, 0)).status).toBe(0);

  await createStatementLog(w, 'fork');
  await using fork = await Log.open(await LevelStore.open(w.path('fork')), {
    signer: ed25519Signer(LOG_KEY),
    admission: statementAdmission,
    mapping: statementMapping,
  });
  const statement = (version: string): Promise<Uint8Array> =>
    signStatement(build(version), {
      signer: ed25519Signer(VENDOR_KEY),
      audience: fork.origin,
      issuedAt: 1_700_000_000,
    });
  const request = (oldSize: number, checkpoint: Uint8Array, proof: readonly Uint8Array[] = []): Uint8Array =>
    formatAddCheckpoint({ oldSize, proof, checkpoint });
  await fork.append(await statement('1.1'));
  const sameSize = fork.checkpoint();
  expect(sameSize.size).toBe(4);
  const same = await w.run(cosignArgs, { input: request(4, sameSize.note) });
  expect(same).toMatchObject({ status: 1, stdout: '', stderr: expect.stringContaining('vitrine: witness-proof: ') });
  expect(same.stderr).toContain('evidence (two-roots) is kept in seen: the log signed two trees of 4 entries');
  await fork.append(await statement('1.2'));
  const { proof } = await fork.proveConsistency(4, 6);
  const larger = await w.run(cosignArgs, { input: request(4, fork.checkpoint().note, proof) });
  expect(larger).toMatchObject({ status: 1, stdout: '', stderr: expect.stringContaining('vitrine: witness-proof: ') });
  // It goes on from the tree that it cosigned.
  expect((await askFrom(w, 4)).status).toBe(0);

  const shown = await done(w, ['witness', 'evidence', '--state', 'seen', '--json']);
  const found = parseLinesAs('witness-evidence', shown.stdout);
  expect(found.map(({ kind }) => kind)).toEqual(['two-roots', 'unproven']);
  const lines = (await done(w, ['witness', 'evidence', '--state', 'seen'])).stdout;
  expect(lines).toMatch(/^\S+Z {2}two-roots {3}example\.com\/log {2}the log signed two trees of 4 entries\n {2}seen\//);
  const { stdout } = await done(w, ['inspect', String(found[0]!['file'])]);
  expect(stdout).toContain('evidence of a witness (two-roots)');
  expect(stdout).toContain('tree size  4');
  w.write(String(found[0]!['file']), JSON.stringify({ format: 'vitrine-evidence', version: 1 }));
  expect(await w.run(['witness', 'evidence', '--state', 'seen'])).toMatchObject({
    status: 1,
    stderr: expect.stringContaining('vitrine: evidence-malformed: '),
  });
});

test('a state of the earlier version is taken over, and its files stay', async () => {
  const w = await workspaceOfWitness();
  await appendStatements(w, [[VENDOR_KEY, build('1.0')]]);
  const note = (await done(w, ['checkpoint', '--log', 'log'])).stdout;
  w.write('seen/example.com+log.checkpoint', note);
  expect(await askFrom(w, 0)).toMatchObject({ status: 2, stderr: expect.stringContaining('here has 4') });
  expect((await askFrom(w, 4)).status).toBe(0);
  expect(w.read('seen/example.com+log.checkpoint').toString()).toBe(note);
  // Once.
  w.write('seen/example.com+log.checkpoint', '');
  expect((await askFrom(w, 4)).status).toBe(0);
});

test('a damaged state of the earlier version is refused, and nothing is cosigned', async () => {
  const w = await workspaceOfWitness();
  w.write('seen/example.com+log.checkpoint', '');
  expect(await askFrom(w, 0)).toMatchObject({
    status: 1,
    stdout: '',
    stderr: expect.stringContaining('vitrine: state-corrupt: seen/example.com+log.checkpoint: '),
  });
});

test.each([
  [
    'the log is not in its policy',
    { policy: `log ${formatVkey(fixedKey('other.example/log', 0x01, 1).vkey)}\nquorum none\n` },
    'witness-log',
    2,
  ],
  [
    'the log is signed by another key',
    { policy: `log ${formatVkey(fixedKey('example.com/log', 0x01, 9).vkey)}\nquorum none\n` },
    'witness-signature',
    1,
  ],
  ['its key is that of a log', { 'witness.key': `${formatPrivateKey(LOG_KEY)}\n` }, 'key-type', 2],
  ['its policy is none', { policy: 'log x\n' }, 'policy-malformed', 1],
])('nothing is cosigned where %s', async (_, files, code, status) => {
  const w = await workspaceOfWitness();
  for (const [name, content] of Object.entries(files)) w.write(name, content);
  const result = await askFrom(w, 0);
  expect(result).toMatchObject({ status, stdout: '', stderr: expect.stringContaining(`vitrine: ${code}: `) });
  expect(existsSync(w.path('seen/monitoring'))).toBe(false);
});

test('a witness can have several keys, of both types', async () => {
  const w = await workspaceOfWitness();
  const { status, stdout } = await askFrom(w, 0, [...cosignArgs, '--key', 'witness6.key']);
  expect(status).toBe(0);
  expect(stdout.split('\n').map((line) => line.split(' ')[1])).toEqual([
    'witness.example/w4',
    'witness.example/w6',
    undefined,
  ]);
});

test('logs are added to a state by a command, listed and removed', async () => {
  const w = await workspaceOfWitness();
  const vkey = formatVkey(LOG_KEY.vkey);
  w.write('log.vkey', `${vkey}\n`);
  const state = ['--state', 'seen'];
  const args = cosignArgs.filter((arg) => arg !== '--policy' && arg !== 'policy');
  expect(await askFrom(w, 0, args)).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('vitrine: usage: the witness knows no log'),
  });
  expect((await done(w, ['witness', 'log', 'add', 'log.vkey', ...state])).stderr).toContain('added example.com/log');
  const again = await done(w, ['witness', 'log', 'add', vkey, ...state, '--json']);
  expect(parseAs('witness-log', again.stdout)).toEqual({ vkey, changed: false });
  const listed = await done(w, ['witness', 'log', 'list', ...state, '--json']);
  expect(parseAs('witness-log-list', listed.stdout)).toMatchObject({
    origin: 'example.com/log',
    type: 'ed25519',
    vkey,
  });
  expect((await done(w, ['witness', 'log', 'list', ...state])).stdout).toMatch(/^[0-9a-f]{8} {2}ed25519 {4}example/);
  expect((await askFrom(w, 0, args)).status).toBe(0);
  expect((await done(w, ['witness', 'log', 'remove', 'log.vkey', ...state])).stderr).toContain(
    'removed example.com/log',
  );
  expect((await askFrom(w, 2, args)).status).toBe(2);
  // It goes on from what it saw.
  await done(w, ['witness', 'log', 'add', 'log.vkey', ...state]);
  expect(await askFrom(w, 0, args)).toMatchObject({ stderr: expect.stringContaining('witness-conflict') });
  const key = formatVkey(WITNESS_KEY.vkey);
  expect(await w.run(['witness', 'log', 'add', key, ...state])).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('vitrine: key-type: '),
  });
});

test('a request that is none is refused, and a state that is not there or something else', async () => {
  const w = await workspaceOfWitness();
  expect(await w.run(cosignArgs, { input: 'old 0\n' })).toMatchObject({
    status: 2,
    stdout: '',
    stderr: expect.stringContaining('vitrine: witness-request: standard input: '),
  });
  const { stdoutBytes } = await done(w, ['prove', 'consistency', '0', '--log', 'log']);
  const missing = await w.run([...cosignArgs.slice(0, -1), 'nowhere'], { input: stdoutBytes });
  expect(missing).toMatchObject({
    status: 3,
    stdout: '',
    stderr: expect.stringContaining('vitrine: state-missing: the directory nowhere does not exist'),
  });
  const other = await w.run([...cosignArgs.slice(0, -1), 'log'], { input: stdoutBytes });
  expect(other).toMatchObject({ status: 3, stdout: '', stderr: expect.stringContaining('vitrine: state-foreign: ') });
  await askFrom(w, 0);
  writeFileSync(w.path('seen/witness.json'), '{"format":"vitrine-witness-state","version":9}\n');
  expect(await askFrom(w, 2)).toMatchObject({
    status: 3,
    stdout: '',
    stderr: expect.stringContaining('vitrine: state-newer: seen has format version 9'),
  });
});
