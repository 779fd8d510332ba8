import { parseIndexProof, parseTlogProof } from '@vitrine/core';
import { expect, test } from 'vitest';
import { ask, LEAF_8, LEAF_10, workspaceWithIndex } from './support/index-workspace.ts';
import { parseAs, parseLinesAs } from './support/json-schema.ts';
import { refusedRun } from './support/statement-workspace.ts';

const LOG = ['--log', 'log'];
const THEN = 'by acme.example  2023-11-14T22:13:20Z';
const LINES = [
  `6  OZQX4NHZonLu2ovY492rj9TE0HzxNaDTdWweNfasB7k=  build       acme-av/stable 1.0 (1 artifact)  ${THEN}\n`,
  `8  ${LEAF_8}  build       acme-av/stable 1.1 (1 artifact)  ${THEN}\n`,
  `10  ${LEAF_10}  build       acme-av/stable 1.2 (1 artifact)  ${THEN}\n`,
];

test('history prints the statements of a stream in their order, from the position that is named', async () => {
  const w = await workspaceWithIndex();
  const history = (...args: string[]): Promise<{ stdout: string; stderr: string }> =>
    ask(w, 'history', 'acme-av/stable', ...args);
  expect(await history()).toMatchObject({ stdout: LINES.join(''), stderr: '' });
  expect(await history('--from', '0')).toMatchObject({ stdout: LINES.join('') });
  expect(await history('--from', '1')).toMatchObject({ stdout: LINES.slice(1).join(''), stderr: '' });
  expect(await history('--from', '2')).toMatchObject({ stdout: LINES[2] });
  const json = parseLinesAs('entry', (await history('--json', '--from', '1')).stdout);
  expect(json).toEqual([
    expect.objectContaining({ index: 8, leafHash: LEAF_8 }),
    expect.objectContaining({ index: 10, leafHash: LEAF_10 }),
  ]);
});

test('there is no history from behind the end, nor from what is no position', async () => {
  const w = await workspaceWithIndex();
  for (const prove of [[], ['--prove']]) {
    expect(await refusedRun(w, ['history', 'acme-av/stable', '--from', '3', ...prove, ...LOG])).toMatchObject({
      status: 2,
      stderr: 'vitrine: log-range: the stream has 3 statements, and none from position 3 on\n',
    });
  }
  expect(await refusedRun(w, ['history', 'acme-av/stable', '--from', '-1', ...LOG])).toMatchObject({
    status: 2,
    stderr: 'vitrine: usage: --from must be a decimal number, not -1\n',
  });
});

test('history wants one stream, and one that is there', async () => {
  const w = await workspaceWithIndex();
  expect(await refusedRun(w, ['history', 'acme-av', '--type', 'database', ...LOG])).toMatchObject({
    status: 2,
    stderr:
      'vitrine: usage: several streams are named acme-av: choose with --type and --issuer: database by acme.example; ' +
      'database by other.example\n',
  });
  const one = await ask(w, 'history', 'acme-av', '--type', 'database', '--issuer', 'other.example');
  expect(one.stdout).toMatch(/^14 {2}\S{44} {2}database {4}acme-av 1 .* by other\.example \S* ?\S+\n$/);
  for (const args of [[], ['--type', 'build', '--issuer', 'acme.example']]) {
    expect(await refusedRun(w, ['history', 'acme-av/beta', ...args, ...LOG])).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/^vitrine: stream-missing: the log has no statement of a stream acme-av\/beta/),
    });
  }
});

test('history --prove writes the statements with what shows that they are all', async () => {
  const w = await workspaceWithIndex();
  const prove = ['history', 'acme-av/stable', '--prove'];
  const where = 'no others, by the index of example.com/log, tree size 22, unwitnessed\n';
  expect(await ask(w, ...prove, '--out', 'all')).toMatchObject({
    stdout: '',
    stderr: `vitrine: wrote all: 3 statements of acme-av/stable and ${where}`,
  });
  expect(await ask(w, ...prove, '--from', '2', '--out', 'part')).toMatchObject({
    stdout: '',
    stderr: `vitrine: wrote part: 1 statement of acme-av/stable from position 2 on and ${where}`,
  });
  expect(parseIndexProof(parseTlogProof(w.read('all')).extra!)).toMatchObject({ history: { from: 0, before: [] } });
  expect(parseIndexProof(parseTlogProof(w.read('part')).extra!)).toMatchObject({
    history: { from: 2, before: [expect.any(Uint8Array)] },
    entries: [expect.any(Uint8Array)],
  });
  const json = parseAs('prove-index', (await ask(w, ...prove, '--json')).stdout);
  expect(json).toMatchObject({ proves: 'stream', index: 21, size: 22 });
  expect(Buffer.from(String(json['extra']), 'base64')).toEqual(Buffer.from(parseTlogProof(w.read('all')).extra!));
});
