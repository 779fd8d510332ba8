import { expect, test } from 'vitest';
import { run } from '../src/run.ts';
import { parseAs, parseLinesAs } from './support/json-schema.ts';
import { done, logged, REVIEWER, VENDOR, write } from './support/releases.ts';
import { refusedRun, sizeOf, workspaceWithStatements } from './support/statement-workspace.ts';
import { testContext } from './support/test-context.ts';
import type { Workspace } from './support/workspace.ts';

const WITHDRAW = ['withdraw', '2', '--reason', 'CVE-2030-1234'];

/** A log with two builds, at leaves 2 and 4. */
async function workspaceWithBuilds(): Promise<Workspace> {
  const w = await workspaceWithStatements();
  for (const version of ['1.0', '1.1']) {
    write(w, { [`av-${version}`]: version });
    const build = ['--product', 'acme-av', '--version', version, '--channel', 'stable'];
    await done(w, ['release', 'build', `av-${version}`, ...build, ...VENDOR]);
  }
  return w;
}

test('a release is withdrawn with --yes, and its replacement named', async () => {
  const w = await workspaceWithBuilds();
  const leaves = parseLinesAs('entry', (await w.run(['ls', '--log', 'log', '--json'])).stdout);
  const hash = (leaf: number): string =>
    Buffer.from(String(leaves.find(({ index }) => index === leaf)!['leafHash']), 'base64').toString('hex');
  expect(await logged(w, [...WITHDRAW, '--replacement', '4', '--yes', ...VENDOR])).toEqual({
    subject: hash(2),
    reason: 'CVE-2030-1234',
    replacement: hash(4),
  });
  const again = ['--product', 'acme-av', '--version', '1.0b', '--channel', 'stable'];
  const result = await refusedRun(w, ['release', 'build', 'av-1.0', ...again, ...VENDOR]);
  expect(result.stderr).toMatch(/^vitrine: admission-withdrawn: /m);
});

test('whoever looks at a withdrawn release, or builds on one, is told', async () => {
  const w = await workspaceWithBuilds();
  write(w, { 'src/a.c': 'a' });
  await done(w, ['release', 'source', 'src', '--product', 'acme-av', '--version', '1', '--revision', 'r', ...VENDOR]);
  expect((await done(w, ['show', '2', '--log', 'log'])).stdout).not.toContain('withdrawn');
  for (const leaf of ['2', '6']) await done(w, ['withdraw', leaf, '--reason', 'bad\u202e', '--yes', ...VENDOR]);
  expect((await done(w, ['show', '2', '--log', 'log'])).stdout).toContain('withdrawn  at leaf 8: bad\\u{202e}\n');
  expect((await done(w, ['show', '4', '--log', 'log'])).stdout).not.toContain('withdrawn');
  const json = async (leaf: string): Promise<object> =>
    parseAs('entry', (await done(w, ['show', leaf, '--json', '--log', 'log'])).stdout);
  expect(await json('2')).toMatchObject({ withdrawnAt: 8 });
  expect(await json('4')).not.toHaveProperty('withdrawnAt');
  const note = 'vitrine: 6, or a release with the same content, was withdrawn at leaf 10\n';
  const build = ['release', 'build', 'av-1.1', '--product', 'acme-av', '--version', '2', '--channel', 'beta'];
  expect((await done(w, [...build, '--source', '6', ...VENDOR])).stderr).toBe(note);
  expect((await done(w, ['review', 'source', '6', 'src', ...REVIEWER])).stderr).toContain(note);
  expect((await done(w, ['review', 'source', '6', 'src', ...REVIEWER, '--json'])).stderr).toBe('');
});

test('without a terminal, --yes is needed', async () => {
  const w = await workspaceWithBuilds();
  expect(await refusedRun(w, [...WITHDRAW, ...VENDOR])).toMatchObject({
    status: 2,
    stderr: 'vitrine: usage: a withdrawal is final, and there is no terminal to ask at: say --yes if you are sure\n',
  });
});

test.each([
  ['yes', 0, 8],
  [' YES ', 0, 8],
  ['y', 2, 6],
  ['', 2, 6],
])('at a terminal it asks, and %j is an answer', async (answer, status, size) => {
  const w = await workspaceWithBuilds();
  const prompts: string[] = [];
  const terminal = {
    askSecret: async () => '',
    ask: async (prompt: string) => {
      prompts.push(prompt);
      return answer;
    },
  };
  const configDirectory = w.path('config', 'vitrine');
  const { context, stderr } = testContext({ terminal, configDirectory });
  const files = ['--log', w.path('log'), '--key', w.path('vendor.key')];
  expect(await run([...WITHDRAW, ...files], context), stderr()).toBe(status);
  expect(prompts).toEqual(['This is final. Type yes to withdraw it: ']);
  expect(stderr()).toMatch(/^vitrine: to be withdrawn: build {7}acme-av\/stable 1\.0 .*by acme\.example/);
  if (status !== 0) expect(stderr()).toContain('vitrine: not-confirmed: nothing was withdrawn\n');
  expect(await sizeOf(w)).toBe(size);
});

test('what cannot be withdrawn is refused before anything is asked', async () => {
  const w = await workspaceWithBuilds();
  const withdraw = (leaf: string, ...args: string[]): string[] => ['withdraw', leaf, '--reason', 'x', ...args];
  expect(await refusedRun(w, withdraw('0', ...VENDOR))).toMatchObject({
    status: 1,
    stderr:
      'vitrine: admission-subject: 0 is of the type admission, and what is needed is of the type source, build, database\n',
  });
  expect(await refusedRun(w, withdraw('2', '--replacement', '0', ...VENDOR))).toMatchObject({ status: 1 });
  expect(await refusedRun(w, withdraw('9', ...VENDOR))).toMatchObject({ status: 2 });
  expect(await refusedRun(w, ['withdraw', '2', '--reason', '', ...VENDOR])).toMatchObject({ status: 2 });
});

test('the release of somebody else is not withdrawn', async () => {
  const w = await workspaceWithBuilds();
  const result = await refusedRun(w, [...WITHDRAW, '--yes', ...REVIEWER]);
  expect(result).toMatchObject({ status: 1, stderr: expect.stringMatching(/^vitrine: admission-(role|issuer): /m) });
});

test('a withdrawal is signed without the log, of a leaf hash', async () => {
  const w = await workspaceWithBuilds();
  const [, second] = (await w.run(['ls', '--log', 'log', '--json'])).stdout.split('\n');
  const { leafHash } = JSON.parse(second!);
  const offline = ['--offline', '--origin', 'example.com/log', '--out', 'request', '--key', 'vendor.key', '--json'];
  const { stdout } = await done(w, ['withdraw', leafHash, '--reason', 'x', '--yes', ...offline]);
  expect(parseAs('issue', stdout)).toMatchObject({ file: 'request', statement: { type: 'withdrawal' } });
  await done(w, ['submit', 'request', '--log', 'log']);
  expect(await sizeOf(w)).toBe(8);
});
