import { mkdirSync } from 'node:fs';
import {
  cosign,
  cosignerOf,
  formatBase64,
  formatSignatureLines,
  formatVkey,
  leafHash,
  nodeHash,
  parseAddCheckpoint,
  parseSignedNote,
  parseTlogProof,
} from '@vitrine/core';
import { expect, test } from 'vitest';
import { parseAs } from './support/json-schema.ts';
import { fixedKey, type Transcript, WITNESS_KEY, type Workspace, workspaceWithLog } from './support/workspace.ts';

// What sha256sum prints of a file with "hello" and a newline.
const SUM = '5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03';
const ENTRY = `${SUM}  hello.txt`;
const LEAF_HASH = formatBase64(leafHash(Buffer.from(ENTRY)));
const [FIRST, SECOND, THIRD] = ['first', ENTRY, 'third'].map((entry) => leafHash(Buffer.from(entry)));
const ROOT = formatBase64(nodeHash(nodeHash(FIRST!, SECOND!), THIRD!));

/** A log in which hello.txt is entry 1 of 3, and the proof of that. */
async function workspaceWithProof(): Promise<Workspace> {
  const w = await workspaceWithLog({ entries: ['first', ENTRY, 'third'] });
  w.write('hello.txt', 'hello\n');
  expect(
    await w.run(['prove', 'inclusion', 'hello.txt', '--log', 'log', '--out', 'hello.txt.tlog-proof']),
  ).toMatchObject({
    status: 0,
    stdout: '',
    stderr: 'vitrine: wrote hello.txt.tlog-proof: entry 1 of example.com/log, tree size 3, unwitnessed\n',
  });
  return w;
}

/** Has a witness cosign the newest checkpoint, and the log keep that. */
async function witness(w: Workspace, time = 1_700_000_000): Promise<void> {
  const { text } = parseSignedNote((await w.run(['checkpoint', '--log', 'log'])).stdoutBytes);
  w.write('answer', formatSignatureLines([await cosign({ text, cosigner: cosignerOf(WITNESS_KEY), time })]));
  const args = ['checkpoint', '--log', 'log', '--cosignatures', 'answer', '--policy', 'witnessed'];
  expect((await w.run(args)).status).toBe(0);
}

const verify = (w: Workspace, ...args: string[]): Promise<Transcript> => w.run(['verify', ...args]);

function expectRefusal({ status, stdout, stderr }: Transcript, code: string): void {
  expect(stderr).toMatch(new RegExp(`^vitrine: ${code}: `));
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
}

test('verify says what a proof establishes, without the log', async () => {
  const w = await workspaceWithProof();
  const { status, stdout, stderr } = await verify(w, 'hello.txt', '--policy', 'policy');
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout).toBe(
    [
      'verified   hello.txt is in the log',
      `entry      ${ENTRY}`,
      'index      1',
      `leaf hash  ${LEAF_HASH}`,
      'log        example.com/log',
      'tree size  3',
      `root hash  ${ROOT}`,
      'signed by  example.com/log 9be5d3c6 (ed25519)',
      'witnesses  unwitnessed',
      '',
    ].join('\n'),
  );
});

test('verify --json prints one object', async () => {
  const w = await workspaceWithProof();
  const { stdout } = await verify(w, 'hello.txt', '--policy', 'policy', '--json');
  expect(parseAs('verify', stdout)).toEqual({
    verified: 'inclusion',
    file: 'hello.txt',
    index: 1,
    leafHash: LEAF_HASH,
    origin: 'example.com/log',
    size: 3,
    root: ROOT,
    signers: [{ keyName: 'example.com/log', keyId: '9be5d3c6', type: 'ed25519' }],
    witnesses: [],
    unwitnessed: true,
  });
});

test('a witnessed checkpoint is proven with --cosigned, and verify names the witness', async () => {
  const w = await workspaceWithProof();
  expectRefusal(await verify(w, 'hello.txt', '--policy', 'witnessed'), 'policy-quorum');
  await witness(w);
  await w.run(['add', 'policy', '--log', 'log']);
  await w.run(['prove', 'inclusion', '1', '--log', 'log', '--cosigned', '-o', 'hello.txt.tlog-proof', '--force']);
  const { status, stdout } = await verify(w, 'hello.txt', '--policy', 'witnessed');
  expect(status).toBe(0);
  expect(stdout).toContain('tree size  3\n');
  expect(stdout).toContain('witness    w4  2023-11-14T22:13:20Z\n');
  expect(stdout).not.toContain('unwitnessed');
  const json = parseAs('verify', (await verify(w, 'hello.txt', '--policy', 'witnessed', '--json')).stdout);
  expect(json['witnesses']).toEqual([{ name: 'w4', keyName: 'witness.example/w4', time: 1_700_000_000 }]);
  // A policy that does not know the witness says unwitnessed.
  expect((await verify(w, 'hello.txt', '--policy', 'policy')).stdout).toContain('unwitnessed');
  // The entry that came later is not covered.
  const later = await w.run(['prove', 'inclusion', 'policy', '--log', 'log', '--cosigned']);
  expect(later.stderr).toBe(
    'vitrine: log-range: the checkpoint covers 3 entries, not index 3; the log has more entries\n',
  );
});

test('a file that was changed is refused', async () => {
  const w = await workspaceWithProof();
  w.write('hello.txt', 'hellp\n');
  const result = await verify(w, 'hello.txt', '--policy', 'policy');
  expectRefusal(result, 'proof-mismatch');
  expect(result.stderr).toContain('--name');
});

test('a file that was renamed is refused, unless its old name is given', async () => {
  const w = await workspaceWithProof();
  w.write('download.txt', 'hello\n');
  const args = ['download.txt', '--policy', 'policy', '--proof', 'hello.txt.tlog-proof'];
  expectRefusal(await verify(w, ...args), 'proof-mismatch');
  expect(await verify(w, ...args, '--name', 'hello.txt')).toMatchObject({ status: 0 });
  expect(await verify(w, ...args, '--name', 'a\nb')).toMatchObject({ status: 2 });
});

test('every flipped byte of a proof and of a policy is refused', async () => {
  const w = await workspaceWithProof();
  const proof = w.read('hello.txt.tlog-proof');
  // A policy of one key: with two, a byte of the other key would not matter.
  w.write('policy', `${w.read('policy').toString().split('\n')[0]}\nquorum none\n`);
  const policy = w.read('policy');
  const flipped = (bytes: Buffer, at: number): Buffer => {
    const copy = Buffer.from(bytes);
    copy[at] = copy[at]! ^ 1;
    return copy;
  };
  const places = (bytes: Buffer): number[] => Array.from({ length: 12 }, (_, i) => Math.floor((i * bytes.length) / 12));
  for (const at of places(proof)) {
    w.write('hello.txt.tlog-proof', flipped(proof, at));
    expectRefusal(await verify(w, 'hello.txt', '--policy', 'policy'), '(proof|note|checkpoint|policy)-[a-z]+');
  }
  w.write('hello.txt.tlog-proof', proof);
  for (const at of places(policy)) {
    w.write('policy', flipped(policy, at));
    expectRefusal(await verify(w, 'hello.txt', '--policy', 'policy'), '(policy|note)-[a-z]+');
  }
});

test('the policy of another log is refused', async () => {
  const w = await workspaceWithProof();
  const other = fixedKey('example.com/other', 0x01, 3);
  w.write('other', `log ${formatVkey(other.vkey)}\nquorum none\n`);
  expectRefusal(await verify(w, 'hello.txt', '--policy', 'other'), 'policy-log');
  const sameName = fixedKey('example.com/log', 0x01, 3);
  w.write('same-name', `log ${formatVkey(sameName.vkey)}\nquorum none\n`);
  expectRefusal(await verify(w, 'hello.txt', '--policy', 'same-name'), 'note-unsigned');
});

test('a proof or policy of 10 MB is refused before it is parsed', async () => {
  const w = await workspaceWithProof();
  w.write('large', Buffer.alloc(10_000_000, 'x\n'));
  const file = ['hello.txt', '--policy'];
  expectRefusal(await verify(w, ...file, 'policy', '--proof', 'large'), 'proof-malformed');
  expectRefusal(await verify(w, ...file, 'large'), 'policy-malformed');
});

test('a policy that is wrong names its line', async () => {
  const w = await workspaceWithProof();
  w.write('bad', `${w.read('policy').toString().split('\n')[0]}\nquorum nobody\n`);
  const result = await verify(w, 'hello.txt', '--policy', 'bad', '--json');
  expect(result).toMatchObject({ status: 1, stdout: '' });
  expect(parseAs('error', result.stderr)).toEqual({
    error: { code: 'policy-malformed', message: 'bad: line 2: the quorum is not defined on an earlier line' },
  });
});

test('a file that is not in its format is named', async () => {
  const w = await workspaceWithGrowth();
  w.write('bad', 'bad\n');
  const cases: [string[], string][] = [
    [['hello.txt', '--policy', 'bad'], 'policy-malformed'],
    [['hello.txt', '--policy', 'policy', '--proof', 'bad'], 'proof-malformed'],
    [['--policy', 'policy', '--consistency', 'bad', '--from', 'old'], 'proof-malformed'],
    [['--policy', 'policy', '--consistency', 'growth', '--from', 'bad'], 'note-malformed'],
  ];
  for (const [args, code] of cases) {
    const result = await verify(w, ...args);
    expectRefusal(result, code);
    expect(result.stderr).toMatch(new RegExp(`^vitrine: ${code}: bad: `));
  }
});

test('files that cannot be read are named', async () => {
  const w = await workspaceWithProof();
  mkdirSync(w.path('directory'));
  const cases: [string[], string][] = [
    [['missing', '--policy', 'policy'], 'file-missing: missing: no such file or directory'],
    [['missing', '--policy', 'nowhere'], 'file-missing: missing: no such file or directory'],
    [
      ['policy', '--policy', 'policy'],
      'file-missing: policy.tlog-proof: no such file or directory; name the proof with --proof',
    ],
    [['hello.txt', '--policy', 'policy', '--proof', 'nowhere'], 'file-missing: nowhere: no such file or directory'],
    [['hello.txt', '--policy', 'missing'], 'file-missing: missing: no such file or directory'],
    [['hello.txt', '--policy', 'directory'], 'file-type: directory is a directory'],
    [['directory', '--policy', 'policy', '--proof', 'hello.txt.tlog-proof'], 'file-type: directory is a directory'],
  ];
  for (const [args, message] of cases) {
    expect(await verify(w, ...args)).toMatchObject({ status: 3, stdout: '', stderr: `vitrine: ${message}\n` });
  }
});

test('an entry is proven by its index, its leaf hash in hex or base64, or its file', async () => {
  const w = await workspaceWithProof();
  const expected = w.read('hello.txt.tlog-proof').toString();
  expect(parseTlogProof(Buffer.from(expected))).toMatchObject({ index: 1 });
  const hex = Buffer.from(LEAF_HASH, 'base64').toString('hex');
  mkdirSync(w.path('sub'));
  w.write('sub/other', 'hello\n');
  for (const what of [
    ['1'],
    [LEAF_HASH],
    [hex],
    ['hello.txt'],
    ['./hello.txt'],
    ['sub/other', '--name', 'hello.txt'],
  ]) {
    const result = await w.run(['prove', 'inclusion', '--log', 'log', ...what, '--out', '-']);
    expect(result).toMatchObject({ status: 0, stderr: '', stdout: expected });
  }
  w.write('raw', 'third');
  const raw = await w.run(['prove', 'inclusion', 'raw', '--raw', '--log', 'log', '--json']);
  expect(parseAs('prove-inclusion', raw.stdout)).toMatchObject({ index: 2, size: 3, unwitnessed: true, proof: [{}] });
  w.write('raw.tlog-proof', (await w.run(['prove', 'inclusion', 'raw', '--raw', '--log', 'log'])).stdout);
  expect((await verify(w, 'raw', '--raw', '--policy', 'policy')).stdout).toContain('entry      5 bytes\n');
});

test('prove inclusion refuses what the log does not have', async () => {
  const w = await workspaceWithProof();
  w.write('other.txt', 'other');
  const prove = (...args: string[]): Promise<Transcript> => w.run(['prove', 'inclusion', '--log', 'log', ...args]);
  const missing = await prove('other.txt');
  expectRefusal(missing, 'entry-missing');
  expect(missing.stderr).toContain('was it changed, renamed (--name) or added by its bytes (--raw)?');
  expectRefusal(await prove('A'.repeat(43).concat('=')), 'entry-missing');
  expect(await prove('3')).toMatchObject({
    status: 2,
    stderr: 'vitrine: log-range: the checkpoint covers 3 entries, not index 3\n',
  });
  expect(await prove('1', '--size', '2')).toMatchObject({
    status: 2,
    stderr: 'vitrine: checkpoint-missing: the log keeps checkpoints of 3 entries, not of 2\n',
  });
  expect(await prove('1', '--size', '3')).toMatchObject({ status: 0 });
  expect(await prove('1', '--cosigned')).toMatchObject({
    status: 2,
    stderr: 'vitrine: checkpoint-missing: the log example.com/log has no cosigned checkpoint yet\n',
  });
  expect(await prove('nowhere')).toMatchObject({ status: 3 });
});

test('prove does not overwrite a file without --force', async () => {
  const w = await workspaceWithProof();
  w.write('precious', 'data');
  const args = ['prove', 'inclusion', '0', '--log', 'log', '--out', 'precious'];
  expect(await w.run(args)).toMatchObject({
    status: 2,
    stderr: 'vitrine: file-exists: precious is there already: use --force to replace it\n',
  });
  expect(w.read('precious').toString()).toBe('data');
  expect(await w.run([...args, '--force'])).toMatchObject({ status: 0 });
  expect(parseTlogProof(w.read('precious')).index).toBe(0);
  expect(await w.run(['prove', 'inclusion', '0', '--log', 'log', '-o', 'no/where'])).toMatchObject({
    status: 3,
    stderr: 'vitrine: file-missing: the directory no does not exist\n',
  });
});

/** A log that grew from 3 to 5 entries, with the old checkpoint and the proof of growth. */
async function workspaceWithGrowth(): Promise<Workspace> {
  const w = await workspaceWithProof();
  w.write('old', (await w.run(['checkpoint', '--log', 'log'])).stdout);
  await w.run(['add', '--lines', '--log', 'log'], { input: 'fourth\nfifth\n' });
  expect(await w.run(['prove', 'consistency', '3', '--log', 'log', '--out', 'growth'])).toMatchObject({
    status: 0,
    stdout: '',
    stderr: 'vitrine: wrote growth: growth from 3 of example.com/log, tree size 5, unwitnessed\n',
  });
  return w;
}

const GROWTH = ['--consistency', 'growth', '--policy', 'policy', '--from'];

test('verify --consistency says that the log only grew', async () => {
  const w = await workspaceWithGrowth();
  const { oldSize, checkpoint } = parseAddCheckpoint(w.read('growth'));
  expect(oldSize).toBe(3);
  expect(Buffer.from(checkpoint).toString()).toBe((await w.run(['checkpoint', '--log', 'log'])).stdout);
  for (const from of ['old', 'hello.txt.tlog-proof']) {
    const { status, stdout, stderr } = await verify(w, ...GROWTH, from);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(
      /^verified {7}the log only grew\nold tree size {2}3 \(unwitnessed\)\nlog .*\ntree size {6}5\nroot hash .*\nsigned by .*\nwitnesses {6}unwitnessed\n$/,
    );
  }
  const json = parseAs('verify', (await verify(w, ...GROWTH, 'old', '--json')).stdout);
  expect(json).toMatchObject({ verified: 'consistency', size: 5, unwitnessed: true, old: { size: 3, root: ROOT } });
});

test('an empty tree and the same tree are old trees too', async () => {
  const w = await workspaceWithLog();
  w.write('old', (await w.run(['checkpoint', '--log', 'log'])).stdout);
  await w.run(['add', 'policy', '--log', 'log']);
  await w.run(['prove', 'consistency', '0', '--log', 'log', '--out', 'growth']);
  expect(await verify(w, ...GROWTH, 'old')).toMatchObject({ status: 0 });
  w.write('old', (await w.run(['checkpoint', '--log', 'log'])).stdout);
  await w.run(['prove', 'consistency', '1', '1', '--log', 'log', '--out', 'growth', '--force']);
  expect(await verify(w, ...GROWTH, 'growth')).toMatchObject({ status: 0 });
});

test('verify --consistency refuses a fork, and proofs that do not fit', async () => {
  const w = await workspaceWithGrowth();
  // Another log of the same name and key, which differs in its first entry.
  const fork = await workspaceWithLog({ entries: ['forked', ENTRY, 'third'] });
  w.write('fork', (await fork.run(['checkpoint', '--log', 'log'])).stdout);
  expectRefusal(await verify(w, ...GROWTH, 'fork'), 'proof-mismatch');
  w.write('newest', (await w.run(['checkpoint', '--log', 'log'])).stdout);
  expectRefusal(await verify(w, ...GROWTH, 'newest'), 'proof-range');
  w.write('flipped', w.read('growth').toString().replace('old 3', 'old 2'));
  expectRefusal(await verify(w, '--consistency', 'flipped', '--policy', 'policy', '--from', 'old'), 'proof-range');
  w.write('note', Buffer.alloc(10_000_000, 'x'));
  expectRefusal(await verify(w, ...GROWTH, 'note'), 'note-too-large');
  expectRefusal(await verify(w, '--consistency', 'note', '--policy', 'policy', '--from', 'old'), 'proof-malformed');
  expectRefusal(await verify(w, '--consistency', 'growth', '--policy', 'witnessed', '--from', 'old'), 'policy-quorum');
});

test('the old checkpoint must be of the same log', async () => {
  const w = await workspaceWithGrowth();
  await w.run(['init', 'other', '--origin', 'example.com/other']);
  const { stdout } = await w.run(['checkpoint', '--log', 'other']);
  w.write('old', stdout);
  expectRefusal(await verify(w, ...GROWTH, 'old'), 'policy-log');
  const shown = await w.run(['key', 'show', 'config/vitrine/keys/example.com+other.ed25519.key']);
  w.write('policy', `log ${shown.stdout}${w.read('policy')}`);
  expectRefusal(await verify(w, ...GROWTH, 'old'), 'checkpoint-origin');
});

test('prove consistency ends at a checkpoint that the log keeps', async () => {
  const w = await workspaceWithProof();
  await witness(w);
  await w.run(['add', '--lines', '--log', 'log'], { input: 'fourth\nfifth\n' });
  const prove = (...args: string[]): Promise<Transcript> => w.run(['prove', 'consistency', '--log', 'log', ...args]);
  expect((await prove('1', '3')).stdout).toContain('example.com/log\n3\n');
  expect((await prove('1', '5')).stdout).toBe((await prove('1')).stdout);
  expect(await prove('1', '4')).toMatchObject({
    status: 2,
    stderr: 'vitrine: checkpoint-missing: the log keeps checkpoints of 5 and 3 entries, not of 4\n',
  });
  expect(await prove('6')).toMatchObject({
    status: 2,
    stderr: 'vitrine: log-range: the old size 6 exceeds the new one, 5\n',
  });
  const json = parseAs('prove-consistency', (await prove('1', '3', '--json', '-o', 'file')).stdout);
  expect(json).toMatchObject({ oldSize: 1, size: 3, unwitnessed: false, file: 'file' });
  expect(parseAddCheckpoint(w.read('file')).oldSize).toBe(1);
});

test.each([
  [['hello.txt']],
  [['--policy', 'policy']],
  [['--policy', 'policy', '--from', 'old', 'hello.txt']],
  [['--policy', 'policy', '--consistency', 'growth']],
  [['--policy', 'policy', '--consistency', 'growth', '--from', 'old', 'hello.txt']],
  [['--policy', 'policy', '--consistency', 'growth', '--from', 'old', '--raw']],
])('verify refuses a command line that makes no sense: %j', async (args) => {
  const w = await workspaceWithLog();
  const { status, stdout, stderr } = await verify(w, ...args);
  expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  expect(stderr).toMatch(/^vitrine: usage: /);
});
