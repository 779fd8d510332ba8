import {
  type Cosigner,
  cosign,
  cosignerOf,
  formatSignatureLines,
  formatVkey,
  type PrivateKey,
  parseSignedNote,
} from '@vitrine/core';
import { mlDsa44 } from '@vitrine/core/ml-dsa';
import { expect, test } from 'vitest';
import { parseAs } from './support/json-schema.ts';
import {
  fixedKey,
  LOG_ML_DSA_KEY,
  WITNESS_KEY,
  WITNESS_ML_DSA_KEY,
  type Workspace,
  workspaceWithLog,
} from './support/workspace.ts';

const CHECKPOINT = ['checkpoint', '--log', 'log'];
const ADD_COSIGNATURES = [...CHECKPOINT, '--policy', 'witnessed', '--cosignatures'];

const cosigner = (key: PrivateKey): Cosigner => cosignerOf(key, { schemes: [mlDsa44] });

/** What a witness returns for the newest checkpoint. */
async function answer(w: Workspace, key: PrivateKey, time: number): Promise<Uint8Array> {
  const { text } = parseSignedNote((await w.run(CHECKPOINT)).stdoutBytes);
  return formatSignatureLines([await cosign({ text, cosigner: cosigner(key), time })]);
}

test('checkpoint prints the newest signed checkpoint, byte for byte', async () => {
  const w = await workspaceWithLog({ entries: ['entry'] });
  const { status, stdout, stderr } = await w.run(CHECKPOINT);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout).toBe(
    'example.com/log\n1\n2cLWa1IsJSJyj1Of+fZ7hdQN7/8JX8ilKMmU9PNbs94=\n\n— example.com/log m+XTxv7R7WcPi8CagNawinxXfxUVWGr+tiVwiBC9tPOquys55rXiJFAxIESG3DYa9J91MLqxdzoiUSjEb/S4gQ9exww=\n',
  );
  expect(stdout).toBe(w.read('log/checkpoint').toString());
});

test('checkpoint --json prints one object', async () => {
  const w = await workspaceWithLog({ entries: ['entry'] });
  const value = parseAs('checkpoint', (await w.run([...CHECKPOINT, '--json'])).stdout);
  expect(value).toMatchObject({
    origin: 'example.com/log',
    size: 1,
    signatures: [{ keyName: 'example.com/log', keyId: '9be5d3c6', log: true }],
    checkpoint: w.read('log/checkpoint').toString(),
  });
});

test('checkpoint --cosignatures verifies and keeps what witnesses returned', async () => {
  const w = await workspaceWithLog({ entries: ['entry'] });
  const before = (await w.run(CHECKPOINT)).stdout;
  w.write('w4', await answer(w, WITNESS_KEY, 1_700_000_000));
  const first = await w.run([...ADD_COSIGNATURES, 'w4']);
  expect(first).toMatchObject({ status: 0, stderr: '', stdout: `${before}${w.read('w4')}` });
  const w6 = await answer(w, WITNESS_ML_DSA_KEY, 1_700_000_001);
  const second = await w.run([...ADD_COSIGNATURES, '-'], { input: w6 });
  expect(second).toMatchObject({ status: 0, stderr: '', stdout: `${first.stdout}${Buffer.from(w6)}` });
  expect((await w.run([...CHECKPOINT, '--cosigned'])).stdout).toBe(second.stdout);

  await w.run(['add', 'policy', '--log', 'log']);
  expect((await w.run([...CHECKPOINT, '--cosigned'])).stdout).toBe(second.stdout);
  expect((await w.run(CHECKPOINT)).stdout).toMatch(/^example.com\/log\n2\n/);
});

test('an older cosignature does not take the place of a newer one of the same key', async () => {
  const w = await workspaceWithLog({ entries: ['entry'] });
  const old = await answer(w, WITNESS_KEY, 1_700_000_000);
  w.write('new', await answer(w, WITNESS_KEY, 1_700_000_001));
  const first = await w.run([...ADD_COSIGNATURES, 'new']);
  expect(first.status).toBe(0);
  w.write('old', old);
  expect(await w.run([...ADD_COSIGNATURES, 'old'])).toMatchObject({
    status: 0,
    stdout: first.stdout,
    stderr: expect.stringMatching(
      /^vitrine: ignored the line of witness.example\/w4 [0-9a-f]{8}: the checkpoint has a newer one\n$/,
    ),
  });
  // What comes with it is kept.
  const other = await answer(w, WITNESS_ML_DSA_KEY, 1_700_000_000);
  w.write('both', Buffer.concat([old, other]));
  expect((await w.run([...ADD_COSIGNATURES, 'both'])).stdout).toBe(`${first.stdout}${Buffer.from(other)}`);
  // A newer one does take its place.
  const newest = await answer(w, WITNESS_KEY, 1_700_000_002);
  w.write('newest', newest);
  const { stdout } = await w.run([...ADD_COSIGNATURES, 'newest']);
  expect(stdout).toContain(Buffer.from(newest).toString());
  expect(stdout).not.toContain(w.read('new').toString());
});

test('lines of unknown keys are ignored with a warning', async () => {
  const w = await workspaceWithLog({ entries: ['entry'] });
  const known = await answer(w, WITNESS_KEY, 1_700_000_000);
  const unknown = await answer(w, fixedKey('stranger.example', 0x04, 9), 1_700_000_000);
  w.write('answer', Buffer.concat([unknown, known]));
  const { status, stdout, stderr } = await w.run([...ADD_COSIGNATURES, 'answer']);
  expect(status).toBe(0);
  expect(stderr).toMatch(
    /^vitrine: ignored the line of stranger.example [0-9a-f]{8}: the policy has no such witness\n$/,
  );
  expect(stdout).not.toContain('stranger');
  w.write('answer', unknown);
  const none = await w.run([...ADD_COSIGNATURES, 'answer']);
  expect(none).toMatchObject({ status: 1, stdout: '' });
  expect(none.stderr).toContain('vitrine: note-unsigned: answer has no line of a witness of the policy\n');
});

test('a bad cosignature is refused and not kept', async () => {
  const w = await workspaceWithLog({ entries: ['entry'] });
  const old = await answer(w, WITNESS_KEY, 1_700_000_000);
  await w.run(['add', 'policy', '--log', 'log']);
  const good = await answer(w, WITNESS_ML_DSA_KEY, 1_700_000_000);
  w.write('answer', Buffer.concat([good, old]));
  const { status, stdout, stderr } = await w.run([...ADD_COSIGNATURES, 'answer']);
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
  expect(stderr).toMatch(/^vitrine: note-signature: answer: .*if the log has grown since, ask the witness again\n$/);
  w.write('answer', 'no signature line\n');
  expect((await w.run([...ADD_COSIGNATURES, 'answer'])).stderr).toMatch(/^vitrine: note-malformed: answer: /);
  w.write('answer', Buffer.alloc(10_000_000, 'x'));
  expect((await w.run([...ADD_COSIGNATURES, 'answer'])).stderr).toMatch(/^vitrine: note-too-large: answer: /);
  const piped = await w.run([...ADD_COSIGNATURES, '-'], { input: 'no signature line\n' });
  expect(piped.stderr).toMatch(/^vitrine: note-malformed: standard input: /);
  expect((await w.run([...CHECKPOINT, '--cosigned'])).stderr).toBe(
    'vitrine: checkpoint-missing: the log example.com/log has no cosigned checkpoint yet\n',
  );
});

test("checkpoint --ml-dsa adds the log's own ML-DSA-44 signature, once", async () => {
  const w = await workspaceWithLog({ entries: ['entry'] });
  const before = (await w.run(CHECKPOINT)).stdout;
  const { status, stdout, stderr } = await w.run([...CHECKPOINT, '--ml-dsa']);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout.startsWith(before)).toBe(true);
  expect(parseSignedNote(Buffer.from(stdout)).signatures.map(({ keyId }) => keyId)).toEqual([
    parseSignedNote(Buffer.from(before)).signatures[0]!.keyId,
    LOG_ML_DSA_KEY.vkey.keyId,
  ]);
  expect((await w.run([...CHECKPOINT, '--ml-dsa'])).stdout).toBe(stdout);
  // It is nobody else's signature.
  expect(await w.run([...CHECKPOINT, '--cosigned'])).toMatchObject({ status: 2 });
  w.write('ml-dsa-only', `log ${formatVkey(LOG_ML_DSA_KEY.vkey)}\nquorum none\n`);
  w.write('file', 'entry');
  await w.run(['prove', 'inclusion', '0', '--log', 'log', '-o', 'file.tlog-proof']);
  const verified = await w.run(['verify', 'file', '--raw', '--policy', 'ml-dsa-only']);
  expect(verified.status).toBe(0);
  expect(verified.stdout).toContain('(ml-dsa-44)');
});

test('checkpoint --ml-dsa refuses the key of something else', async () => {
  const w = await workspaceWithLog({ entries: ['entry'] });
  await w.run(['key', 'generate', 'example.com/log', '--type', 'ml-dsa-44', '--out', 'other']);
  for (const key of ['other', 'config/vitrine/keys/example.com+log.ed25519.key']) {
    const { status, stderr } = await w.run([...CHECKPOINT, '--ml-dsa', '--key', key]);
    expect(status).toBe(2);
    expect(stderr).toBe(`vitrine: log-key: ${key} is not an ML-DSA-44 key of the log example.com/log\n`);
  }
});

test.each([[['--cosignatures', 'x']], [['--policy', 'policy']], [['--cosigned', '--ml-dsa']], [['--key', 'x']]])(
  'checkpoint refuses options that do not go together: %j',
  async (options) => {
    const w = await workspaceWithLog();
    const { status, stdout, stderr } = await w.run([...CHECKPOINT, ...options]);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(/^vitrine: usage: /);
  },
);
