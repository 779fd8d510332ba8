import { mkdirSync } from 'node:fs';
import { ed25519Signer, formatBase64, leafHash, privateKeyFromSeed } from '@vitrine/core';
import { signStatement } from '@vitrine/signer';
import { expect, test } from 'vitest';
import { parseAs, parseLinesAs } from './support/json-schema.ts';
import {
  createStatementLog,
  refusedRun,
  sizeOf,
  VENDOR_KEY,
  workspaceWithStatements,
} from './support/statement-workspace.ts';
import { type Workspace, workspace, workspaceWithLog } from './support/workspace.ts';

const SOURCE = ['release', 'source', 'src', '--product', 'acme-av', '--version', '5.2', '--revision', 'r1'];
const OFFLINE = ['--offline', '--origin', 'example.com/log', '--key', 'vendor.key'];

function writeSource(w: Workspace): void {
  mkdirSync(w.path('src'));
  w.write('src/main.c', 'x');
}

/** The bytes of a statement that was signed on another machine, one without a log. */
async function signedElsewhere(vendor: Workspace): Promise<Buffer> {
  const elsewhere = workspace();
  writeSource(elsewhere);
  elsewhere.write('vendor.key', vendor.read('vendor.key'));
  const { status, stdout, stderr } = await elsewhere.run([...SOURCE, ...OFFLINE, '--out', 'request.cose']);
  expect(status).toBe(0);
  const hash = formatBase64(leafHash(elsewhere.read('request.cose')));
  expect(stdout).toMatch(/^\S{44} {2}source {6}acme-av 5\.2 \(1 file\) {2}by acme\.example {2}\S+\n$/);
  expect(stdout.split(' ')[0]).toBe(hash);
  expect(stderr).toMatch(
    /wrote request\.cose, which is not logged yet: vitrine submit request\.cose --log <the log example\.com\/log>\n/,
  );
  expect(elsewhere.files()).toEqual(['request.cose', 'src/main.c', 'vendor.key']);
  return elsewhere.read('request.cose');
}

test('a statement signed on a machine without the log, carried as a file, and submitted elsewhere is the same leaf', async () => {
  const w = await workspaceWithStatements();
  const request = await signedElsewhere(w);
  w.write('request.cose', request);
  const hash = formatBase64(leafHash(request));
  const { status, stdout, stderr } = await w.run(['submit', 'request.cose', '--log', 'log', '--json']);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(parseAs('issue', stdout)).toMatchObject({
    index: 2,
    leafHash: hash,
    known: false,
    file: 'request.cose',
    statement: { type: 'source', issuer: 'acme.example' },
  });
  expect((await w.run(['show', '2', '--bytes', '--log', 'log'])).stdoutBytes).toEqual(request);
  const again = await w.run(['submit', 'request.cose', '--log', 'log']);
  expect(again).toMatchObject({ status: 0, stderr: 'vitrine: request.cose was in the log already, at index 2\n' });
  expect(again.stdout).toContain(`2  ${hash}  source `);
  expect(sizeOf(w)).toBe(4);
});

test('the same file submitted to another log is refused for its audience', async () => {
  const w = await workspaceWithStatements();
  const key = privateKeyFromSeed('elsewhere.example/log', 0x01, new Uint8Array(32).fill(21));
  await createStatementLog(w, 'elsewhere', key);
  w.write('request.cose', await signedElsewhere(w));
  // Before its key is asked for, which is not even there.
  expect(await w.run(['submit', 'request.cose', '--log', 'elsewhere'])).toMatchObject({
    status: 1,
    stdout: '',
    stderr:
      'vitrine: admission-audience: request.cose is meant for the log example.com/log, and this one is ' +
      'elsewhere.example/log\n',
  });
  expect(sizeOf(w, 'elsewhere')).toBe(2);
});

test('submit takes all of several statements or none', async () => {
  const w = await workspaceWithStatements();
  w.write('rules', 'alpha\n');
  const database = ['release', 'database', 'rules', '--name', 'acme-rules', ...OFFLINE];
  await w.run([...database, '--sequence', '1', '--out', '1.cose']);
  await w.run([...database, '--sequence', '2', '--previous', '1.cose', '--out', '2.cose']);
  await w.run([...database, '--sequence', '2', '--out', 'again.cose']);
  expect(await refusedRun(w, ['submit', '1.cose', '2.cose', 'again.cose', '--log', 'log'])).toMatchObject({
    status: 1,
    stderr: expect.stringMatching(/^vitrine: admission-sequence: /),
  });
  expect(await refusedRun(w, ['submit', '2.cose', '1.cose', '--log', 'log'])).toMatchObject({ status: 1 });
  const { stdout } = await w.run(['submit', '1.cose', '2.cose', '1.cose', '--log', 'log', '--json']);
  expect(parseLinesAs('issue', stdout).map(({ index, file }) => [index, file])).toEqual([
    [2, '1.cose'],
    [3, '2.cose'],
    [2, '1.cose'],
  ]);
  // One index entry ends all that is appended together.
  expect(sizeOf(w)).toBe(5);
});

test('submit refuses more than a log takes together, which could not be all or none', async () => {
  const w = await workspaceWithStatements();
  w.write('rules', 'alpha\n');
  const out = ['--out', '1.cose', ...OFFLINE];
  expect(await w.run(['release', 'database', 'rules', '--name', 'r', '--sequence', '1', ...out])).toMatchObject({
    status: 0,
  });
  const files = new Array<string>(4097).fill('1.cose');
  expect(await refusedRun(w, ['submit', ...files, '--log', 'log'])).toMatchObject({
    status: 2,
    stderr: expect.stringMatching(/^vitrine: usage: 4097 statements of \d+ bytes are too many for all or none: /),
  });
  const big = await largeStatement();
  w.write('big.cose', big);
  const tooMany = new Array<string>(Math.floor(2 ** 21 / big.length) + 1).fill('big.cose');
  expect(await refusedRun(w, ['submit', ...tooMany, '--log', 'log'])).toMatchObject({ status: 2 });
  expect(await w.run(['submit', ...tooMany.slice(1), '--log', 'log'])).toMatchObject({ status: 0 });
});

/** A statement of the vendor's with as many artifacts as one can have. */
function largeStatement(): Promise<Uint8Array> {
  const artifacts = Array.from({ length: 256 }, (_, i) => ({
    name: `${'a'.repeat(150)}${String(i).padStart(3, '0')}`,
    size: i,
    sha256: new Uint8Array(32).fill(i),
  }));
  const payload = { type: 'database', name: 'large', sequence: 1, artifacts } as const;
  const options = { signer: ed25519Signer(VENDOR_KEY), audience: 'example.com/log', issuedAt: 1_700_000_000 };
  return signStatement(payload, options);
}

test('submit refuses what is no statement, or was changed', async () => {
  const w = await workspaceWithStatements();
  const request = await signedElsewhere(w);
  const changed = Buffer.from(request);
  changed[changed.length - 1]! ^= 1;
  w.write('changed.cose', changed);
  w.write('longer.cose', Buffer.concat([request, Buffer.of(0)]));
  w.write('huge.cose', Buffer.alloc(70_000, 0xd2));
  w.write('text', 'hello');
  for (const [file, message] of [
    ['changed.cose', 'statement-signature: '],
    ['longer.cose', 'statement-malformed: longer.cose: '],
    ['huge.cose', 'statement-malformed: huge.cose has more than the 65535 bytes of an entry'],
    ['text', 'statement-malformed: text is no statement file'],
    ['missing', 'file-missing: missing: no such file or directory'],
    ['src', 'file-'],
  ] as const) {
    expect((await refusedRun(w, ['submit', file, '--log', 'log'])).stderr).toContain(`vitrine: ${message}`);
  }
});

test('options that say where a statement goes do not contradict each other', async () => {
  const w = await workspaceWithStatements();
  writeSource(w);
  w.write('there', 'x');
  const key = ['--key', 'vendor.key'];
  const cases: [string[], string][] = [
    [['--log', 'log', '--out', 'x'], 'usage: --out goes with --offline'],
    [['--log', 'log', '--force'], 'usage: --force goes with --offline'],
    [['--log', 'log', '--origin', 'a.example/log'], 'usage: --origin goes with --offline'],
    [['--offline', '--log', 'log'], 'usage: name the file that --offline writes with --out'],
    [['--offline', '--out', 'x'], 'usage: name the log with --log, or in VITRINE_LOG'],
    [
      ['--offline', '--out', 'x', '--origin', 'https://a.example/log'],
      'usage: an origin has no scheme: use a.example/log',
    ],
    [['--offline', '--out', 'there', '--log', 'log'], 'file-exists: there is there already: use --force to replace it'],
    [['--offline', '--out', 'no/x', '--log', 'log'], 'file-missing: the directory no does not exist'],
    [
      ['--offline', '--out', 'x', '--log', 'log', '--log-key', 'k'],
      'usage: --offline does not log, and needs no --log-key',
    ],
    [['--log', 'nowhere'], 'store-missing: nowhere does not exist'],
    [[], 'usage: name the log with --log, or in VITRINE_LOG'],
  ];
  for (const [args, message] of cases) {
    expect((await refusedRun(w, [...SOURCE, ...key, ...args])).stderr).toContain(`vitrine: ${message}`);
  }
  const both = await refusedRun(w, [...SOURCE, ...key, '--offline', '--out', '-', '--log', 'log', '--json']);
  expect(both.stderr).toContain('--json and --out - both want standard output');
  expect(w.files()).not.toContain('x');
  expect(w.read('there').toString()).toBe('x');

  const piped = await w.run([...SOURCE, ...key, '--offline', '--out', '-', '--log', 'log']);
  expect(piped).toMatchObject({ status: 0 });
  const forced = await w.run([...SOURCE, ...key, '--offline', '--out', 'there', '--force', '--log', 'log', '--json']);
  expect(parseAs('issue', forced.stdout)).toMatchObject({ file: 'there', statement: { audience: 'example.com/log' } });
  w.write('piped', piped.stdoutBytes);
  expect(await w.run(['submit', 'there', 'piped', '--log', 'log'])).toMatchObject({ status: 0 });
});

test('a log of arbitrary entries takes no statements that nobody would judge', async () => {
  const w = await workspaceWithLog();
  const vendor = await workspaceWithStatements();
  w.write('request.cose', await signedElsewhere(vendor));
  expect(await refusedRun(w, ['submit', 'request.cose', '--log', 'log'])).toMatchObject({
    status: 2,
    stderr: expect.stringMatching(/^vitrine: log-admission: the log example\.com\/log takes arbitrary entries/),
  });
});
