import { expect, test } from 'vitest';
import { printEntries, readEntries } from '../src/index-answer.ts';
import { openDirectory } from '../src/log-option.ts';
import { appendStatements, ask, build, cosignNewest, LEAF_8, workspaceWithIndex } from './support/index-workspace.ts';
import { parseAs, parseLinesAs } from './support/json-schema.ts';
import { done, verifyHere } from './support/releases.ts';
import { REVIEWER_KEY, refusedRun, VENDOR_KEY } from './support/statement-workspace.ts';
import { testContext } from './support/test-context.ts';
import { type Workspace, workspaceWithLog } from './support/workspace.ts';

const LOG = ['--log', 'log'];
const ASKED = [['latest', 'acme-av/stable'], ['history', 'acme-av/stable'], ['about', '8'], ['streams']];
const EACH = ASKED.map((question) => [question] as const);

test.each(EACH)('%j writes a file only with --prove, and replaces one only with --force', async (question) => {
  const w = await workspaceWithIndex();
  for (const option of [['--out', 'proof'], ['--force']]) {
    expect(await refusedRun(w, [...question, ...option, ...LOG])).toMatchObject({
      status: 2,
      stderr: 'vitrine: usage: --out and --force go with --prove\n',
    });
  }
  w.write('proof', 'precious');
  const prove = [...question, '--prove', '--out', 'proof'];
  expect(await refusedRun(w, [...prove, ...LOG])).toMatchObject({
    status: 2,
    stderr: 'vitrine: file-exists: proof is there already: use --force to replace it\n',
  });
  expect(w.read('proof').toString()).toBe('precious');
  await ask(w, ...prove, '--force');
  expect(await verifyHere(w, '--proof', 'proof')).toMatchObject({ status: 0 });
});

test('several statements are read at a time, and given in their order', async () => {
  const w = await workspaceWithIndex();
  await using log = await openDirectory(w.path('log'));
  const indices = [{ index: 8 }, { index: 6 }, { index: 10 }];
  const { entry } = log;
  let waiting: (() => void)[] = [];
  // None is there before all of them are asked for.
  log.entry = async (index) => {
    await new Promise<void>((resolve) => {
      waiting.push(resolve);
      if (waiting.length < indices.length) return;
      for (const go of waiting) go();
      waiting = [];
    });
    return entry.call(log, index);
  };
  const expected = await Promise.all(indices.map(({ index }) => entry.call(log, index)));
  expect(await readEntries(log, indices)).toEqual(expected);
  const { context, stdout } = testContext();
  await printEntries(context, log, indices, true);
  await context.output.flush();
  expect(parseLinesAs('entry', stdout())).toMatchObject(indices);
});

test.each(EACH)('a log of arbitrary entries has no index, and %j says so', async (question) => {
  const w = await workspaceWithLog({ entries: Array.from({ length: 9 }, (_, i) => `entry ${i}`) });
  for (const prove of [[], ['--prove', '--out', 'proof'], ['--cosigned']]) {
    expect(await refusedRun(w, [...question, ...prove, ...LOG])).toMatchObject({
      status: 2,
      stderr: 'vitrine: log-index: example.com/log has no index: vitrine ls reads all of its entries\n',
    });
  }
});

test('a log without entries has no streams, and proves nothing', async () => {
  const w = await workspaceWithIndex();
  await done(w, ['init', 'empty', '--origin', 'example.com/empty']);
  const log = ['--log', 'empty'];
  expect(await done(w, ['streams', ...log])).toMatchObject({ stdout: '', stderr: '' });
  expect(await w.run(['latest', 'x', ...log])).toMatchObject({
    status: 1,
    stderr: 'vitrine: stream-missing: the log has no statement of a stream x\n',
  });
  const absent = ['latest', 'x', '--type', 'build', '--issuer', 'acme.example', '--prove'];
  for (const args of [absent, ['streams', '--prove']]) {
    expect(await w.run([...args, ...log])).toMatchObject({
      status: 2,
      stdout: '',
      stderr: 'vitrine: log-range: a log without entries has no index yet, and nothing to prove by\n',
    });
  }
});

test('--cosigned wants a checkpoint that a witness has cosigned', async () => {
  const w = await workspaceWithIndex();
  for (const question of ASKED) {
    for (const prove of [[], ['--prove']]) {
      expect(await refusedRun(w, [...question, '--cosigned', ...prove, ...LOG])).toMatchObject({
        status: 2,
        stderr: 'vitrine: checkpoint-missing: the log example.com/log has no cosigned checkpoint yet\n',
      });
    }
  }
});

/** A log that a witness has cosigned, and that has grown since: a build at leaf 22, a review of leaf 8 at 24. */
async function workspaceWithOlderIndex(): Promise<Workspace> {
  const w = await workspaceWithIndex();
  await cosignNewest(w);
  const subject = new Uint8Array(Buffer.from(LEAF_8, 'base64'));
  await appendStatements(w, [
    [VENDOR_KEY, build('1.3')],
    [REVIEWER_KEY, { type: 'review', subject, verdict: 'rejected' }],
  ]);
  return w;
}

test('--cosigned asks the index as it was at the newest cosigned checkpoint', async () => {
  const w = await workspaceWithOlderIndex();
  const indices = async (...args: string[]): Promise<string[]> =>
    (await ask(w, ...args)).stdout
      .trimEnd()
      .split('\n')
      .map((line) => line.split(' ')[0]!);
  expect(await indices('latest', 'acme-av/stable')).toEqual(['22']);
  expect(await indices('latest', 'acme-av/stable', '--cosigned')).toEqual(['10']);
  expect(await indices('history', 'acme-av/stable')).toEqual(['6', '8', '10', '22']);
  expect(await indices('history', 'acme-av/stable', '--cosigned')).toEqual(['6', '8', '10']);
  expect(await indices('about', '8')).toEqual(['18', '20', '24']);
  expect(await indices('about', '8', '--cosigned')).toEqual(['16', '18', '20']);
  expect((await ask(w, 'streams', '--type', 'build')).stdout).toMatch(/^ {5}4 /);
  expect((await ask(w, 'streams', '--type', 'build', '--cosigned')).stdout).toMatch(/^ {5}3 /);
  expect(await refusedRun(w, ['history', 'acme-av/stable', '--from', '3', '--cosigned', ...LOG])).toMatchObject({
    stderr: 'vitrine: log-range: the stream has 3 statements, and none from position 3 on\n',
  });
});

test('a proof by the cosigned checkpoint is of that state, and verify names the witness', async () => {
  const w = await workspaceWithOlderIndex();
  const where = 'by the index of example.com/log, tree size 22\n';
  for (const [question, what] of [
    [ASKED[0]!, 'entry 10 is the newest statement of acme-av/stable (build by acme.example)'],
    [ASKED[1]!, '3 statements of acme-av/stable and no others'],
    [ASKED[2]!, '3 reviews and withdrawals of 8 and no others'],
    [ASKED[3]!, '5 streams and no others'],
  ] as const) {
    const { stderr } = await ask(w, ...question, '--cosigned', '--prove', '--out', 'proof', '--force');
    expect(stderr).toBe(`vitrine: wrote proof: ${what}, ${where}`);
    const verified = await done(w, ['verify', '--proof', 'proof', '--policy', 'witnessed']);
    expect(verified.stdout).toMatch(/^tree size +22$/m);
    expect(verified.stdout).toMatch(/^witness +w4 {2}2023-11-14T22:13:20Z$/m);
    // Everybody's newest word then: 16 was replaced by 24.
    if (question[0] === 'about') expect(verified.stdout).toMatch(/^says +E5Zg6bnANplg {2}review {6}reproduced: /m);
    const { stdout } = await ask(w, ...question, '--cosigned', '--prove', '--json');
    expect(parseAs('prove-index', stdout)).toMatchObject({ index: 21, size: 22, unwitnessed: false });
  }
  // The newest state has no witness yet.
  await ask(w, 'latest', 'acme-av/stable', '--prove', '--out', 'proof', '--force');
  expect(await w.run(['verify', '--proof', 'proof', '--policy', 'witnessed'])).toMatchObject({
    status: 1,
    stdout: '',
    stderr: expect.stringMatching(/^vitrine: policy-quorum: /),
  });
});
