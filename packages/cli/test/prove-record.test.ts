import { ed25519Signer, leafHash } from '@vitrine/core';
import { parseStatement, signStatement } from '@vitrine/signer';
import { expect, test } from 'vitest';
import { parseAs } from './support/json-schema.ts';
import { changeProof, done, proofIn, VENDOR, verifyHere, write, writePolicy } from './support/releases.ts';
import { refusedRun, VENDOR_KEY, workspaceWithStatements } from './support/statement-workspace.ts';
import { type Workspace, workspaceWithLog } from './support/workspace.ts';

const LOG = ['--log', 'log'];
const RULES = Array.from({ length: 20 }, (_, i) => `rule ${i}`);

/** A log with release 1 of a database of 20 rules at leaf 2. */
async function workspaceWithDatabase(...options: readonly string[]): Promise<Workspace> {
  const w = await workspaceWithStatements();
  writePolicy(w);
  write(w, { 'rules.txt': `# rules\n${RULES.join('\n')}\nrule 0\n` });
  const how = ['--name', 'acme-rules', '--next', '--comment', '#', ...options];
  await done(w, ['release', 'database', 'rules.txt', ...how, ...VENDOR]);
  return w;
}

async function proven(w: Workspace, record: string, ...options: readonly string[]): Promise<string> {
  const name = `${record.replace(' ', '-')}.tlog-proof`;
  const args = ['prove', 'record', record, '--of', '2', '--database', 'rules.txt', '--out', name, ...LOG];
  await done(w, [...args, ...options]);
  return name;
}

const refused = (code: string, status = 1): object => ({
  status,
  stdout: '',
  stderr: expect.stringMatching(new RegExp(`^vitrine: ${code}: `)),
});

test('that a record is in a release is proven, and that another is not', async () => {
  const w = await workspaceWithDatabase();
  const prove = ['prove', 'record', '--of', '2', '--database', 'rules.txt', ...LOG];
  expect(await done(w, [...prove, 'rule 7', '--out', 'present'])).toMatchObject({
    stdout: '',
    stderr: 'vitrine: wrote present: the record is present, statement 2 of example.com/log, tree size 4, unwitnessed\n',
  });
  await done(w, [...prove, 'rule 20', '--out', 'absent']);
  const present = await verifyHere(w, '--record', 'rule 7', '--proof', 'present', '--signer', 'vendor.vkey');
  expect(present).toMatchObject({ status: 0, stderr: '' });
  expect(present.stdout).toMatch(
    /^verified {5}the record is in acme-rules 1\nrecord {7}rule 7\nsignature {4}verified with/,
  );
  const absent = await verifyHere(w, '--record', 'rule 20', '--proof', 'absent');
  expect(absent).toMatchObject({ status: 0, stderr: '' });
  expect(absent.stdout).toMatch(
    /^verified {5}the record is NOT in acme-rules 1\nrecord {7}rule 20\nsignature {4}NOT CHECKED/,
  );
  const json = await verifyHere(w, '--record', 'rule 20', '--proof', 'absent', '--json');
  expect(parseAs('verify', json.stdout)).toMatchObject({ verified: 'record', present: false, signer: null });
});

test('prove record --json says whether the record is there', async () => {
  const w = await workspaceWithDatabase();
  const prove = ['prove', 'record', '--of', '2', '--database', 'rules.txt', '--json', ...LOG];
  expect(parseAs('prove-record', (await done(w, [...prove, 'rule 1'])).stdout)).toMatchObject({ present: true });
  expect(parseAs('prove-record', (await done(w, [...prove, 'rules'])).stdout)).toMatchObject({ present: false });
});

test('a record is given by its bytes too', async () => {
  const w = await workspaceWithDatabase();
  write(w, { 'rules.txt': Buffer.from('caf\xe9\nrule\n', 'latin1'), record: Buffer.from('caf\xe9\r\n', 'latin1') });
  await done(w, ['release', 'database', 'rules.txt', '--name', 'binary', '--next', ...VENDOR]);
  const prove = ['prove', 'record', '--of', '4', '--database', 'rules.txt', '--out', 'proof', ...LOG];
  const { stderr } = await done(w, [...prove, '--record-file', 'record']);
  expect(stderr).toContain('the record is present');
  const verified = await verifyHere(w, '--record-file', 'record', '--proof', 'proof');
  expect(verified.stdout).toMatch(/^record {7}caf\\xe9$/m);
  const piped = await w.run(['verify', '--record-file', '-', '--proof', 'proof', '--policy', 'policy'], {
    input: w.read('record'),
  });
  expect(piped.status).toBe(0);
});

test('a proof shows nothing of any other record, and never the contrary', async () => {
  const w = await workspaceWithDatabase();
  const present = await proven(w, 'rule 7');
  const absent = await proven(w, 'rule 99');
  for (const other of ['rule 8', 'rule 7 ', 'rule 99']) {
    expect(await verifyHere(w, '--record', other, '--proof', present)).toEqual(refused('statement-proof-mismatch'));
  }
  for (const rule of RULES) {
    expect(await verifyHere(w, '--record', rule, '--proof', absent)).toEqual(refused('statement-proof-mismatch'));
  }
  const own = proofIn(w, present, 'record');
  changeProof(w, present, () => ({ extra: { ...own, present: false } }));
  const contrary = await verifyHere(w, '--record', 'rule 7', '--proof', present);
  expect(contrary).toEqual(refused('statement-proof-mismatch'));
  expect(contrary.stderr).toContain('this is not the record that the proof shows to be not in acme-rules: ');
  const other = proofIn(w, absent, 'record');
  changeProof(w, absent, () => ({ extra: { ...other, present: true } }));
  expect(await verifyHere(w, '--record', 'rule 99', '--proof', absent)).toEqual(refused('statement-proof-mismatch'));
});

test('a proof belongs to its release', async () => {
  const w = await workspaceWithDatabase();
  const first = await proven(w, 'rule 7');
  write(w, { 'rules.txt': `${RULES.join('\n')}\nrule 20\n` });
  await done(w, ['release', 'database', 'rules.txt', '--name', 'acme-rules', '--next', ...VENDOR]);
  const prove = ['prove', 'record', 'rule 7', '--database', 'rules.txt', '--out', 'second', ...LOG];
  await done(w, [...prove, '--of', '4']);
  const second = proofIn(w, 'second', 'record');
  const own = proofIn(w, first, 'record');
  changeProof(w, first, () => ({ extra: { ...own, statement: second.statement } }));
  expect(await verifyHere(w, '--record', 'rule 7', '--proof', first)).toEqual(refused('proof-mismatch'));
  changeProof(w, first, () => ({ extra: { ...own, proof: second.proof } }));
  expect(await verifyHere(w, '--record', 'rule 7', '--proof', first)).toEqual(refused('statement-proof-mismatch'));
  // And the database to it.
  const older = await refusedRun(w, ['prove', 'record', 'rule 7', '--of', '2', '--database', 'rules.txt', ...LOG]);
  expect(older).toEqual(expect.objectContaining(refused('records-differ')));
});

test('what can be no record is refused, because its absence would mean nothing', async () => {
  const w = await workspaceWithDatabase();
  write(w, { lines: 'rule 1\nrule 2\n', empty: '' });
  const prove = ['prove', 'record', '--of', '2', '--database', 'rules.txt', ...LOG];
  const cases: [string[], string][] = [
    [[], 'give the record either as text or in a file, with --record-file'],
    [['x', '--record-file', 'lines'], 'give the record either as text or in a file, with --record-file'],
    [[''], 'the record is empty, and no database has such a one'],
    [['--record-file', 'empty'], 'the record is empty, and no database has such a one'],
    [['a\nb'], 'a record is one line, and this has several'],
    [['--record-file', 'lines'], 'a record is one line, and this has several'],
    [['a\ufffd'], 'the record is not valid UTF-8: give its bytes in a file, with --record-file'],
  ];
  for (const [args, message] of cases) {
    expect(await w.run([...prove, ...args])).toMatchObject({
      status: 2,
      stdout: '',
      stderr: `vitrine: usage: ${message}\n`,
    });
  }
});

test('what the format keeps out of every database is not said to be absent from one', async () => {
  const w = await workspaceWithStatements();
  writePolicy(w);
  write(w, { 'rules.txt': 'alert tcp any any -> any 445\r\nlog tcp any any -> any 80\r\n' });
  const release = ['release', 'database', 'rules.txt', '--next', ...VENDOR];
  await done(w, [...release, '--name', 'hidden', '--comment', 'alert', '--skip-blank']);
  await done(w, [...release, '--name', 'open']);
  const prove = (record: string, of: string): string[] => {
    return [
      'prove',
      'record',
      record,
      '--of',
      of,
      '--database',
      'rules.txt',
      '--out',
      `proof-${of}`,
      '--force',
      ...LOG,
    ];
  };
  const how = 'lines, without those that begin with alert, without blank ones';
  const ending =
    'the record ends with a carriage return, which is mostly the end of its line and no part of it: leave it out';
  for (const [record, of, message] of [
    [
      'alert tcp any any -> any 445',
      '2',
      `what is read as ${how} never has this record, and that it is absent means nothing`,
    ],
    ['  alert', '2', `what is read as ${how} never has this record, and that it is absent means nothing`],
    [' ', '2', `what is read as ${how} never has this record, and that it is absent means nothing`],
    ['alert tcp any any -> any 445\r', '4', ending],
  ] as const) {
    expect(await w.run(prove(record, of))).toMatchObject({
      status: 2,
      stdout: '',
      stderr: `vitrine: records-malformed: ${message}\n`,
    });
    // Whoever makes the proof need not have asked.
    const other = of === '2' ? 'log tcp any any -> any 81' : 'alert';
    await done(w, prove(other, of));
    const { RecordSet, readRecords } = await import('@vitrine/signer/node');
    const format = of === '2' ? ({ comment: 'alert', skipBlank: true } as const) : {};
    const set = await RecordSet.from(readRecords(w.path('rules.txt'), { reader: 'lines', ...format }));
    const own = proofIn(w, `proof-${of}`, 'record');
    changeProof(w, `proof-${of}`, () => ({ extra: { ...own, present: false, proof: set.prove(Buffer.from(record)) } }));
    expect(await verifyHere(w, '--record', record, '--proof', `proof-${of}`)).toMatchObject({
      status: 1,
      stdout: '',
      stderr: `vitrine: statement-proof-mismatch: ${message}\n`,
    });
  }
  expect((await done(w, prove('alert tcp any any -> any 445', '4'))).stderr).toContain('the record is present');
});

test('a release without records has no proofs of them', async () => {
  const w = await workspaceWithDatabase();
  await done(w, ['release', 'database', 'rules.txt', '--name', 'other', '--next', '--records', 'none', ...VENDOR]);
  const args = ['prove', 'record', 'rule 1', '--of', '4', '--database', 'rules.txt', ...LOG];
  expect(await refusedRun(w, args)).toMatchObject({
    status: 2,
    stderr: 'vitrine: usage: 4 was logged without its records: nothing can be proven of any of them\n',
  });
});

test('a statement that stands in another log than its own, or whose signature is wrong, is refused', async () => {
  const w = await workspaceWithDatabase();
  const own = proofIn(w, await proven(w, 'rule 7'), 'record');
  const raw = await workspaceWithLog();
  raw.write('vendor.vkey', w.read('vendor.vkey'));
  const { payload } = parseStatement(own.statement);
  const options = { signer: ed25519Signer(VENDOR_KEY), issuedAt: 1 };
  const statements = {
    other: await signStatement(payload, { ...options, audience: 'example.com/other' }),
    forged: own.statement.map((byte, i) => (i === own.statement.length - 1 ? byte ^ 1 : byte)),
  };
  for (const [name, statement] of Object.entries(statements)) {
    raw.write(name, statement);
    await done(raw, ['add', '--raw', name, ...LOG]);
    const hash = Buffer.from(leafHash(statement)).toString('hex');
    await done(raw, ['prove', 'inclusion', hash, '--out', `${name}.plain`, ...LOG]);
    await done(raw, ['prove', 'inclusion', hash, '--out', `${name}.proof`, ...LOG]);
    const { formatTlogProof, parseTlogProof } = await import('@vitrine/core');
    const { formatStatementProof } = await import('@vitrine/signer');
    const extra = formatStatementProof({ ...own, statement });
    raw.write(`${name}.proof`, formatTlogProof({ ...parseTlogProof(raw.read(`${name}.plain`)), extra }));
  }
  const verify = (name: string, ...more: string[]): ReturnType<typeof verifyHere> =>
    verifyHere(raw, '--record', 'rule 7', '--proof', `${name}.proof`, ...more);
  const signer = ['--signer', 'vendor.vkey'];
  const other = await verify('other', ...signer);
  expect(other).toEqual(refused('statement-proof-mismatch'));
  expect(other.stderr).toContain('is meant for the log example.com/other, and stands in example.com/log');
  expect(await verify('other')).toEqual(refused('statement-proof-mismatch'));
  expect(await verify('forged', ...signer)).toEqual(refused('statement-signature'));
  expect((await verify('forged')).stdout).toContain('NOT CHECKED');
  // The bytes are in the log, whatever they are; who signed them is another question.
  const plain = ['--raw', '--proof'];
  expect(await verifyHere(raw, 'forged', ...plain, 'forged.plain')).toMatchObject({ status: 0 });
  expect(await verifyHere(raw, 'forged', ...plain, 'forged.plain', ...signer)).toEqual(refused('statement-signature'));
  expect(await verifyHere(raw, 'other', ...plain, 'other.plain')).toMatchObject({ status: 0 });
  expect(await verifyHere(raw, 'other', ...plain, 'other.plain', ...signer)).toEqual(
    refused('statement-proof-mismatch'),
  );
  raw.write('text', 'text');
  await done(raw, ['add', '--raw', 'text', ...LOG]);
  await done(raw, ['prove', 'inclusion', '2', '--out', 'text.plain', ...LOG]);
  expect(await verifyHere(raw, 'text', ...plain, 'text.plain', ...signer)).toEqual(refused('statement-proof-mismatch'));
});
