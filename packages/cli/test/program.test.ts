import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { expect, test } from 'vitest';
import { buildProgram } from '../src/program.ts';
import { parseAs } from './support/json-schema.ts';
import { testContext } from './support/test-context.ts';
import { workspace } from './support/workspace.ts';

function commandNames(command: Command, parents: readonly string[] = []): string[][] {
  return command.commands.flatMap((child) => [
    [...parents, child.name()],
    ...commandNames(child, [...parents, child.name()]),
  ]);
}

const COMMANDS = commandNames(buildProgram(testContext().context));

test('there are these commands', () => {
  expect(COMMANDS.map((names) => names.join(' '))).toEqual([
    'release',
    'release source',
    'release build',
    'release database',
    'review',
    'review source',
    'review rebuild',
    'review database',
    'withdraw',
    'handling',
    'submit',
    'admit',
    'admit add',
    'admit remove',
    'admit list',
    'init',
    'add',
    'ls',
    'show',
    'checkpoint',
    'export',
    'fsck',
    'reindex',
    'serve',
    'token',
    'token add',
    'token list',
    'token remove',
    'latest',
    'history',
    'about',
    'streams',
    'bundle',
    'trust',
    'trust check',
    'trust show',
    'trust policy',
    'conformance',
    'prove',
    'prove inclusion',
    'prove consistency',
    'prove file',
    'prove record',
    'disclose',
    'verify',
    'inspect',
    'witness',
    'witness serve',
    'witness cosign',
    'witness log',
    'witness log add',
    'witness log list',
    'witness log remove',
    'witness evidence',
    'witness gather',
    'witness status',
    'mirror',
    'mirror serve',
    'mirror push',
    'key',
    'key generate',
    'key show',
    'key ssh',
    'complete',
  ]);
});

test.each([[], ...COMMANDS])('help has an example: %s %s', async (...names) => {
  const { status, stdout, stderr } = await workspace().run([...names, '--help']);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout).toMatch(/^Usage: vitrine/);
  expect(stdout).toMatch(/\nExamples?:\n {2}\$ /);
  for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(110);
});

test('--version prints the version', async () => {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  expect(await workspace().run(['--version'])).toMatchObject({ status: 0, stdout: `${version}\n`, stderr: '' });
});

test.each([
  [['key'], 'name a command of "key": see vitrine key --help'],
  [['prove'], 'name a command of "prove": see vitrine prove --help'],
  [['release'], 'name a command of "release": see vitrine release --help'],
  [['admit'], 'name a command of "admit": see vitrine admit --help'],
  [['bogus'], "unknown command 'bogus'"],
  [['ad'], "unknown command 'ad' (Did you mean add?)\n"],
  [['ls', '--form', '1'], "unknown option '--form' (Did you mean --from?)\n"],
  [['help', 'nope'], "unknown command 'nope'\n"],
  [['help', 'prove', 'nope'], "unknown command 'nope'\n"],
  [['init', 'log', '--orign', 'x'], "unknown option '--orign' (Did you mean --origin?)\n"],
  [['init', '--orign', 'x'], "unknown option '--orign' (Did you mean --origin?)\n"],
  [['ls', 'log'], "too many arguments for 'ls'. Expected 0 arguments but got 1; name the log with --log\n"],
  [['fsck', 'lg'], "too many arguments for 'fsck'. Expected 0 arguments but got 1; name the log with --log\n"],
  [['verify', 'a', 'b', '--policy', 'p'], 'a proof is of one file; several downloads are verified with --trust\n'],
  [['--log', 'log', 'ls'], "unknown option '--log'; it goes behind the command\n"],
  [['--log=log', 'ls'], "unknown option '--log=log'; it goes behind the command\n"],
  [['add', '-dash'], "unknown option '-dash'; for a file, write ./-dash\n"],
  [['add', '-da\nsh'], "unknown option '-da\\nsh'; for a file, write ./-da\\nsh\n"],
  [['ls', '-dash'], "unknown option '-dash'\n"],
  [['submit', '-dash'], "unknown option '-dash'; for a file, write ./-dash\n"],
  [['release', 'source', '--versoin', '1'], "unknown option '--versoin' (Did you mean --version?)\n"],
  [['add', '--bogus'], "unknown option '--bogus'"],
  [['init', 'x'], "required option '--origin <origin>' not specified"],
  [['init', '--origin', 'o'], "missing required argument 'dir'"],
  [['fsck', 'x', '--log', 'y'], "too many arguments for 'fsck'. Expected 0 arguments but got 1."],
  [['show', '01', '--log', 'y'], 'index must be a decimal number, not 01\n'],
  [['show', '9007199254740992', '--log', 'y'], 'index must be at most 2^53 - 1, not 9007199254740992\n'],
  [['prove', 'consistency', '1', '0x2'], 'new must be a decimal number, not 0x2\n'],
  [['ls', '--from', '1.5'], '--from must be a decimal number, not 1.5\n'],
  [['key', 'generate', 'k', '-o', 'k', '--type', 'rsa'], "option '--type <type>' argument 'rsa' is invalid."],
  [['complete', 'tcsh'], "command-argument value 'tcsh' is invalid for argument 'shell'."],
])('wrong use has exit status 2: %j', async (args, message) => {
  const { status, stdout, stderr } = await workspace().run(args);
  expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  expect(stderr.startsWith(`vitrine: usage: ${message}`)).toBe(true);
});

test('without a command there is help, and then the error', async () => {
  const { status, stdout, stderr } = await workspace().run([]);
  expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  expect(stderr).toMatch(/^Usage: vitrine [\s\S]*\nvitrine: usage: name a command\n$/);
});

test.each([[['prove', 'inclusion']], [['key']], [[]]])('help of a command by its names: %j', async (names) => {
  const w = workspace();
  const expected = await w.run([...names, '--help']);
  expect(await w.run(['help', ...names])).toEqual(expected);
  expect(expected).toMatchObject({ status: 0, stderr: '' });
});

test('the help of prove and of checkpoint says of which checkpoint', async () => {
  const help = async (...names: string[]): Promise<string> =>
    (await workspace().run(['help', ...names])).stdout.replace(/\s+/g, ' ');
  expect(await help('prove', 'inclusion')).toContain("of this size: the newest one's, or the newest cosigned one's");
  expect(await help('checkpoint')).toContain('for the newest checkpoint only');
});

test('nobody can forge a second line of an error', async () => {
  const w = workspace();
  const forged = 'x\nvitrine: verified\t\r';
  const shown = 'x\\nvitrine: verified\\t\\r';
  expect((await w.run(['ls', '--log', forged])).stderr).toBe(`vitrine: store-missing: ${shown} does not exist\n`);
  expect((await w.run([forged])).stderr).toBe(`vitrine: usage: unknown command '${shown}'\n`);
  w.write('policy', `${forged}\n`);
  expect((await w.run(['verify', forged, '--policy', 'policy'])).stderr).toBe(
    `vitrine: file-missing: ${shown}: no such file or directory\n`,
  );
});

test('a script for bash can be sourced twice', async () => {
  const w = workspace();
  w.write('script', (await w.run(['complete', 'bash'])).stdout);
  const { status, stderr } = spawnSync('bash', ['-c', 'source ./script && source ./script'], {
    cwd: w.directory,
    encoding: 'utf8',
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
});

test('with --json an error is one JSON object on standard error', async () => {
  const w = workspace();
  for (const [args, code, status] of [
    [['ls', '--bogus', '--json'], 'usage', 2],
    [['ls', '--json', '--log', 'nowhere'], 'store-missing', 3],
  ] as const) {
    const result = await w.run(args);
    expect(result).toMatchObject({ status, stdout: '' });
    expect(parseAs('error', result.stderr)).toMatchObject({ error: { code } });
  }
});

test('what a terminal could act on is escaped in errors', async () => {
  const { stderr } = await workspace().run(['ls', '--log', '\u001b[2Jx']);
  expect(stderr).toBe('vitrine: store-missing: \\u{1b}[2Jx does not exist\n');
});

test('a stack is printed only for who asks', async () => {
  const w = workspace();
  expect((await w.run(['ls', '--log', 'x'])).stderr).not.toContain('    at ');
  expect((await w.run(['ls', '--log', 'x'], { env: { VITRINE_DEBUG: '1' } })).stderr).toContain('    at ');
});

test.each(['bash', 'zsh', 'fish'])('complete prints a script for %s', async (shell) => {
  const { status, stdout, stderr } = await workspace().run(['complete', shell]);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout).toContain('vitrine complete --');
});

test.each([
  [['pr'], ['prove\tprove what is in the log, or that it only grew', ':4']],
  [
    ['prove', ''],
    [
      'inclusion\tprove that an entry is in the log',
      'consistency\tprove that the log only grew',
      'file\tprove that a file is in a logged source',
      'record\tprove that a record is, or is not, in a logged database',
      ':4',
    ],
  ],
  [
    ['key', 'generate', 'k', '--type', 'ed25519-'],
    ['ed25519-cosignature\t', ':4'],
  ],
  [
    ['fsck', '--l'],
    ['--log\tthe directory of the log (default: $VITRINE_LOG)', ':4'],
  ],
  [
    ['release', 's'],
    ['source\tlog the source that reviewers get', ':4'],
  ],
  [
    ['admit', 'add', 'k', '--role', 'v'],
    ['vendor\t', ':4'],
  ],
  // Files: the shell's own business.
  [['release', 'build', ''], [':0']],
  [['submit', ''], [':0']],
  [['add', ''], [':0']],
  [['verify', '--policy', ''], [':0']],
])('completion of %j', async (words, lines) => {
  const { stdout } = await workspace().run(['complete', '--', ...words]);
  expect(stdout.trimEnd().split('\n')).toEqual(lines);
});
