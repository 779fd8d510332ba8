import { mkdirSync, symlinkSync } from 'node:fs';
import { RecordSet } from '@vitrine/signer/node';
import { expect, test } from 'vitest';
import { hex } from '../src/hex.ts';
import { parseAs } from './support/json-schema.ts';
import { refusedRun, workspaceWithStatements } from './support/statement-workspace.ts';
import type { Workspace } from './support/workspace.ts';

const KEY = ['--key', 'vendor.key'];
const LOG = ['--log', 'log', ...KEY];
const RULES = ['release', 'database', '--name', 'acme-rules'];
const OFFLINE = ['--offline', '--origin', 'example.com/log'];

const rootOf = async (...records: string[]): Promise<string> =>
  hex((await RecordSet.from(records.map((record) => Buffer.from(record)))).root);

/** The payload of the statement that a run with `--json` printed. */
async function payloadOf(w: Workspace, args: readonly string[]): Promise<Record<string, unknown>> {
  const { status, stdout, stderr } = await w.run([...args, '--json']);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  const { statement } = parseAs('issue', stdout) as { statement: { payload: Record<string, unknown> } };
  return statement.payload;
}

async function leafHashOf(w: Workspace, index: number): Promise<string> {
  const { stdout } = await w.run(['show', String(index), '--log', 'log', '--json']);
  return Buffer.from(String(parseAs('entry', stdout)['leafHash']), 'base64').toString('hex');
}

test('release database logs the records, how many were folded, and the release before it', async () => {
  const w = await workspaceWithStatements();
  w.write('rules', '# comment\nalpha\n\nbeta\nalpha\n');
  const read = ['--comment', '#', '--skip-blank'];
  const first = await w.run([...RULES, 'rules', '--next', ...read, ...LOG]);
  expect(first).toMatchObject({
    status: 0,
    stderr: `vitrine: 2 records (1 duplicate counted once), root ${await rootOf('alpha', 'beta')}\n`,
    stdout: expect.stringMatching(/^2 {2}\S+ {2}database {4}acme-rules 1 \(2 records\) {2}by acme\.example/),
  });
  w.write('rules', '# comment\nbeta\ngamma\n');
  w.write('patch', '+gamma\n');
  const before = Math.floor(Date.now() / 1000);
  const args = [...RULES, 'rules', '--next', ...read, '--delta', 'patch', '--from', '1', '--expires', '30d', ...LOG];
  const payload = await payloadOf(w, args);
  expect(payload).toMatchObject({
    name: 'acme-rules',
    sequence: 2,
    artifacts: [{ name: 'rules', size: 21 }],
    records: {
      root: await rootOf('beta', 'gamma'),
      count: 2,
      format: { reader: 'lines', comment: '#', skipBlank: true },
    },
    delta: { from: 1, artifact: { name: 'patch', size: 7 } },
    previous: await leafHashOf(w, 2),
  });
  expect(payload['expires']).toBeGreaterThanOrEqual(before + 30 * 86_400);
  const rows = (await w.run(['show', '4', '--log', 'log'])).stdout;
  expect(rows).toContain('records      2, read as lines, without those that begin with #, without blank ones\n');
  expect(rows).toMatch(/\nprevious {5}\S+ {2}leaf 2, database acme-rules 1\n/);
});

test('a sequence that does not grow is refused before anything is signed', async () => {
  const w = await workspaceWithStatements();
  w.write('rules', 'alpha\n');
  expect(await payloadOf(w, [...RULES, 'rules', '--sequence', '10', ...LOG])).not.toHaveProperty('previous');
  const signer = ['--vkey', 'vendor.vkey', '--signer-command', 'touch signed; false', '--log', 'log'];
  for (const sequence of ['10', '9']) {
    expect(await refusedRun(w, [...RULES, 'rules', '--sequence', sequence, ...signer])).toMatchObject({
      status: 1,
      stderr:
        'vitrine: admission-sequence: the last release of acme-rules has the sequence 10, and the next one must exceed ' +
        `it: found ${sequence}\n`,
    });
  }
  expect(w.files()).not.toContain('signed');
  expect(await payloadOf(w, [...RULES, 'rules', '--sequence', '12', ...LOG])).toMatchObject({ sequence: 12 });
  expect(await payloadOf(w, [...RULES, 'rules', '--next', ...LOG])).toMatchObject({ sequence: 13 });
});

test('who reads the records otherwise than before is told, and a delta is from an earlier release', async () => {
  const w = await workspaceWithStatements();
  w.write('rules', '# comment\nalpha\n');
  await w.run([...RULES, 'rules', '--next', '--comment', '#', ...LOG]);
  const note =
    'vitrine: the records of the release before this one were read as lines, without those that begin with #\n';
  expect((await w.run([...RULES, 'rules', '--next', ...LOG])).stderr).toContain(note);
  expect((await w.run([...RULES, 'rules', '--next', ...LOG])).stderr).not.toContain('the release before this one');
  const delta = [...RULES, 'rules', '--next', '--delta', 'rules', '--from'];
  expect(await refusedRun(w, [...delta, '4', ...LOG])).toMatchObject({
    status: 2,
    stderr: 'vitrine: usage: --from 4 is not below the sequence, 4\n',
  });
});

test('each vendor has a stream of its own', async () => {
  const w = await workspaceWithStatements();
  w.write('rules', 'alpha\n');
  await w.run(['admit', 'add', 'other.vkey', '--role', 'vendor', '--log', 'log']);
  await w.run([...RULES, 'rules', '--sequence', '10', ...LOG]);
  const byOther = await payloadOf(w, [...RULES, 'rules', '--next', '--log', 'log', '--key', 'other.key']);
  expect(byOther).toMatchObject({ sequence: 1 });
  expect(byOther).not.toHaveProperty('previous');
});

test('a database of many files in directories is logged by a manifest, and all of their lines are records', async () => {
  const w = await workspaceWithStatements();
  mkdirSync(w.path('db', 'sub'), { recursive: true });
  w.write('db/one', 'a\nb\n');
  w.write('db/sub/two', 'b\nc\n');
  expect(await refusedRun(w, [...RULES, 'db', '--next', ...LOG])).toMatchObject({
    status: 2,
    stderr:
      'vitrine: usage: sub/two is in a directory, and a statement has base names: name a file for the list with --manifest\n',
  });
  expect((await refusedRun(w, [...RULES, 'db', '--next', '--manifest', 'db/list', ...LOG])).stderr).toBe(
    'vitrine: usage: --manifest db/list is in db, which is released: put it elsewhere\n',
  );
  const payload = await payloadOf(w, [...RULES, 'db', '--next', '--manifest', 'list', ...LOG]);
  expect(payload).toMatchObject({
    manifest: { name: 'list' },
    records: { root: await rootOf('a', 'b', 'c'), count: 3 },
  });
  expect(w.read('list').toString()).toMatch(/^[0-9a-f]{64} 4 one\n[0-9a-f]{64} 4 sub\/two\n$/);
  symlinkSync('one', w.path('db', 'link'));
  expect((await refusedRun(w, [...RULES, 'db', '--next', '--manifest', 'list2', ...LOG])).stderr).toMatch(
    /^vitrine: file-type: db\/link is not a regular file/,
  );
});

test('the records can be left out, and a container is read as one by its name', async () => {
  const w = await workspaceWithStatements();
  w.write('daily.cvd', 'no container');
  expect(await refusedRun(w, [...RULES, 'daily.cvd', '--next', ...LOG])).toMatchObject({
    status: 2,
    stderr: expect.stringMatching(/^vitrine: records-malformed: /),
  });
  expect(await payloadOf(w, [...RULES, 'daily.cvd', '--next', '--records', 'none', ...LOG])).not.toHaveProperty(
    'records',
  );
  expect(await payloadOf(w, [...RULES, 'daily.cvd', '--next', '--records', 'lines', ...LOG])).toMatchObject({
    records: { count: 1, format: { reader: 'lines' } },
  });
});

test('offline the release before it is named by its statement, or by the log where that can be read', async () => {
  const w = await workspaceWithStatements();
  w.write('rules', 'alpha\n');
  const out = (file: string): string[] => ['--out', file, ...KEY];
  const first = await w.run([...RULES, 'rules', '--sequence', '1', ...OFFLINE, ...out('1.cose')]);
  expect(first.stderr).toContain('vitrine: without the log, or --previous, the release before this one is not named\n');
  const second = [...RULES, 'rules', '--next', ...OFFLINE, '--previous', '1.cose', ...out('2.cose')];
  expect(await payloadOf(w, second)).toMatchObject({ sequence: 2 });
  expect(await w.run(['submit', '1.cose', '2.cose', '--log', 'log'])).toMatchObject({ status: 0 });
  const third = [...RULES, 'rules', '--next', '--offline', '--log', 'log', ...out('3.cose')];
  expect(await payloadOf(w, third)).toMatchObject({ sequence: 3, previous: await leafHashOf(w, 3) });
  // By a leaf hash alone nobody knows the sequence.
  const hash = await leafHashOf(w, 3);
  const byHash = [...RULES, 'rules', ...OFFLINE, '--previous', hash, '--sequence', '4', ...out('4.cose')];
  expect(await payloadOf(w, byHash)).toMatchObject({ sequence: 4, previous: hash });
});

test('offline a release of another database, or by another issuer, is not taken for the release before it', async () => {
  const w = await workspaceWithStatements();
  w.write('rules', 'alpha\n');
  // Each differs from a release before it in one thing.
  const others: [string, string, string][] = [
    ['other-name.cose', 'other-rules', 'vendor.key'],
    ['other-issuer.cose', 'acme-rules', 'other.key'],
  ];
  for (const [file, name, key] of others) {
    const other = ['release', 'database', 'rules', '--name', name, '--sequence', '1', ...OFFLINE, '--out', file];
    expect(await w.run([...other, '--key', key])).toMatchObject({ status: 0 });
    for (const numbered of [['--next'], ['--sequence', '2']]) {
      const args = [...RULES, 'rules', ...numbered, ...OFFLINE, '--previous', file, '--out', 'out.cose', ...KEY];
      expect(await refusedRun(w, args)).toMatchObject({
        status: 2,
        stderr: `vitrine: usage: --previous ${file} is no release of the database acme-rules by acme.example\n`,
      });
    }
  }
  expect(w.files()).not.toContain('out.cose');
});

test('release database refuses wrong use, before it reads or writes', async () => {
  const w = await workspaceWithStatements();
  w.write('rules', 'alpha\n');
  mkdirSync(w.path('empty'));
  mkdirSync(w.path('dir'));
  w.write('dir/rules', 'alpha\n');
  w.write('other.cose', (await w.run(['show', '0', '--bytes', '--log', 'log'])).stdoutBytes);
  const offline = [...OFFLINE, '--out', 'out.cose'];
  const cases: [string[], string][] = [
    [['rules'], 'usage: number the release with --sequence or --next'],
    [['rules', '--next', '--sequence', '1'], "usage: option '--sequence <n>' cannot be used with option '--next'"],
    [['rules', '--sequence', '01'], 'usage: --sequence must be a decimal number, not 01'],
    [['rules', '--next', '--delta', 'rules'], 'usage: --delta and --from go together'],
    [['rules', '--next', '--from', '1'], 'usage: --delta and --from go together'],
    [['rules', '--sequence', '3', '--delta', 'rules', '--from', '3'], 'usage: --from is not below the sequence'],
    [
      ['rules', '--next', '--expires', '30'],
      'usage: --expires must be a duration as 36h, 30d or 2w, or a time as 2030',
    ],
    [['rules', '--next', '--expires', '2030-02-30'], 'usage: --expires must be'],
    [
      ['rules', '--next', '--previous', '1'],
      'usage: --previous goes with --offline: the log knows which release is the',
    ],
    [['rules', '--next', '--records', 'none', '--skip-blank'], 'usage: --comment and --skip-blank say how records are'],
    [['rules', '--next', '--comment', '123456789'], 'usage: --comment '],
    [['empty', '--next'], 'usage: the directory empty has no files'],
    [['dir', '--next', '--records', 'cvd'], 'usage: --records cvd reads a file, and dir is a directory'],
    [['missing', '--next'], 'file-missing: missing: no such file or directory'],
    [['rules', '--next', ...offline], 'usage: --next needs the release before this one'],
    [['rules', '--next', ...offline, '--previous', 'other.cose'], 'usage: --previous other.cose is no release of the'],
  ];
  for (const [args, message] of cases) {
    const where = args.includes('--offline') ? KEY : LOG;
    expect((await refusedRun(w, [...RULES, ...args, ...where])).stderr).toContain(`vitrine: ${message}`);
  }
  expect(w.files()).not.toContain('out.cose');
});
