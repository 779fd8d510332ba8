import { parseTlogProof } from '@vitrine/core';
import { expect, test } from 'vitest';
import { appendStatements, ask, build, LEAF_10, workspaceWithIndex } from './support/index-workspace.ts';
import { parseAs } from './support/json-schema.ts';
import { done, VENDOR } from './support/releases.ts';
import { refusedRun, VENDOR_KEY } from './support/statement-workspace.ts';

const LOG = ['--log', 'log'];
const LINE = `10  ${LEAF_10}  build       acme-av/stable 1.2 (1 artifact)  by acme.example  2023-11-14T22:13:20Z\n`;

test('latest prints the newest statement of a stream', async () => {
  const w = await workspaceWithIndex();
  expect(await ask(w, 'latest', 'acme-av/stable')).toMatchObject({ status: 0, stderr: '', stdout: LINE });
  const { stdout, stderr } = await ask(w, 'latest', 'acme-av/stable', '--json');
  expect(stderr).toBe('');
  expect(parseAs('entry', stdout)).toMatchObject({
    index: 10,
    leafHash: LEAF_10,
    statement: { type: 'build', stream: 'acme-av/stable', issuer: 'acme.example', payload: { version: '1.2' } },
  });
  await appendStatements(w, [[VENDOR_KEY, build('1.3')]]);
  expect((await ask(w, 'latest', 'acme-av/stable')).stdout).toMatch(/^22 {2}\S{44} {2}build {7}acme-av\/stable 1\.3 /);
});

test('whoever asks for the newest is told that it was withdrawn', async () => {
  const w = await workspaceWithIndex();
  await done(w, ['withdraw', '10', '--reason', 'broken', '--yes', ...VENDOR]);
  const note = 'vitrine: 10, or a release with the same content, was withdrawn at leaf 22\n';
  expect(await ask(w, 'latest', 'acme-av/stable')).toMatchObject({ stdout: LINE, stderr: note });
  const json = await ask(w, 'latest', 'acme-av/stable', '--json');
  expect(json.stderr).toBe('');
  expect(parseAs('entry', json.stdout)).toMatchObject({ index: 10 });
  const { stderr } = await ask(w, 'latest', 'acme-av/stable', '--prove', '--out', 'proof');
  expect(stderr).toMatch(/^vitrine: 10, or .* at leaf 22\nvitrine: wrote proof: entry 10 is the newest statement of /);
  // The next one is what it says, and was not withdrawn.
  await appendStatements(w, [[VENDOR_KEY, build('1.3')]]);
  expect(await ask(w, 'latest', 'acme-av/stable')).toMatchObject({ stderr: '' });
});

test('a withdrawal of a release with the same content is told too', async () => {
  const w = await workspaceWithIndex();
  await appendStatements(w, [
    [VENDOR_KEY, build('1.3', 'same')],
    [VENDOR_KEY, build('1.4', 'same')],
  ]);
  await done(w, ['withdraw', '22', '--reason', 'broken', '--yes', ...VENDOR]);
  const { stdout, stderr } = await ask(w, 'latest', 'acme-av/stable');
  expect(stdout).toMatch(/^24 /);
  expect(stderr).toBe('vitrine: 24, or a release with the same content, was withdrawn at leaf 26\n');
});

test('of several streams with the name, --type and --issuer choose one', async () => {
  const w = await workspaceWithIndex();
  const usage = 'vitrine: usage: several streams are named acme-av: choose with --type and --issuer: ';
  for (const [args, streams] of [
    [[], 'source by acme.example; database by acme.example; database by other.example'],
    [['--type', 'database'], 'database by acme.example; database by other.example'],
    [['--issuer', 'acme.example'], 'source by acme.example; database by acme.example'],
  ] as const) {
    for (const prove of [[], ['--prove']]) {
      expect(await refusedRun(w, ['latest', 'acme-av', ...args, ...prove, ...LOG])).toMatchObject({
        status: 2,
        stderr: `${usage}${streams}\n`,
      });
    }
  }
  for (const [args, line] of [
    [['--type', 'source'], /^4 {2}\S{44} {2}source {6}acme-av 1\.0 .* {2}by acme\.example /],
    [['--issuer', 'other.example'], /^14 {2}\S{44} {2}database {4}acme-av 1 .* {2}by other\.example /],
    [
      ['--type', 'database', '--issuer', 'acme.example'],
      /^12 {2}\S{44} {2}database {4}acme-av 1 .* {2}by acme\.example /,
    ],
  ] as const) {
    expect((await ask(w, 'latest', 'acme-av', ...args)).stdout).toMatch(line);
  }
  expect((await refusedRun(w, ['latest', 'acme-av', '--type', 'review', ...LOG])).stderr).toMatch(
    /^vitrine: usage: option '--type <type>' argument 'review' is invalid\. Allowed choices are source, build, database, /,
  );
});

test('a stream that is not there is missing, and its absence is proven if type and issuer are named', async () => {
  const w = await workspaceWithIndex();
  const missing = 'vitrine: stream-missing: the log has no statement of a stream ';
  const prove = '; name its type and issuer with --type and --issuer to prove that';
  for (const [args, stream] of [
    [['acme-av/beta'], 'acme-av/beta'],
    [['acme-av/beta', '--type', 'build', '--issuer', 'acme.example'], 'acme-av/beta of type build by acme.example'],
    // There are others of the name.
    [['acme-av', '--type', 'build'], 'acme-av of type build'],
    [['acme-av', '--type', 'source', '--issuer', 'other.example'], 'acme-av of type source by other.example'],
    [['acme-av/beta', '--prove'], `acme-av/beta${prove}`],
    [['acme-av/beta', '--prove', '--issuer', 'acme.example'], `acme-av/beta by acme.example${prove}`],
  ] as const) {
    expect(await refusedRun(w, ['latest', ...args, ...LOG])).toMatchObject({
      status: 1,
      stderr: `${missing}${stream}\n`,
    });
  }
  const json = await refusedRun(w, ['latest', 'acme-av/beta', '--json', ...LOG]);
  expect(parseAs('error', json.stderr)).toMatchObject({ error: { code: 'stream-missing' } });
  const absent = ['latest', 'acme-av/beta', '--type', 'build', '--issuer', 'acme.example', '--prove'];
  expect(await ask(w, ...absent, '--out', 'proof')).toMatchObject({
    stdout: '',
    stderr:
      'vitrine: wrote proof: no statement of acme-av/beta (build by acme.example), by the index of example.com/log, ' +
      'tree size 22, unwitnessed\n',
  });
  expect(parseTlogProof(w.read('proof'))).toMatchObject({ index: 21 });
});

test('latest --prove writes a proof, and with --json says what is in it', async () => {
  const w = await workspaceWithIndex();
  const prove = ['latest', 'acme-av/stable', '--prove'];
  expect(await ask(w, ...prove, '--out', 'proof')).toMatchObject({
    stdout: '',
    stderr:
      'vitrine: wrote proof: entry 10 is the newest statement of acme-av/stable (build by acme.example), by the index of ' +
      'example.com/log, tree size 22, unwitnessed\n',
  });
  const written = w.read('proof');
  const piped = await ask(w, ...prove);
  expect({ stdout: piped.stdoutBytes, stderr: piped.stderr }).toEqual({ stdout: written, stderr: '' });
  const { stdout, stderr } = await ask(w, ...prove, '--json');
  expect(stderr).toBe('');
  const { index, proof, extra, checkpoint } = parseTlogProof(written);
  expect(parseAs('prove-index', stdout)).toEqual({
    origin: 'example.com/log',
    proves: 'stream',
    index,
    indexRoot: expect.any(String),
    proof: proof.map((hash) => Buffer.from(hash).toString('base64')),
    extra: Buffer.from(extra!).toString('base64'),
    size: 22,
    root: expect.any(String),
    unwitnessed: true,
    checkpoint: Buffer.from(checkpoint).toString(),
  });
  const both = await ask(w, ...prove, '--json', '--out', 'again');
  expect(parseAs('prove-index', both.stdout)).toEqual({ ...JSON.parse(stdout), file: 'again' });
  expect(w.read('again')).toEqual(written);
});
