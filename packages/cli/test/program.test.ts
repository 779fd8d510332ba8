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
    'init',
    'add',
    'ls',
    'show',
    'checkpoint',
    'prove',
    'prove inclusion',
    'prove consistency',
    'verify',
    'export',
    'fsck',
    'key',
    'key generate',
    'key show',
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
  [[], 'name a command'],
  [['key'], 'name a command of "key": see vitrine key --help'],
  [['prove'], 'name a command of "prove": see vitrine prove --help'],
  [['bogus'], "unknown command 'bogus'"],
  [['ad'], "unknown command 'ad'\n(Did you mean add?)"],
  [['add', '--bogus'], "unknown option '--bogus'"],
  [['init', 'x'], "required option '--origin <origin>' not specified"],
  [['init', '--origin', 'o'], "missing required argument 'dir'"],
  [['fsck', 'x', '--log', 'y'], "too many arguments for 'fsck'. Expected 0 arguments but got 1."],
  [['show', 'x', '--log', 'y'], "command-argument value 'x' is invalid for argument 'index'."],
  [['ls', '--from', '1.5'], "option '--from <index>' argument '1.5' is invalid."],
  [['key', 'generate', 'k', '-o', 'k', '--type', 'rsa'], "option '--type <type>' argument 'rsa' is invalid."],
  [['complete', 'tcsh'], "command-argument value 'tcsh' is invalid for argument 'shell'."],
])('wrong use has exit status 2: %j', async (args, message) => {
  const { status, stdout, stderr } = await workspace().run(args);
  expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  expect(stderr.startsWith(`vitrine: usage: ${message}`)).toBe(true);
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
  [['pr'], ['prove\tprove that an entry is in the log, or that it only grew', ':4']],
  [
    ['prove', ''],
    ['inclusion\tprove that an entry is in the log', 'consistency\tprove that the log only grew', ':4'],
  ],
  [
    ['key', 'generate', 'k', '--type', 'ed25519-'],
    ['ed25519-cosignature\t', ':4'],
  ],
  [
    ['fsck', '--l'],
    ['--log\tthe log: a directory (default: $VITRINE_LOG)', ':4'],
  ],
  // Files: the shell's own business.
  [['add', ''], [':0']],
  [['verify', '--policy', ''], [':0']],
])('completion of %j', async (words, lines) => {
  const { stdout } = await workspace().run(['complete', '--', ...words]);
  expect(stdout.trimEnd().split('\n')).toEqual(lines);
});
