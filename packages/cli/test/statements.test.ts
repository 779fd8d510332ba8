import { formatBase64, leafHash, type PrivateKey } from '@vitrine/core';
import { type Payload, parseStatement, signStatement } from '@vitrine/signer';
import { privateKeySigner } from '@vitrine/signer/node';
import { expect, test } from 'vitest';
import { statementJson, statementLine, statementRows } from '../src/statement-view.ts';
import { aligned } from '../src/text.ts';
import { parseAs, parseLinesAs } from './support/json-schema.ts';
import {
  OTHER_KEY,
  REVIEWER_KEY,
  refusedRun,
  VENDOR_KEY,
  workspaceWithStatements,
} from './support/statement-workspace.ts';
import { LOG_KEY, type Workspace } from './support/workspace.ts';

const LOG = ['--log', 'log'];

/** With releases 1 and 2 of a database at leaves 2 and 4, and a build at 6. */
async function workspaceWithReleases(): Promise<Workspace> {
  const w = await workspaceWithStatements();
  w.write('rules', 'alpha\n');
  for (const args of [
    ['database', 'rules', '--name', 'acme-rules', '--next'],
    ['database', 'rules', '--name', 'acme-rules', '--next'],
    ['build', 'rules', '--product', 'acme-av', '--version', '1\u202ex', '--channel', 'stable'],
  ]) {
    expect(await w.run(['release', ...args, '--key', 'vendor.key', ...LOG])).toMatchObject({ status: 0 });
  }
  return w;
}

const indices = (stdout: string): number[] =>
  stdout === ''
    ? []
    : stdout
        .trimEnd()
        .split('\n')
        .map((line) => Number(line.split(' ')[0]));

test('ls prints statements for people, and filters them by type, stream and issuer', async () => {
  const w = await workspaceWithReleases();
  const { stdout, stderr } = await w.run(['ls', ...LOG]);
  expect(stderr).toBe('');
  const lines = stdout.trimEnd().split('\n');
  expect(lines.map((line) => line.replace(/^(\d) {2}\S{12} {2} *\d+ {2}/, '$1 ').replace(/\S+Z$/, 'then'))).toEqual([
    expect.stringMatching(
      /^0 admission {3}\+ vendor acme\.example\+[0-9a-f]{8}, \+ reviewer reviewer\.example\+[0-9a-f]{8} {2}by example\.com\/log {2}then$/,
    ),
    '2 database    acme-rules 1 (1 record)  by acme.example  then',
    '4 database    acme-rules 2 (1 record)  by acme.example  then',
    '6 build       acme-av/stable 1\\u{202e}x (1 artifact)  by acme.example  then',
  ]);
  const filtered = async (...args: string[]): Promise<number[]> =>
    indices((await w.run(['ls', ...LOG, ...args])).stdout);
  expect(await filtered('--type', 'database')).toEqual([2, 4]);
  expect(await filtered('--stream', 'acme-av/stable')).toEqual([6]);
  expect(await filtered('--issuer', 'acme.example', '--from', '4')).toEqual([4, 6]);
  expect(await filtered('--type', 'build', '--stream', 'acme-rules')).toEqual([]);
  expect(await w.run(['ls', ...LOG, '--issuer', 'acme.exmaple'])).toMatchObject({
    stdout: '',
    stderr: 'vitrine: none of 8 entries is such\n',
  });
  expect((await w.run(['ls', ...LOG, '--type', 'rumour'])).stderr).toContain('vitrine: usage: ');
  const json = parseLinesAs('entry', (await w.run(['ls', ...LOG, '--issuer', 'acme.example', '--json'])).stdout);
  expect(json.map(({ statement }) => (statement as { type: string }).type)).toEqual(['database', 'database', 'build']);
});

test('ls leaves out the index entries, unless --all is given', async () => {
  const w = await workspaceWithReleases();
  expect(indices((await w.run(['ls', ...LOG])).stdout)).toEqual([0, 2, 4, 6]);
  const { stdout } = await w.run(['ls', ...LOG, '--all']);
  expect(indices(stdout)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  expect(stdout).toMatch(/^7 {2}\S{12} +\d+ {2}index {7}of 7 entries, root \S{44}$/m);
  const entries = parseLinesAs('entry', (await w.run(['ls', ...LOG, '--all', '--from', '6', '--json'])).stdout);
  expect(entries).toEqual([
    expect.not.objectContaining({ indexEntry: expect.anything() }),
    expect.objectContaining({ index: 7, indexEntry: { size: 7, root: expect.any(String) } }),
  ]);
  expect((await w.run(['ls', ...LOG, '--from', '7'])).stdout).toBe('');
  // A filter is about statements, and an index entry is none.
  expect(indices((await w.run(['ls', ...LOG, '--all', '--type', 'build'])).stdout)).toEqual([6]);
});

test('show says of how many entries an index entry is', async () => {
  const w = await workspaceWithReleases();
  const { indexEntry, leafHash: hash } = parseAs('entry', (await w.run(['show', '7', ...LOG, '--json'])).stdout);
  const { size, root } = indexEntry as { size: number; root: string };
  expect(size).toBe(7);
  expect(await w.run(['show', '7', ...LOG])).toMatchObject({
    status: 0,
    stderr: '',
    stdout: [
      'index      7',
      `leaf hash  ${hash}`,
      'type       index: what the log says of all entries before this one',
      'entries    7',
      `root       ${root}`,
      '',
    ].join('\n'),
  });
  const { stdoutBytes } = await w.run(['show', '7', '--bytes', ...LOG]);
  expect(formatBase64(leafHash(stdoutBytes))).toBe(hash);
});

test('show says what a statement says, whose word it is, and whether the signature was verified', async () => {
  const w = await workspaceWithReleases();
  const { status, stdout, stderr } = await w.run(['show', '4', ...LOG]);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  const rows = stdout.trimEnd().split('\n');
  expect(rows.map((row) => row.slice(0, 13).trimEnd())).toEqual([
    'index',
    'leaf hash',
    'type',
    'stream',
    'issuer',
    'time',
    'for log',
    'name',
    'sequence',
    'artifact',
    'records',
    'record root',
    'previous',
    'signature',
  ]);
  expect(rows[5]).toMatch(/Z \(the issuer's word\)$/);
  expect(rows[12]).toMatch(/ {2}leaf 2, database \S+ \d+$/);
  expect(rows[13]).toBe('signature    verified, with a key that the log admitted as vendor');
  expect((await w.run(['show', '6', ...LOG])).stdout).toContain('\nversion    1\\u{202e}x\n');
  expect((await w.run(['show', '0', ...LOG])).stdout).toMatch(/\nsignature {2}verified, with the log's own key\n$/);
});

test('a leaf is shown by its index, by its leaf hash, and from its file', async () => {
  const w = await workspaceWithReleases();
  const shown = await w.run(['show', '2', ...LOG, '--json']);
  const base64 = String(parseAs('entry', shown.stdout)['leafHash']);
  const hex = Buffer.from(base64, 'base64').toString('hex');
  for (const leaf of [base64, hex, hex.toUpperCase()]) {
    expect(await w.run(['show', leaf, ...LOG, '--json'])).toEqual(shown);
  }
  const { stdoutBytes } = await w.run(['show', '2', ...LOG, '--bytes']);
  expect(formatBase64(leafHash(stdoutBytes))).toBe(base64);
  w.write('2', stdoutBytes);
  const file = parseAs('entry', (await w.run(['show', './2', '--json'])).stdout);
  expect(file).not.toHaveProperty('index');
  expect(file).toMatchObject({
    leafHash: base64,
    signature: { verified: false, reason: 'without the log its key is not known' },
  });
  expect(parseAs('entry', (await w.run(['show', './2', ...LOG, '--json'])).stdout)).toMatchObject({
    signature: { verified: true, role: 'vendor' },
  });
});

test('show of a statement by a key that the log never admitted says that it was not checked', async () => {
  const w = await workspaceWithReleases();
  const options = { signer: privateKeySigner(OTHER_KEY), audience: 'example.com/log', issuedAt: 1_700_000_000 };
  const entry = await signStatement({ type: 'withdrawal', subject: new Uint8Array(32), reason: 'none' }, options);
  w.write('other.cose', entry);
  expect((await w.run(['show', 'other.cose', ...LOG])).stdout).toMatch(/^index {6}not in the log example\.com\/log\n/);
  expect((await w.run(['show', 'other.cose', ...LOG])).stdout).toMatch(
    /\nsignature {2}not checked: the log has admitted no key other\.example\+[0-9a-f]{8}\n$/,
  );
  // One that names a key that it knows, and is not by it, is no statement to show.
  const forged = { ...options, signer: { ...options.signer, ...VENDOR_KEY.vkey } };
  w.write('forged.cose', await signStatement({ type: 'withdrawal', subject: new Uint8Array(32), reason: 'x' }, forged));
  expect(await refusedRun(w, ['show', 'forged.cose', ...LOG])).toMatchObject({
    status: 1,
    stderr: expect.stringMatching(/^vitrine: statement-signature: /),
  });
});

test('show says when the key that signed a statement may not sign that type', async () => {
  const w = await workspaceWithStatements();
  const payload = { type: 'withdrawal', subject: new Uint8Array(32), reason: 'none' } as const;
  const shownFor = async (key: PrivateKey): Promise<string> => {
    const options = { signer: privateKeySigner(key), audience: 'example.com/log', issuedAt: 1 };
    w.write('x.cose', await signStatement(payload, options));
    return (await w.run(['show', 'x.cose', ...LOG])).stdout;
  };
  const stray = "; but a statement of type withdrawal is the vendor's to sign\n";
  expect(await shownFor(REVIEWER_KEY)).toContain(`with a key that the log admitted as reviewer${stray}`);
  expect(await shownFor(LOG_KEY)).toContain(`verified, with the log's own key${stray}`);
  expect(await shownFor(VENDOR_KEY)).toContain('with a key that the log admitted as vendor\n');
});

test('whoever asks a log of statements for a file is told to name a statement', async () => {
  const w = await workspaceWithReleases();
  expect(await refusedRun(w, ['prove', 'inclusion', 'rules', ...LOG])).toMatchObject({
    status: 1,
    stderr:
      'vitrine: entry-missing: rules is not in the log example.com/log: this log has statements: name one by its index, ' +
      'which vitrine ls prints\n',
  });
});

test('show refuses what is not there, or is no leaf', async () => {
  const w = await workspaceWithReleases();
  const absent = 'ab'.repeat(32);
  for (const [args, message] of [
    [['8', ...LOG], 'log-range: the log has 8 entries, and none at index 8\n'],
    [[absent, ...LOG], `entry-missing: ${absent} is not in the log example.com/log\n`],
    [[absent], 'usage: a leaf hash says nothing without the log: name it with --log, or give the statement file\n'],
    [
      ['2'],
      'usage: 2 is an index, which needs the log: name it with --log, or in VITRINE_LOG, or give the statement file\n',
    ],
    [['9007199254740992', ...LOG], 'usage: index must be at most 2^53 - 1, not 9007199254740992\n'],
    [['01', ...LOG], 'usage: index must be a decimal number, not 01\n'],
    [
      ['nothing', ...LOG],
      'file-missing: nothing: no such file or directory; a leaf is named by its index, its leaf hash',
    ],
    [['rules', ...LOG], 'statement-malformed: rules is no statement file\n'],
  ] as const) {
    const { stdout, stderr } = await w.run(['show', ...args]);
    expect(stdout).toBe('');
    expect(stderr).toContain(`vitrine: ${message}`);
  }
  expect((await w.run(['show', '2', '--bytes', '--json', ...LOG])).stderr).toContain("option '--bytes' cannot be used");
});

const HASH = new Uint8Array(32).fill(0xab);
const FILE = { name: 'a\u202eb', size: 1, sha256: HASH };
const PAYLOADS: Payload[] = [
  {
    type: 'source',
    product: 'p',
    version: 'v',
    revision: 'r',
    tree: { root: HASH, files: 1, size: 2, salted: true },
    toolchain: 't',
  },
  {
    type: 'build',
    product: 'p',
    version: 'v',
    channel: 'c',
    platform: 'x',
    artifacts: [FILE],
    source: HASH,
    toolchain: 't',
    attachments: [{ ...FILE, mediaType: 'text/plain' }],
  },
  { type: 'build', product: 'p', version: 'v', channel: 'c', manifest: FILE },
  {
    type: 'database',
    name: 'n',
    sequence: 2,
    artifacts: [FILE],
    records: { root: HASH, count: 1, format: { reader: 'lines', comment: '#', skipBlank: true } },
    delta: { from: 1, artifact: FILE },
    previous: HASH,
    expires: 2_000_000_000,
  },
  { type: 'database', name: 'n', sequence: 0, manifest: FILE },
  {
    type: 'review',
    subject: HASH,
    verdict: 'equivalent',
    method: 'm',
    evidence: HASH,
    normalizer: { name: 'strip', sha256: HASH },
  },
  { type: 'review', subject: HASH, verdict: 'rejected' },
  { type: 'withdrawal', subject: HASH, reason: 'broken', replacement: HASH },
  {
    type: 'admission',
    add: [{ role: 'vendor', vkey: 'acme.example+fba2fc64+AfUYU6/ZD//luhONp6/42Kf657MUz4SDgglYf03ukMh5' }],
    remove: [{ keyName: 'k', keyId: 7 }],
  },
  { type: 'handling', category: 'c', site: 's', period: { from: 0, to: 86_400 }, commitment: HASH },
];

test.each(PAYLOADS)('every type is printed for people and programs: $type', async (payload) => {
  const options = { signer: privateKeySigner(VENDOR_KEY), audience: 'example.com/log', issuedAt: 1_700_000_000 };
  const statement = parseStatement(await signStatement(payload, options));
  const json = statementJson(statement);
  expect(parseAs('statement', JSON.stringify(json))).toEqual(json);
  expect(Object.keys(json.payload)).toEqual(Object.keys(payload).filter((key) => key !== 'type'));
  const rows = aligned(statementRows(statement));
  const line = statementLine(statement);
  expect(line).toMatch(/^[a-z]+ {2,}\S.* {2}by acme\.example {2}2023-11-14T22:13:20Z$/);
  for (const text of [rows, line]) {
    expect(text).not.toContain('\u202e');
    expect(text).not.toContain('undefined');
  }
});
