import { chmodSync, mkdirSync } from 'node:fs';
import { ed25519Signer, formatPrivateKey, formatVkey } from '@vitrine/core';
import { LevelStore, Log } from '@vitrine/core/log';
import { expect, test } from 'vitest';
import { keyFileName } from '../src/keys.ts';
import { startProgress } from '../src/progress.ts';
import { run } from '../src/run.ts';
import type { Terminal } from '../src/terminal.ts';
import { testContext } from './support/test-context.ts';
import { fixedKey, type Workspace, workspace, workspaceWithLog } from './support/workspace.ts';

/** A terminal at which somebody types these answers. */
function typing(...answers: string[]): Terminal & { readonly prompts: string[] } {
  const prompts: string[] = [];
  return {
    prompts,
    askSecret: async (prompt) => {
      prompts.push(prompt);
      return answers.shift()!;
    },
    ask: async (prompt) => {
      prompts.push(prompt);
      return answers.shift()!;
    },
  };
}

test('a new passphrase is asked for twice, and one that is in use once', async () => {
  const w = workspace();
  const key = w.path('k');
  const making = typing('secret', 'secret');
  const made = testContext({ terminal: making });
  expect(await run(['key', 'generate', 'k', '--out', key, '--passphrase'], made.context)).toBe(0);
  expect(making.prompts).toEqual(['New passphrase: ', 'The same again: ']);

  const using = typing('secret');
  const shown = testContext({ terminal: using });
  expect(await run(['key', 'show', key], shown.context)).toBe(0);
  expect(using.prompts).toEqual([`Passphrase for ${key}: `]);
  expect(shown.stdout()).toBe(made.stdout());
});

test('a new passphrase that is typed differently, or empty, is refused', async () => {
  const w = workspace();
  for (const [answers, error] of [
    [['one', 'two'], 'passphrase-wrong: the two passphrases differ'],
    [[''], 'passphrase-missing: the passphrase is empty'],
  ] as const) {
    const { context, stderr } = testContext({ terminal: typing(...answers) });
    expect(await run(['key', 'generate', 'k', '--out', w.path('k'), '--passphrase'], context)).toBe(2);
    expect(stderr()).toBe(`vitrine: ${error}\n`);
  }
  expect(w.files()).toEqual([]);
});

async function onTerminal(log: string, args: readonly string[], columns = 80): Promise<string> {
  const { context, stdout } = testContext({ isTTY: true, columns });
  expect(await run([...args, '--log', log], context)).toBe(0);
  return stdout();
}

test('show never prints raw control characters to a terminal', async () => {
  const w = await workspaceWithLog({ entries: ['\u001b]0;title\u0007\u202e\ttext\nmore', 'line\n'] });
  w.write('binary', Buffer.of(0x1b, 0x5b, 0xff, 0x41));
  await w.run(['add', '--raw', 'binary', '--log', 'log']);
  const log = w.path('log');
  expect(await onTerminal(log, ['show', '0'])).toBe('\\u{1b}]0;title\\u{7}\\u{202e}\ttext\nmore\n');
  expect(await onTerminal(log, ['show', '1'])).toBe('line\n');
  expect(await onTerminal(log, ['show', '2'])).toBe(`0000  1b 5b ff 41${' '.repeat(36)}  .[.A\n`);
});

// CSI as one character, right-to-left override, a tag character, a line separator.
const HOSTILE = 'o\u009b31m\u202e\u{e0041}\u2028';
const UNSAFE = /[\u007f-\u009f\u2028]|\p{Cf}/u;

/** What init refuses to make, and what somebody else could have made all the same: `log`, and its key in `keys`. */
async function createHostileLog(w: Workspace, origin: string): Promise<void> {
  const key = fixedKey(origin, 0x01, 1);
  mkdirSync(w.path('keys'));
  const path = w.write(`keys/${keyFileName(origin, 'ed25519')}`, `${formatPrivateKey(key)}\n`);
  chmodSync(path, 0o600);
  const created = await Log.create((description) => LevelStore.create(w.path('log'), description), {
    origin,
    vkeys: [formatVkey(key.vkey)],
    kind: 'raw',
    duplicates: false,
    signer: ed25519Signer(key),
  });
  await created[Symbol.asyncDispose]();
}

test('no command prints to a terminal what it could act on', async () => {
  const w = workspace();
  const [log, keys] = [w.path('log'), w.path('keys')];
  const origin = HOSTILE.replace('\u2028', '');
  const printed: string[] = [];
  const runs = async (args: readonly string[], status = 0): Promise<void> => {
    const { context, stdout, stderr } = testContext({ isTTY: true, env: { VITRINE_DEBUG: '1' } });
    expect(await run(args, context), stderr()).toBe(status);
    printed.push(stdout(), stderr());
  };
  await createHostileLog(w, origin);
  await runs(['key', 'generate', origin, '--out', w.path('key')]);
  w.write(HOSTILE, 'content');
  const key = ['--key', `${keys}/${keyFileName(origin, 'ed25519')}`];
  await runs(['add', '--log', log, ...key, w.path(HOSTILE)]);
  for (const json of [[], ['--json']]) {
    await runs(['checkpoint', '--log', log, ...json]);
    await runs(['ls', '--log', log, ...json]);
    await runs(['show', '0', '--log', log, ...json]);
    await runs(['prove', 'inclusion', '0', '--log', log, ...json]);
    await runs(['prove', 'consistency', '0', '--log', log, ...json]);
    await runs(['export', w.path(`out${json.length}`), '--log', log, ...json]);
    await runs(['key', 'show', w.path('key'), ...json]);
    await runs(['verify', w.path('absent', HOSTILE), '--policy', w.path('absent', HOSTILE), ...json], 3);
    await runs([HOSTILE, ...json], 2);
  }
  expect(printed.join('')).toContain('\\u{9b}31m');
  expect(printed.filter((text) => UNSAFE.test(text))).toEqual([]);
});

test('what is piped is verbatim, and JSON keeps its value', async () => {
  const w = workspace();
  const log = w.path('log');
  const origin = HOSTILE.replace('\u2028', '');
  await createHostileLog(w, origin);
  const made = testContext();
  expect(await run(['key', 'generate', origin, '--out', w.path('key')], made.context)).toBe(0);
  expect(made.stdout()).toContain(`${origin}+`);
  const shown = testContext();
  expect(await run(['checkpoint', '--log', log], shown.context)).toBe(0);
  expect(shown.stdout()).toBe(w.read('log/checkpoint').toString());
  const json = testContext();
  expect(await run(['checkpoint', '--log', log, '--json'], json.context)).toBe(0);
  expect(json.stdout()).toContain('o\\u009b31m\\u202e\\udb40\\udc41');
  expect(JSON.parse(json.stdout())).toMatchObject({ origin, checkpoint: shown.stdout() });
});

test('ls fits the terminal', async () => {
  const w = await workspaceWithLog({ entries: ['x'.repeat(300)] });
  for (const columns of [60, 132]) {
    const [line] = (await onTerminal(w.path('log'), ['ls'], columns)).split('\n');
    expect(Array.from(line!)).toHaveLength(columns);
  }
});

test('what is interrupted has exit status 130', async () => {
  const w = await workspaceWithLog({ entries: ['a'] });
  w.write('file', 'x');
  for (const args of [
    ['ls'],
    ['fsck'],
    ['export', w.path('out')],
    ['add', '--key', w.path('nowhere'), w.path('file')],
  ]) {
    const { context, stderr } = testContext({ signal: AbortSignal.abort() });
    expect(await run([...args, '--log', w.path('log')], context)).toBe(130);
    expect(stderr()).toBe('vitrine: interrupted: stopped by a signal; what was printed is done\n');
  }
});

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function progressOf(options: Parameters<typeof testContext>[0], json = false): Promise<string> {
  const { context, stderr } = testContext(options);
  const progress = startProgress(context, { label: 'checking', unit: 'entries', json });
  progress.update(1, 100);
  await wait(600);
  progress.update(2, 100);
  await wait(300);
  progress.update(50, 100);
  await wait(200);
  progress.stop();
  return stderr();
}

test('a long operation shows a progress bar on a terminal, and nowhere else', async () => {
  const [shown, ...hidden] = await Promise.all([
    progressOf({ isTTY: true }),
    progressOf({ isTTY: false }),
    progressOf({ isTTY: true, env: { NO_COLOR: '1' } }),
    progressOf({ isTTY: true }, true),
  ]);
  expect(shown).toMatch(/checking .* 50% 50\/100 entries/);
  expect(hidden).toEqual(['', '', '']);
});
