import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { buildProgram } from '../src/program.ts';
import { testContext } from './support/test-context.ts';
import { workspace } from './support/workspace.ts';

interface Step {
  readonly run?: string;
  readonly uses?: string;
}

interface GithubJob {
  readonly if?: string;
  readonly needs?: string;
  readonly steps: Step[];
}

interface GitlabJob {
  readonly when?: string;
  readonly before_script?: string[];
  readonly script?: string[];
}

const read = (name: string): string => readFileSync(new URL(`../../../examples/ci/${name}`, import.meta.url), 'utf8');

const githubJobs = (): Record<string, GithubJob> => parse(read('github-workflow.yml')).jobs;

/** The jobs for GitLab, among which its file has other things. */
function gitlabJobs(): Record<string, GitlabJob> {
  const all = Object.entries<GitlabJob>(parse(read('gitlab-ci.yml')));
  return Object.fromEntries(all.filter(([, { script }]) => script !== undefined));
}

/** The scripts of each job of the GitHub workflow. */
function githubScripts(): string[] {
  return Object.values(githubJobs()).map(({ steps }) =>
    steps.flatMap(({ run }) => (run === undefined ? [] : [run])).join('\n'),
  );
}

/** The scripts of each job for GitLab. */
function gitlabScripts(): string[] {
  return Object.values(gitlabJobs()).map(({ before_script: before = [], script = [] }) =>
    [...before, ...script].join('\n'),
  );
}

// Every program but vitrine does nothing, and every condition holds.
const STAND_INS = `
  vitrine() { printf '%s\\0' "$@" $'\\n' >> commands; }
  for name in npm git node mkdir rm chmod cd [; do eval "$name() { :; }"; done
  mktemp() { echo .; }
`;

/** The arguments of each vitrine command that a shell runs for a script. No other program is within its reach. */
function vitrineCommands(script: string): string[][] {
  const w = workspace();
  const variables = Object.fromEntries([...script.matchAll(/\$\{?([A-Z][A-Z_]+)/g)].map(([, name]) => [name!, '7']));
  const { status, stderr } = spawnSync('/bin/bash', ['--norc', '-euo', 'pipefail', '-c', `${STAND_INS}\n${script}`], {
    cwd: w.directory,
    env: { ...variables, PATH: '/nowhere', GITHUB_PATH: '/dev/null' },
    encoding: 'utf8',
  });
  expect(stderr).toBe('');
  expect(status).toBe(0);
  if (!w.files().includes('commands')) return [];
  // An element that is a line feed ends a command.
  const commands = w.read('commands').toString().split('\n\0').slice(0, -1);
  return commands.map((words) => words.split('\0').slice(0, -1));
}

/** What the command line takes: that of the command, which does nothing. */
function silentProgram(): Command {
  const program = buildProgram(testContext().context);
  const silence = (command: Command): void => {
    if (command.commands.length === 0) command.action(() => {});
    else command.commands.forEach(silence);
  };
  silence(program);
  return program;
}

test.each([
  ['GitHub', githubScripts],
  ['GitLab', gitlabScripts],
])('the template for %s has only commands and options that there are', async (_, scripts) => {
  const commands = scripts().flatMap(vitrineCommands);
  expect(commands.map((words) => words.slice(0, 2).join(' '))).toEqual([
    'release source',
    'release build',
    'release database',
    'submit requests/source.cose',
    'submit requests/database.cose',
    'show requests/build.cose',
    'withdraw 7',
    'submit requests/withdrawal.cose',
    'review source',
    'review rebuild',
    'review database',
  ]);
  for (const words of commands) {
    await expect(silentProgram().parseAsync(words, { from: 'user' }), words.join(' ')).resolves.toBeDefined();
  }
});

test('a withdrawal and the review of a database wait for a person, who starts nothing else', () => {
  const { workflow_dispatch: byHand } = parse(read('github-workflow.yml')).on;
  expect(byHand.inputs.what.options).toEqual(['withdraw', 'review-database']);
  // A job that needs another one is left out with it.
  const first = Object.entries(githubJobs()).filter(([, { needs }]) => needs === undefined);
  expect(Object.fromEntries(first.map(([name, job]) => [name, job.if?.replace(/^\$\{\{ (.*) \}\}$/, '$1')]))).toEqual({
    build: "github.event_name == 'push'",
    withdraw: "inputs.what == 'withdraw'",
    rebuild: "github.event_name == 'push' && vars.REVIEWED_BUILD != ''",
    'review-database': "inputs.what == 'review-database'",
  });
  const manual = Object.entries(gitlabJobs()).filter(([, { when }]) => when === 'manual');
  expect(manual.map(([name]) => name)).toEqual(['withdraw', 'review-database']);
});

test('the GitHub workflow names each action by its commit', () => {
  for (const { uses } of Object.values(githubJobs()).flatMap(({ steps }) => steps)) {
    if (uses !== undefined) expect(uses).toMatch(/@[0-9a-f]{40}$/);
  }
});
