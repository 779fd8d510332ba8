import { chmodSync, mkdirSync, symlinkSync } from 'node:fs';
import { ed25519Signer, formatAddCheckpoint, formatPrivateKey, formatVkey } from '@vitrine/core';
import { LevelStore, Log } from '@vitrine/core/log';
import { signStatement, statementAdmission, statementMapping } from '@vitrine/signer';
import { expect, test } from 'vitest';
import { appendStatements, build } from './support/index-workspace.ts';
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
  chmodSync(w.path('witness.key'), 0o600);
  w.write('witnessed', `log ${formatVkey(LOG_KEY.vkey)}\nwitness w4 ${formatVkey(WITNESS_KEY.vkey)}\nquorum w4\n`);
  mkdirSync(w.path('seen'));
  return w;
}

const cosignArgs = ['witness', 'cosign', '--key', 'witness.key', '--policy', 'policy', '--state', 'seen'];

async function askFrom(w: Workspace, oldSize: number, log = 'log'): Promise<Transcript> {
  const { stdoutBytes } = await done(w, ['prove', 'consistency', String(oldSize), '--log', log]);
  return w.run(cosignArgs, { input: stdoutBytes });
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
      'vitrine: witness-conflict: the request begins at size 0, and this witness has cosigned size 2 of example.com/log: ' +
      'make one with vitrine prove consistency 2\n',
  });
});

test('two trees of one log are not both cosigned, of the same size or of a larger one', async () => {
  const w = await workspaceOfWitness();
  await appendStatements(w, [[VENDOR_KEY, build('1.0')]]);
  expect((await askFrom(w, 0)).status).toBe(0);
  const kept = w.read('seen/example.com+log.checkpoint');

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
  expect(same).toMatchObject({ status: 1, stdout: '', stderr: expect.stringContaining('vitrine: proof-mismatch: ') });
  await fork.append(await statement('1.2'));
  const { proof } = await fork.proveConsistency(4, 6);
  const larger = await w.run(cosignArgs, { input: request(4, fork.checkpoint().note, proof) });
  expect(larger).toMatchObject({ status: 1, stdout: '', stderr: expect.stringContaining('vitrine: proof-mismatch: ') });
  expect(w.read('seen/example.com+log.checkpoint')).toEqual(kept);
});

test('a damaged memory is refused, and nothing is cosigned', async () => {
  const w = await workspaceOfWitness();
  expect((await askFrom(w, 0)).status).toBe(0);
  w.write('seen/example.com+log.checkpoint', '');
  expect(await askFrom(w, 0)).toMatchObject({
    status: 1,
    stdout: '',
    stderr: expect.stringContaining('seen/example.com+log.checkpoint: '),
  });
});

test.each([
  [
    'the log is not in its policy',
    { policy: `log ${formatVkey(fixedKey('other.example/log', 0x01, 1).vkey)}\nquorum none\n` },
    'policy-log',
    1,
  ],
  [
    'the log is signed by another key',
    { policy: `log ${formatVkey(fixedKey('example.com/log', 0x01, 9).vkey)}\nquorum none\n` },
    'note-unsigned',
    1,
  ],
  ['its key is that of a log', { 'witness.key': `${formatPrivateKey(LOG_KEY)}\n` }, 'key-type', 2],
])('nothing is cosigned where %s', async (_, files, code, status) => {
  const w = await workspaceOfWitness();
  for (const [name, content] of Object.entries(files)) w.write(name, content);
  const result = await askFrom(w, 0);
  expect(result).toMatchObject({ status, stdout: '', stderr: expect.stringContaining(`vitrine: ${code}: `) });
  expect(w.files('seen')).toEqual([]);
});

test('a witness can have an ML-DSA-44 key', async () => {
  const w = await workspaceOfWitness();
  w.write('witness.key', `${formatPrivateKey(WITNESS_ML_DSA_KEY)}\n`);
  expect(await askFrom(w, 0)).toMatchObject({ status: 0, stdout: expect.stringMatching(/^— witness\.example\/w6 /) });
});

test('a request that is none is refused, and a state directory that is not there', async () => {
  const w = await workspaceOfWitness();
  expect(await w.run(cosignArgs, { input: 'old 0\n' })).toMatchObject({ status: 1, stdout: '' });
  const { stdoutBytes } = await done(w, ['prove', 'consistency', '0', '--log', 'log']);
  const missing = await w.run([...cosignArgs.slice(0, -1), 'nowhere'], { input: stdoutBytes });
  expect(missing).toMatchObject({
    status: 3,
    stdout: '',
    stderr: expect.stringContaining('vitrine: file-missing: the directory nowhere does not exist'),
  });
  symlinkSync('elsewhere', w.path('seen/example.com+log.checkpoint'));
  expect(await w.run(cosignArgs, { input: stdoutBytes })).toMatchObject({ status: 3, stdout: '' });
});
