import { cpSync, existsSync, readFileSync } from 'node:fs';
import { leafHash } from '@vitrine/core';
import { describe, expect, test } from 'vitest';
import { hex } from '../src/hex.ts';
import { run } from '../src/run.ts';
import { cosignNewest, LEAF_8, workspaceWithIndex } from './support/index-workspace.ts';
import { write } from './support/releases.ts';
import { Served } from './support/served.ts';
import { workspaceWithStatements } from './support/statement-workspace.ts';
import { testContext } from './support/test-context.ts';
import { type Workspace, workspace, workspaceWithLog } from './support/workspace.ts';

interface Result {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command in this process, where it is always the same time and all random bytes are the same. `@` is the workspace. */
async function runAt(
  w: Workspace,
  log: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<Result> {
  const { context, stdout, stderr } = testContext({ configDirectory: w.path('config', 'vitrine'), env });
  const status = await run([...args.map((arg) => arg.replace(/^@/, `${w.directory}/`)), '--log', log], context);
  return { status, stdout: named(stdout(), w, log), stderr: named(stderr(), w, log) };
}

const named = (text: string, w: Workspace, log: string): string =>
  text.replaceAll(log, '<log>').replaceAll(`${w.directory}/`, '');

describe('what reads a log prints the same of its directory and of its URL', () => {
  const READING: readonly (readonly string[])[] = [
    ['ls'],
    ['ls', '--all', '--json'],
    ['ls', '--from', '3', '--to', '9'],
    ['ls', '--type', 'build', '--issuer', 'acme.example'],
    ['ls', '--from', '30', '--to', '20'],
    ['show', '0'],
    ['show', '2', '--json'],
    ['show', '3'],
    ['show', '8'],
    ['show', '8', '--json'],
    ['show', '8', '--bytes'],
    ['show', LEAF_8],
    ['show', '16'],
    ['show', '99'],
    ['show', '0'.repeat(64)],
    ['checkpoint'],
    ['checkpoint', '--json'],
    ['checkpoint', '--cosigned'],
    ['prove', 'inclusion', '4'],
    ['prove', 'inclusion', LEAF_8, '--json'],
    ['prove', 'inclusion', LEAF_8, '--cosigned'],
    ['prove', 'inclusion', '99'],
    ['prove', 'inclusion', '@policy'],
    ['prove', 'consistency', '3'],
    ['prove', 'consistency', '3', '21'],
    ['prove', 'consistency', '3', '19'],
    ['prove', 'consistency', '99'],
    ['latest', 'acme-av/stable'],
    ['latest', 'acme-av/stable', '--type', 'build', '--issuer', 'acme.example', '--json'],
    ['latest', 'acme-av/stable', '--prove'],
    ['latest', 'acme-av/stable', '--prove', '--cosigned'],
    ['latest', 'acme-av', '--type', 'database'],
    ['latest', 'none'],
    ['latest', 'none', '--type', 'build', '--issuer', 'acme.example', '--prove'],
    ['history', 'acme-av/stable'],
    ['history', 'acme-av/stable', '--from', '1', '--prove'],
    ['history', 'acme-av/stable', '--from', '7'],
    ['about', '8'],
    ['about', '8', '--prove'],
    ['about', '4', '--json'],
    ['streams'],
    ['streams', '--json'],
    ['streams', '--type', 'build'],
    ['streams', '--prove'],
    ['admit', 'list'],
    ['admit', 'list', '--json'],
    ['bundle', '10'],
    ['bundle', '10', '--newest'],
    ['bundle', LEAF_8, '--from-size', '3,9'],
    ['bundle', '10', '--format', 'tlog-proof'],
    ['bundle', '10', '--format', 'cose'],
    ['bundle', '4'],
    ['bundle', '99'],
  ];

  test('of a log of statements', async () => {
    const w = await workspaceWithIndex();
    await cosignNewest(w);
    // Which nobody has cosigned yet.
    write(w, { 'late.bin': 'late' });
    const late = ['release', 'build', '@late.bin', '--product', 'late', '--version', '1', '--channel', 'stable'];
    expect((await runAt(w, w.path('log'), [...late, '--key', '@vendor.key'])).status).toBe(0);
    const expected: Result[] = [];
    for (const args of READING) expected.push(await runAt(w, w.path('log'), args));
    expect(expected.filter(({ status }) => status === 0).length).toBeGreaterThanOrEqual(40);
    const served = await Served.start(w, ['--log', 'log', '--policy', 'witnessed']);
    for (const [i, args] of READING.entries()) {
      expect({ args, ...(await runAt(w, served.url, args)) }).toEqual({ args, ...expected[i] });
    }
  });

  test('of a log of arbitrary entries', async () => {
    const commands = [
      ['ls'],
      ['ls', '--json'],
      ['show', '1'],
      ['show', '7'],
      ['checkpoint'],
      ['prove', 'inclusion', '2'],
      ['prove', 'inclusion', hex(leafHash(Buffer.from('second')))],
      ['prove', 'inclusion', '@policy'],
      ['prove', 'consistency', '1'],
      ['streams'],
      ['admit', 'list'],
      ['release', 'source', '@config', '--product', 'p', '--version', '1'],
    ];
    for (const duplicates of [false, true]) {
      const w = await workspaceWithLog({ entries: ['first', 'second', 'second', 'third'], duplicates });
      const expected: Result[] = [];
      for (const args of commands) expected.push(await runAt(w, w.path('log'), args));
      const served = await Served.start(w, ['--log', 'log', '--open']);
      for (const [i, args] of commands.entries()) {
        expect({ args, ...(await runAt(w, served.url, args)) }).toEqual({ args, ...expected[i] });
      }
    }
  });
});

test('what appends to a log prints the same, and appends the same, by directory and by URL', async () => {
  const steps: readonly (readonly string[])[] = [
    ['release', 'source', '@src', '--product', 'tool', '--version', '1', '--revision', 'r1', '--key', '@vendor.key'],
    ['release', 'source', '@src', '--product', 'tool', '--version', '1', '--revision', 'r1', '--key', '@other.key'],
    ['prove', 'file', 'main.c', '--of', '2', '--tree', '@src'],
    [
      'release',
      'build',
      '@tool.tgz',
      '--product',
      'tool',
      '--version',
      '1',
      '--channel',
      'stable',
      '--source',
      '2',
      '--key',
      '@vendor.key',
      '--json',
    ],
    ['release', 'database', '@rules', '--name', 'daily', '--next', '--key', '@vendor.key'],
    ['release', 'database', '@rules2', '--name', 'daily', '--next', '--key', '@vendor.key'],
    ['release', 'database', '@rules', '--name', 'daily', '--sequence', '2', '--key', '@vendor.key'],
    ['prove', 'record', 'alert', '--of', '6', '--database', '@rules'],
    ['prove', 'record', 'none', '--of', '8', '--database', '@rules2', '--json'],
    ['review', 'source', '2', '@src', '--verdict', 'reviewed', '--key', '@reviewer.key'],
    ['review', 'rebuild', '4', '@tool.tgz', '--key', '@reviewer.key'],
    ['review', 'database', '6', '@rules', '--verdict', 'rejected', '--key', '@reviewer.key'],
    ['review', 'source', '2', '@src', '--verdict', 'reviewed', '--key', '@vendor.key'],
    ['withdraw', '6', '--reason', 'broken', '--replacement', '8', '--yes', '--key', '@vendor.key'],
    ['release', 'database', '@rules', '--name', 'daily', '--next', '--key', '@vendor.key'],
    ['about', '6'],
    ['show', '6'],
    [
      'handling',
      '@document',
      '--category',
      'c',
      '--site',
      's',
      '--from',
      '2030-01-01',
      '--to',
      '2030-02-01',
      '--opening',
      '@opening',
      '--key',
      '@vendor.key',
    ],
    ['disclose', '18', '@document', '--opening', '@opening'],
    ['admit', 'add', '@other.vkey', '--role', 'vendor'],
    ['admit', 'add', '@other.vkey', '--role', 'vendor'],
    [
      'release',
      'build',
      '@tool.tgz',
      '--product',
      'other',
      '--version',
      '1',
      '--channel',
      'stable',
      '--key',
      '@other.key',
    ],
    ['admit', 'remove', 'other.example'],
    ['admit', 'remove', 'other.example'],
    ['admit', 'list'],
    [
      'release',
      'build',
      '@tool.tgz',
      '--product',
      'other',
      '--version',
      '2',
      '--channel',
      'stable',
      '--key',
      '@other.key',
    ],
    [
      'release',
      'build',
      '@tool.tgz',
      '--product',
      'request',
      '--version',
      '2',
      '--channel',
      'stable',
      '--offline',
      '--out',
      '@request',
      '--key',
      '@vendor.key',
    ],
    ['submit', '@request'],
    ['submit', '@request', '--json'],
    [
      'release',
      'build',
      '@tool.tgz',
      '--product',
      'tool',
      '--version',
      '3',
      '--channel',
      'beta',
      '--key',
      '@vendor.key',
      '--bundle',
      '@tool.vitrine',
      '--policy',
      '@policy',
    ],
    ['bundle', '@tool.tgz'],
    ['ls', '--all'],
  ];
  const w = await workspaceWithStatements();
  const { formatVkey } = await import('@vitrine/core');
  const { LOG_KEY } = await import('./support/workspace.ts');
  write(w, {
    policy: `log ${formatVkey(LOG_KEY.vkey)}\nquorum none\n`,
    'src/main.c': 'int main;\n',
    'tool.tgz': 'tool',
    rules: 'alert\n',
    rules2: 'alert\ndrop\n',
    document: 'nobody asked\n',
  });
  const copy = await workspaceWithStatements();
  cpSync(w.directory, copy.directory, { recursive: true, force: true });
  const served = await Served.start(copy, ['--log', 'log']);
  const statuses = new Set<number>();
  for (const args of steps) {
    const expected = await runAt(w, w.path('log'), args);
    const found = await runAt(copy, served.url, args);
    // What the log refuses, the server says that it does.
    const stderr = found.stderr.replace(' (says the server)', '');
    expect({ args, ...found, stderr }).toEqual({ args, ...expected });
    statuses.add(expected.status);
  }
  expect([...statuses].sort()).toEqual([0, 1]);
  expect(copy.read('tool.vitrine')).toEqual(w.read('tool.vitrine'));
  expect(await served.stop()).toBe(0);
  expect(copy.read('log/checkpoint')).toEqual(w.read('log/checkpoint'));
  expect(await runAt(copy, copy.path('log'), ['fsck'])).toMatchObject({ status: 0 });
});

describe('a log at a URL', () => {
  test('is none where the scheme was forgotten, and that is said', async () => {
    expect(await workspace().run(['ls', '--log', 'localhost:8080'])).toMatchObject({
      status: 3,
      stderr:
        'vitrine: store-missing: localhost:8080 does not exist; the URL of a log begins with https:// or http://\n',
    });
  });

  test('is not created, checked, indexed again or cosigned there', async () => {
    const w = await workspaceWithLog({ entries: ['first'] });
    const served = await Served.start(w, ['--log', 'log', '--open']);
    for (const args of [
      ['fsck'],
      ['reindex'],
      ['serve'],
      ['checkpoint', '--ml-dsa'],
      ['checkpoint', '--cosignatures', '@none', '--policy', '@witnessed'],
    ]) {
      const { status, stdout, stderr } = await runAt(w, served.url, args);
      expect({ args, status, stdout }).toEqual({ args, status: 2, stdout: '' });
      expect(stderr).toBe(
        'vitrine: log-url: this is done in the directory of the log, and not over the network: <log>\n',
      );
    }
  });

  test('is appended to with a token, from a file or the environment', async () => {
    const w = await workspaceWithLog();
    const made = await w.run(['token', 'add', 'ci', '--tokens', 'tokens']);
    const token = made.stdout.trim();
    w.write('token', `${token}\n`);
    w.write('wrong', 'vitrine_wrong\n');
    w.write('line', 'one\ntwo\n');
    const served = await Served.start(w, ['--log', 'log', '--tokens', 'tokens']);
    const add = (args: readonly string[], env?: Record<string, string>): Promise<Result> =>
      runAt(w, served.url, ['add', '--lines', '@line', ...args], env);
    for (const result of [
      await add([]),
      await add(['--token-file', '@wrong']),
      await add([], { VITRINE_TOKEN: 'x' }),
    ]) {
      expect(result).toMatchObject({ stdout: '' });
      expect(result.status).not.toBe(0);
      expect(result.stderr).toMatch(/^vitrine: token-missing: /);
    }
    const first = await add(['--token-file', '@token']);
    expect(first).toMatchObject({ status: 0, stderr: '' });
    expect(first.stdout).toMatch(/^0 .*\n1 .*\n$/);
    const again = await add([], { VITRINE_TOKEN: token });
    expect(again).toMatchObject({ status: 0, stdout: first.stdout });
    expect(again.stderr).toContain('2 entries of these were in the log already');
    w.write('empty', '\n');
    expect(await add(['--token-file', '@empty'])).toMatchObject({ status: 2 });
    // Who reads needs none.
    expect((await runAt(w, served.url, ['ls'])).stdout).toContain('two');
  });

  test('signs with a key of its own, and takes none', async () => {
    const w = await workspaceWithLog();
    w.write('line', 'one\n');
    const served = await Served.start(w, ['--log', 'log', '--open']);
    const result = await runAt(w, served.url, ['add', '--lines', '@line', '--key', '@some.key']);
    expect(result.status).toBe(2);
    expect(result.stderr).toContain('--key names the key of a log in a directory');
  });

  test('is the one whose key the user knows', async () => {
    const { formatVkey } = await import('@vitrine/core');
    const { LOG_KEY, WITNESS_KEY, fixedKey } = await import('./support/workspace.ts');
    const w = await workspaceWithLog({ entries: ['first'] });
    const served = await Served.start(w, ['--log', 'log', '--open']);
    const ls = (vkey: string, env?: Record<string, string>): Promise<Result> =>
      runAt(w, served.url, ['ls', ...(vkey === '' ? [] : ['--log-vkey', vkey])], env);
    const right = formatVkey(LOG_KEY.vkey);
    const wrong = formatVkey(fixedKey('example.com/log', 0x01, 99).vkey);
    expect(await ls(right)).toMatchObject({ status: 0 });
    expect(await ls('', { VITRINE_LOG_VKEY: right })).toMatchObject({ status: 0 });
    for (const refused of [await ls(wrong), await ls('', { VITRINE_LOG_VKEY: wrong })]) {
      expect(refused).toMatchObject({ status: 2, stdout: '' });
      expect(refused.stderr).toMatch(/^vitrine: log-key: /);
    }
    expect((await ls(formatVkey(WITNESS_KEY.vkey))).stderr).toMatch(/^vitrine: key-type: /);
    expect((await ls('x')).stderr).toMatch(/^vitrine: key-malformed: /);
  });

  test.each([
    ['ftp://example.com/log', 'log-url', 2],
    ['https://user:secret@example.com/', 'log-url', 2],
    ['https://example.com/log?x=1', 'log-url', 2],
    ['http://127.0.0.1:1/', 'fetch-failed', 3],
    ['http://nowhere.invalid/', 'fetch-failed', 3],
  ])('has a URL that leads to one: %s', async (url, code, status) => {
    const w = await workspaceWithLog();
    const result = await runAt(w, url, ['ls']);
    expect(result).toMatchObject({ status, stdout: '' });
    expect(result.stderr).toMatch(new RegExp(`^vitrine: ${code}: `));
    expect(result.stderr).not.toContain('secret');
  });

  test('that is an exported directory is read as far as its files go', async () => {
    const w = await workspaceWithIndex();
    const log = w.path('log');
    const reading = [
      ['ls', '--all'],
      ['checkpoint'],
      ['prove', 'inclusion', LEAF_8],
      ['prove', 'consistency', '3'],
      ['show', '3'],
    ];
    const expected: Result[] = [];
    for (const args of reading) expected.push(await runAt(w, log, args));
    await runAt(w, log, ['export', '@public']);
    expect(existsSync(w.path('public', 'description'))).toBe(true);
    const served = await Served.start(w, ['--read-only', '--log', 'public']);
    for (const [i, args] of reading.entries()) {
      const found = await runAt(w, served.url, args);
      // Looking up what others speak of would take reading all leaf hashes.
      if (args[0] !== 'ls') expect({ args, ...found }).toEqual({ args, ...expected[i] });
      else expect(found.stdout.split('\n').length).toBe(expected[i]!.stdout.split('\n').length);
    }
    const shown = await runAt(w, served.url, ['show', '8']);
    expect(shown).toMatchObject({ status: 0, stderr: '' });
    expect(shown.stdout).toContain('not checked: its server has files only');
    for (const args of [['latest', 'acme-av/stable'], ['streams'], ['admit', 'list'], ['bundle', '10']]) {
      const result = await runAt(w, served.url, args);
      expect({ args, status: result.status, stdout: result.stdout }).toEqual({ args, status: 2, stdout: '' });
      expect(result.stderr).toMatch(/^vitrine: log-static: /);
    }
    expect((await runAt(w, served.url, ['submit', '@vendor.vkey'])).status).not.toBe(0);
  });

  test('can be exported, with the heads of its streams', async () => {
    const w = await workspaceWithIndex();
    await runAt(w, w.path('log'), ['export', '@here']);
    const served = await Served.start(w, ['--log', 'log']);
    const { status, stdout } = await runAt(w, served.url, ['export', '@there', '--json']);
    expect({ status, ...JSON.parse(stdout) }).toEqual({
      status: 0,
      origin: 'example.com/log',
      size: 22,
      written: 2,
      kept: 0,
      heads: 3,
    });
    expect(w.files('there')).toEqual(w.files('here'));
    for (const name of w.files('here'))
      expect(readFileSync(w.path('there', name))).toEqual(readFileSync(w.path('here', name)));
    const heads = w.files('there').filter((name) => name.startsWith('heads/'));
    for (const name of heads) {
      const response = await fetch(`${served.url}/${name}`);
      expect(Buffer.from(await response.arrayBuffer())).toEqual(readFileSync(w.path('there', name)));
    }
  });
});
