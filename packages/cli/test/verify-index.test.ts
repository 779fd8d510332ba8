import { formatVkey } from '@vitrine/core';
import { expect, test } from 'vitest';
import { ABSENT, QUESTIONS, type Question, refusal, verifyProof, workspaceWithProofs } from './support/index-proofs.ts';
import { appendStatements, ask, build, LEAF_8, LEAF_10, workspaceWithIndex } from './support/index-workspace.ts';
import { parseAs } from './support/json-schema.ts';
import { done, verifyHere, write } from './support/releases.ts';
import { VENDOR_KEY } from './support/statement-workspace.ts';
import { fixedKey, LOG_KEY } from './support/workspace.ts';

const CHECKPOINT = [
  ['index', "the log's claim: no key of somebody who derived the index again vouches for it"],
  ['log', 'example.com/log'],
  ['tree size', '22'],
  ['root hash', 'IJXFv4lF6IWPHXo/0mpLE2PuACJke5yGF5Li+viUhIk='],
  ['signed by', 'example.com/log 9be5d3c6 (ed25519)'],
  ['witnesses', 'unwitnessed'],
] as const;

const NOT_CHECKED = 'NOT CHECKED: name the key that you trust with --signer';
const THEN = '2023-11-14T22:13:20Z';
const BUILDS = ['1.0', '1.1', '1.2'].map((version, i) => {
  const hash = ['OZQX4NHZonLu', LEAF_8.slice(0, 12), LEAF_10.slice(0, 12)][i];
  return `${i}  ${hash}  build       acme-av/stable ${version} (1 artifact)  by acme.example  ${THEN}`;
});

const ROWS: Readonly<Record<Question, readonly (readonly [label: string, value: string])[]>> = {
  latest: [
    ['verified', 'the newest of 3 statements of acme-av/stable'],
    ['leaf hash', LEAF_10],
    ['signature', NOT_CHECKED],
    ['type', 'build'],
    ['stream', 'acme-av/stable'],
    ['issuer', 'acme.example+2bc37017'],
    ['time', `${THEN} (the issuer's word)`],
    ['for log', 'example.com/log'],
    ['product', 'acme-av'],
    ['version', '1.2'],
    ['channel', 'stable'],
    ['artifact', '77ac319bfe1979e2d799d9e6987e65feb54f61511c03552ebae990826c208590  av.bin  3 bytes'],
  ],
  absent: [
    ['verified', 'no statement of the stream acme-av/beta'],
    ['type', 'build'],
    ['issuer', 'acme.example'],
  ],
  history: [
    ['verified', 'all 3 statements of acme-av/stable'],
    ['type', 'build'],
    ['issuer', 'acme.example'],
    ['signature', NOT_CHECKED],
    ['statements', BUILDS[0]!],
    ['', BUILDS[1]!],
    ['', BUILDS[2]!],
  ],
  part: [
    ['verified', 'all from position 1 on of the 3 statements of acme-av/stable'],
    ['type', 'build'],
    ['issuer', 'acme.example'],
    ['signature', NOT_CHECKED],
    ['statements', BUILDS[1]!],
    ['', BUILDS[2]!],
  ],
  about: [
    ['verified', 'its newest reviews and withdrawals are these'],
    ['subject', LEAF_8],
    ['says', `lbg27Dsisv4R  review      rejected: isNAueycq+CE  by lab.example  ${THEN}`],
    ['says', `HZ9TQqbX54eB  withdrawal  isNAueycq+CE: CVE-2030-1234  by acme.example  ${THEN}`],
    ['says', `E5Zg6bnANplg  review      reproduced: isNAueycq+CE  by reviewer.example  ${THEN}`],
    ['signatures', 'NOT CHECKED: verify each statement by itself, with --signer'],
  ],
  nothing: [
    ['verified', 'nobody has reviewed or withdrawn it'],
    ['subject', 'OZQX4NHZonLu2ovY492rj9TE0HzxNaDTdWweNfasB7k='],
  ],
  streams: [
    ['verified', 'the log has 5 streams'],
    ['stream', '     3  Xuh3jDpmZ+tt  build       acme-av/stable  by acme.example'],
    ['stream', '     1  43Xv1Mwj0Y6z  source      acme-av  by acme.example'],
    ['stream', '     1  q+IUvC9JdOdi  database    acme-av  by acme.example'],
    ['stream', '     1  xBx9fybqUV4M  database    acme-av  by other.example'],
    ['stream', '     2  lCYAMImklLwf  admission   example.com/log  by example.com/log'],
    ['subjects', '1 statement that was reviewed or withdrawn'],
  ],
};

const CLAIMED = { root: 'FpO4TpuG9AJXhiIv2m5jjTFuy23IGqmPIMekhTgDZ54=', checkedBy: [] };
const STREAM = { type: 'build', issuer: 'acme.example', stream: 'acme-av/stable' };

const JSON_OF: Readonly<Record<Question, object>> = {
  latest: {
    verified: 'latest',
    stream: STREAM,
    count: 3,
    leafHash: LEAF_10,
    statement: { type: 'build', payload: { version: '1.2' } },
    signer: null,
  },
  absent: { verified: 'absent', stream: { ...STREAM, stream: 'acme-av/beta' }, count: 0 },
  history: {
    verified: 'history',
    stream: STREAM,
    count: 3,
    from: 0,
    statements: [{}, { leafHash: LEAF_8 }, { leafHash: LEAF_10, statement: { payload: { version: '1.2' } } }],
    signer: null,
  },
  part: { verified: 'history', count: 3, from: 1, statements: [{ leafHash: LEAF_8 }, { leafHash: LEAF_10 }] },
  about: {
    verified: 'about',
    subject: LEAF_8,
    statements: [
      { statement: { type: 'review', issuer: 'lab.example', payload: { verdict: 'rejected' } } },
      { statement: { type: 'withdrawal', issuer: 'acme.example', payload: { reason: 'CVE-2030-1234' } } },
      { statement: { type: 'review', issuer: 'reviewer.example', payload: { verdict: 'reproduced' } } },
    ],
  },
  nothing: { verified: 'about', subject: expect.any(String), statements: [] },
  streams: {
    verified: 'streams',
    streams: [{ ...STREAM, count: 3, last: LEAF_10 }, {}, {}, {}, { type: 'admission', count: 2 }],
    subjects: 1,
  },
};

test.each(Object.keys(QUESTIONS) as Question[])('a proof is verified without the log: %s', async (name) => {
  const w = await workspaceWithProofs(name);
  const args = ['verify', '--proof', name, '--policy', 'policy', ...(name === 'absent' ? ABSENT : [])];
  const { stdout, stderr } = await done(w, args);
  expect(stderr).toBe('');
  const rows = [...ROWS[name], ...CHECKPOINT];
  const width = Math.max(...rows.map(([label]) => label.length));
  expect(stdout).toBe(rows.map(([label, value]) => `${label.padEnd(width)}  ${value}\n`).join(''));
  const json = await done(w, [...args, '--json']);
  expect(json.stderr).toBe('');
  expect(parseAs('verify', json.stdout)).toMatchObject({
    ...JSON_OF[name],
    index: CLAIMED,
    origin: 'example.com/log',
    size: 22,
    signers: [{ keyName: 'example.com/log', keyId: '9be5d3c6', type: 'ed25519' }],
    witnesses: [],
    unwitnessed: true,
  });
});

test('what the proof must be about can be said, and another one is refused', async () => {
  const w = await workspaceWithProofs('latest', 'absent', 'history', 'about', 'nothing', 'streams');
  const hex = Buffer.from(LEAF_8, 'base64').toString('hex');
  const stream = ['--stream', 'acme-av/stable', '--type', 'build', '--issuer', 'acme.example'];
  for (const [proof, options] of [
    ['latest', stream],
    ['latest', stream.slice(0, 2)],
    ['history', stream],
    ['absent', ABSENT],
    ['about', ['--about', LEAF_8]],
    ['about', ['--about', hex.toUpperCase()]],
  ] as const) {
    expect(await verifyProof(w, proof, ...options)).toMatchObject({ status: 0, stderr: '' });
  }
  for (const [proof, options, message] of [
    ['latest', ['--stream', 'acme-av'], 'is about the stream acme-av/stable, and --stream names acme-av'],
    ['latest', ['--type', 'source'], 'is about a stream of type build, and --type names source'],
    ['latest', ['--issuer', 'acme'], 'is about a stream by acme.example, and --issuer names acme'],
    ['latest', [...stream.slice(0, 4), '--issuer', 'x'], 'is about a stream by acme.example, and --issuer names x'],
    ['history', ['--type', 'database'], 'is about a stream of type build, and --type names database'],
    ['absent', ['--absent', ...stream], 'is about the stream acme-av/beta, and --stream names acme-av/stable'],
    ['absent', stream, 'shows that a stream has no statement: ask for that with --absent'],
    ['latest', ['--absent', ...stream], 'does not show that a stream has no statement'],
    ['about', stream, 'is not about a stream, and --stream names acme-av/stable'],
    ['streams', ['--issuer', 'x'], 'is not about a stream, and --issuer names x'],
    ['about', ['--about', LEAF_10], `is about the leaf ${LEAF_8}, and --about names ${LEAF_10}`],
    [
      'nothing',
      ['--about', hex],
      `is about the leaf OZQX4NHZonLu2ovY492rj9TE0HzxNaDTdWweNfasB7k=, and --about names ${hex}`,
    ],
    ['latest', ['--about', LEAF_10], `is not about a leaf, and --about names ${LEAF_10}`],
    ['streams', ['--about', LEAF_10], `is not about a leaf, and --about names ${LEAF_10}`],
  ] as const) {
    expect(await verifyProof(w, proof, ...options)).toEqual({
      status: 1,
      stdout: '',
      stderr: `vitrine: proof-mismatch: the proof ${message}\n`,
    });
  }
  expect(await verifyProof(w, 'about', '--about', '8')).toEqual({
    status: 2,
    stdout: '',
    stderr: 'vitrine: usage: --about must be a leaf hash, in hex or in base64\n',
  });
});

test('--signer is the key that must have signed what the proof has of a stream', async () => {
  const w = await workspaceWithProofs('latest', 'history');
  for (const proof of ['latest', 'history']) {
    const { status, stdout } = await verifyProof(w, proof, '--signer', 'vendor.vkey');
    expect(status).toBe(0);
    expect(stdout).toMatch(/^signature {2,3}verified with the key acme\.example\+2bc37017$/m);
    const json = await verifyProof(w, proof, '--signer', 'vendor.vkey', '--json');
    expect(parseAs('verify', json.stdout)).toMatchObject({ signer: formatVkey(VENDOR_KEY.vkey) });
    expect(await verifyProof(w, proof, '--signer', 'other.vkey')).toEqual(
      refusal(
        'statement-key',
        'the statement is by acme.example.2bc37017, and --signer names other.example.9675c0f3\n$',
      ),
    );
  }
});

test('every statement of a history must be signed with the key of --signer', async () => {
  const w = await workspaceWithIndex();
  const second = fixedKey('acme.example', 0x01, 15);
  await appendStatements(w, [
    [LOG_KEY, { type: 'admission', add: [{ role: 'vendor', vkey: formatVkey(second.vkey) }] }],
    [second, build('1.3')],
  ]);
  w.write('second.vkey', `${formatVkey(second.vkey)}\n`);
  await ask(w, ...QUESTIONS.history, '--prove', '--out', 'history');
  await ask(w, ...QUESTIONS.history, '--from', '3', '--prove', '--out', 'newest');
  for (const signer of ['vendor.vkey', 'second.vkey']) {
    expect(await verifyProof(w, 'history', '--signer', signer)).toEqual(refusal('statement-key'));
  }
  expect(await verifyProof(w, 'newest', '--signer', 'second.vkey')).toMatchObject({ status: 0 });
});

test('an absence says of what, and is not taken for anything else', async () => {
  const w = await workspaceWithProofs('absent', 'about');
  expect(await verifyProof(w, 'absent')).toEqual(refusal('proof-mismatch', 'ask for that with --absent\n$'));
  expect(await verifyProof(w, 'absent', ...ABSENT.slice(0, 5))).toEqual(
    refusal('usage', '--absent needs --stream, --type and --issuer', 2),
  );
  expect(await verifyProof(w, 'about', ...ABSENT)).toEqual(refusal('proof-mismatch', 'does not show'));
});

test('--signer is refused where nothing, or not only one key, has signed', async () => {
  const w = await workspaceWithProofs('absent', 'about', 'nothing', 'streams');
  for (const proof of ['about', 'nothing', 'streams']) {
    expect(await verifyProof(w, proof, '--signer', 'vendor.vkey')).toEqual({
      status: 2,
      stdout: '',
      stderr: 'vitrine: usage: --signer names one key, and such a proof has nothing that only one key has signed\n',
    });
  }
  // Whoever gets this one in place of the newest statement is not to take it for that.
  expect(await verifyProof(w, 'absent', ...ABSENT, '--signer', 'vendor.vkey')).toEqual({
    status: 1,
    stdout: '',
    stderr:
      'vitrine: statement-proof-mismatch: the proof shows that the stream acme-av/beta has no statement, so --signer has ' +
      'nothing to check\n',
  });
});

test('a proof of what an index says shows nothing of a file or a record', async () => {
  const w = await workspaceWithProofs('latest');
  w.write('build.cose', (await ask(w, 'show', '10', '--bytes')).stdoutBytes);
  w.write('policy.tlog-proof', w.read('latest'));
  const nothing = (proof: string): object => ({
    status: 1,
    stdout: '',
    stderr:
      `vitrine: statement-proof-mismatch: ${proof} is a proof of what an index says, and shows nothing of a file or a ` +
      'record: verify it with --proof alone\n',
  });
  // Not even of the statement that is in it.
  for (const [args, proof] of [
    [['build.cose', '--proof', 'latest'], 'latest'],
    [['latest', '--proof', 'latest'], 'latest'],
    [['policy'], 'policy.tlog-proof'],
    [['--record', 'x', '--proof', 'latest'], 'latest'],
    [['--record-file', 'policy', '--proof', 'latest'], 'latest'],
    [['build.cose', '--proof', 'latest', '--stream', 'acme-av/stable'], 'latest'],
  ] as const) {
    expect(await w.run(['verify', ...args, '--policy', 'policy'])).toMatchObject(nothing(proof));
  }
  for (const option of [['--raw'], ['--name', 'x']]) {
    expect(await w.run(['verify', '--proof', 'latest', ...option, '--policy', 'policy'])).toMatchObject({
      status: 2,
      stdout: '',
      stderr: 'vitrine: usage: --raw and --name are about files, and latest is a proof of what an index says\n',
    });
  }
});

test('a proof of something else says nothing of a stream or of what was said about a statement', async () => {
  const w = await workspaceWithProofs();
  write(w, { 'rules.txt': 'rule\n' });
  await done(w, [
    'release',
    'database',
    'rules.txt',
    '--name',
    'rules',
    '--next',
    '--log',
    'log',
    '--key',
    'vendor.key',
  ]);
  w.write('build.cose', (await ask(w, 'show', '10', '--bytes')).stdoutBytes);
  await ask(w, 'prove', 'inclusion', '10', '--out', 'build.cose.tlog-proof');
  await ask(w, 'prove', 'record', 'rule', '--of', '22', '--database', 'rules.txt', '--out', 'record');
  for (const [name, value] of [
    ['stream', 'acme-av/stable'],
    ['type', 'build'],
    ['issuer', 'acme.example'],
    ['about', LEAF_10],
    ['absent', ''],
  ] as const) {
    const expectation = name === 'absent' ? [`--${name}`] : [`--${name}`, value];
    for (const args of [
      ['build.cose'],
      ['--proof', 'build.cose.tlog-proof'],
      ['--record', 'rule', '--proof', 'record'],
    ]) {
      expect(await verifyHere(w, ...args, ...expectation)).toEqual({
        status: 2,
        stdout: '',
        stderr: `vitrine: usage: --${name} goes with a proof of what an index says\n`,
      });
    }
    expect(await verifyHere(w, '--consistency', w.path('policy'), '--from', w.path('policy'), ...expectation)).toEqual(
      refusal('usage', `option '--consistency <proof>' cannot be used with option '--${name}\\b`, 2),
    );
  }
  expect(await verifyHere(w, 'build.cose')).toMatchObject({ status: 0 });
});
