import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { linkSync, mkdirSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { formatBase64, leafHash } from '@vitrine/core';
import { LevelStore } from '@vitrine/core/log';
import { expect, test } from 'vitest';
import { isSumLine } from '../src/sum-line.ts';
import { parseLinesAs } from './support/json-schema.ts';
import { type Transcript, type Workspace, workspace, workspaceWithLog } from './support/workspace.ts';

const ADD = ['add', '--log', 'log'];

const sumLine = (content: string | Uint8Array, name: string): string =>
  `${createHash('sha256').update(content).digest('hex')}  ${name}`;

const hashOf = (entry: string | Uint8Array): string => formatBase64(leafHash(Buffer.from(entry)));

async function entries(w: Workspace): Promise<unknown[]> {
  const { stdout } = await w.run(['ls', '--log', 'log', '--json']);
  return stdout === '' ? [] : parseLinesAs('entry', stdout).map(({ text, entry }) => text ?? entry);
}

/** That a command line is refused, and that nothing was added. */
async function refused(w: Workspace, args: readonly string[], options = {}): Promise<Transcript> {
  const before = await entries(w);
  const result = await w.run(args, options);
  expect(result.stdout).toBe('');
  expect(await entries(w)).toEqual(before);
  return result;
}

test('add logs each file as sha256sum writes it, without the newline', async () => {
  const w = await workspaceWithLog();
  w.write('a.txt', 'hello\n');
  mkdirSync(w.path('dir'));
  w.write('dir/big file', Buffer.alloc(3_000_000, 7));
  w.write('empty', '');
  const result = await w.run([...ADD, 'a.txt', 'dir/big file', 'empty']);
  const lines = [sumLine('hello\n', 'a.txt'), sumLine(Buffer.alloc(3_000_000, 7), 'big file'), sumLine('', 'empty')];
  expect(result).toMatchObject({
    status: 0,
    stderr: '',
    stdout: `0  ${hashOf(lines[0]!)}  a.txt\n1  ${hashOf(lines[1]!)}  dir/big file\n2  ${hashOf(lines[2]!)}  empty\n`,
  });
  expect(await entries(w)).toEqual(lines);
});

test('add makes the lines that sha256sum prints', async () => {
  const w = await workspaceWithLog();
  const names = ['a', 'with space', ' leading', 'ünï', '*star', "quote'"];
  for (const name of names) w.write(name, name);
  await w.run([...ADD, '--', ...names]);
  const printed = execFileSync('sha256sum', ['--', ...names], { cwd: w.directory, encoding: 'utf8' });
  expect(await entries(w)).toEqual(printed.trimEnd().split('\n'));
});

test('add --json prints one object a line, and the old index of what is there already', async () => {
  const w = await workspaceWithLog();
  w.write('a', 'a');
  w.write('b', 'b');
  await w.run([...ADD, 'a']);
  const { status, stdout, stderr } = await w.run([...ADD, '--json', 'b', 'a', 'b']);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  const [a, b] = [hashOf(sumLine('a', 'a')), hashOf(sumLine('b', 'b'))];
  const line = `{"index":1,"leafHash":"${b}","file":"b","known":false}\n`;
  expect(stdout).toBe(`${line}{"index":0,"leafHash":"${a}","file":"a","known":true}\n${line}`);
  expect(parseLinesAs('add', stdout)).toHaveLength(3);
  const lines = await w.run([...ADD, '--json', '--lines'], { input: 'line\n' });
  expect(parseLinesAs('add', lines.stdout)).toEqual([{ index: 2, leafHash: hashOf('line'), known: false }]);
  expect((await w.run([...ADD, 'a'])).stderr).toBe('vitrine: 1 entry of these was in the log already\n');
});

test('a log that allows duplicates takes the same file twice', async () => {
  const w = await workspaceWithLog({ duplicates: true });
  w.write('a', 'a');
  const { stdout } = await w.run([...ADD, 'a', 'a']);
  expect(stdout).toMatch(/^0 .*\n1 .*\n$/);
});

test('add --raw logs the bytes of the files', async () => {
  const w = await workspaceWithLog();
  w.write('text', 'hello\n');
  w.write('binary', Buffer.of(0xff, 0));
  w.write('largest', Buffer.alloc(65535, 'x'));
  const { status, stdout } = await w.run([...ADD, '--raw', 'text', 'binary', 'largest']);
  expect(status).toBe(0);
  expect(stdout.split('\n')[1]).toBe(`1  ${hashOf(Buffer.of(0xff, 0))}  binary`);
  expect(await entries(w)).toEqual(['hello\n', '/wA=', 'x'.repeat(65535)]);
});

test('add --lines logs each line as it is, from files and standard input', async () => {
  const w = await workspaceWithLog();
  w.write('lines', 'one\n two \r\n');
  const result = await w.run([...ADD, '--lines', 'lines', '-'], { input: 'three\nlast without newline' });
  const expected = ['one', ' two \r', 'three', 'last without newline'];
  const printed = expected.map((line, i) => `${i}  ${hashOf(line)}\n`).join('');
  expect(result).toMatchObject({ status: 0, stderr: '', stdout: printed });
  expect(await entries(w)).toEqual(expected);
});

test('add --lines reads standard input if no file is named, and a pipe that is', async () => {
  const w = await workspaceWithLog();
  await w.run([...ADD, '--lines'], { input: 'from stdin\n' });
  execFileSync('mkfifo', [w.path('pipe')]);
  const running = w.run([...ADD, '--lines', 'pipe']);
  execFileSync('sh', ['-c', `echo from pipe > '${w.path('pipe')}'`]);
  await running;
  expect(await entries(w)).toEqual(['from stdin', 'from pipe']);
});

test('add --ndjson logs the bytes of each line verbatim', async () => {
  const w = await workspaceWithLog();
  const lines = ['{"a": 1,  "b":[]}', ' "text" ', '12', 'null'];
  const { status } = await w.run([...ADD, '--ndjson'], { input: `${lines.join('\n')}\n` });
  expect(status).toBe(0);
  expect(await entries(w)).toEqual(lines);
});

test('add takes many lines, and prints each once', async () => {
  const w = await workspaceWithLog();
  const lines = Array.from({ length: 20_000 }, (_, i) => `line ${i}`);
  const { status, stdout } = await w.run([...ADD, '--lines', '--json'], { input: lines.join('\n') });
  expect(status).toBe(0);
  const printed = stdout.trimEnd().split('\n');
  expect(printed).toHaveLength(20_000);
  expect(printed[19_999]).toBe(`{"index":19999,"leafHash":"${hashOf('line 19999')}","known":false}`);
});

test.each([
  ['--lines', 'one\n\nthree', 'line-blank: standard input: line 2 is blank', 2],
  ['--lines', `${'x'.repeat(65535)}\n${'x'.repeat(65536)}\n`, 'entry-too-large: standard input: line 2 has more', 2],
  ['--lines', 'x'.repeat(300_000), 'entry-too-large: standard input: line 1 has more', 2],
  ['--ndjson', '1\n{"a":}\n', 'line-json: standard input: line 2 is not JSON', 2],
  ['--ndjson', '1\n  \n', 'line-blank: standard input: line 2 is blank', 2],
  ['--ndjson', Buffer.of(0x22, 0xff, 0x22), 'line-json: standard input: line 1 is not JSON: it is not UTF-8', 2],
])('add %s refuses a bad line by its number (%#)', async (option, input, message, status) => {
  const w = await workspaceWithLog();
  const result = await w.run([...ADD, option], { input });
  expect(result.status).toBe(status);
  expect(result.stderr).toContain(`vitrine: ${message}`);
});

const FORGED = `${'0'.repeat(64)}  release.tar.gz`;

test('bytes that look like the entry of a file are refused, unless they are asked for', async () => {
  const w = await workspaceWithLog();
  w.write('forged', FORGED);
  w.write('fine', 'fine');
  const raw = await refused(w, [...ADD, '--raw', 'fine', 'forged']);
  expect(raw.status).toBe(2);
  expect(raw.stderr).toMatch(/^vitrine: entry-sum-line: forged looks like the entry of a file/);
  const lines = await w.run([...ADD, '--lines', '-'], { input: `good\n${FORGED}\nnever` });
  expect(lines).toMatchObject({ status: 2, stdout: `0  ${hashOf('good')}\n` });
  expect(lines.stderr).toMatch(/^vitrine: entry-sum-line: standard input: line 2 looks like/);
  expect(await w.run([...ADD, '--raw', '--allow-sum-lines', 'forged'])).toMatchObject({ status: 0, stderr: '' });
  const allowed = await w.run([...ADD, '--lines', '--allow-sum-lines'], { input: FORGED.replace('0', 'f') });
  expect(allowed).toMatchObject({ status: 0, stderr: '' });
  expect(await entries(w)).toEqual(['good', FORGED, FORGED.replace('0', 'f')]);
  expect(await refused(w, [...ADD, '--allow-sum-lines', 'fine'])).toMatchObject({ status: 2 });
});

test('only what add itself could have made of a file looks like it', () => {
  const is = (text: string): boolean => isSumLine(Buffer.from(text));
  for (const name of ['a', ' ', 'ünï', '*x', '\u2028']) expect(is(`${'a'.repeat(64)}  ${name}`)).toBe(true);
  for (const name of ['', 'a/b', 'a\n', '\n', 'a\r', 'a\\b']) expect(is(`${'a'.repeat(64)}  ${name}`)).toBe(false);
  expect(is(`${'A'.repeat(64)}  a`)).toBe(false);
  expect(is(`${'a'.repeat(64)} *a`)).toBe(false);
  expect(is(`${'a'.repeat(63)}  abc`)).toBe(false);
  expect(is(` ${'a'.repeat(64)}  a`)).toBe(false);
  expect(isSumLine(Buffer.concat([Buffer.from(`${'a'.repeat(64)}  a`), Buffer.of(0xff)]))).toBe(false);
});

test('lines before a bad one are in the log, and are reported', async () => {
  const w = await workspaceWithLog();
  const { status, stdout } = await w.run([...ADD, '--lines'], { input: 'good\n\nnever' });
  expect(status).toBe(2);
  expect(stdout).toBe(`0  ${hashOf('good')}\n`);
  expect(await entries(w)).toEqual(['good']);
});

test('bad files are refused before anything is added', async () => {
  const w = await workspaceWithLog();
  w.write('good', 'good');
  w.write('empty', '');
  w.write('large', Buffer.alloc(65536));
  w.write('new\nline', 'x');
  w.write('back\\slash', 'x');
  w.write('return\r', 'x');
  symlinkSync('nowhere', w.path('dangling'));
  execFileSync('mkfifo', [w.path('pipe')]);
  const cases: [string[], string, number][] = [
    [['missing'], 'file-missing: missing: no such file or directory', 3],
    [['dangling'], 'file-missing: dangling: no such file or directory', 3],
    [['good/below'], 'file-io: good/below: not a directory', 3],
    [['.'], 'file-type: . is a directory', 3],
    [['--lines', '.'], 'file-type: . is a directory', 3],
    [['pipe'], 'file-type: pipe is not a regular file', 3],
    [['--raw', 'empty'], 'entry-empty: empty is empty, and an entry has at least one byte', 2],
    [['--raw', 'large'], 'entry-too-large: large has 65536 bytes, and an entry at most 65535: leave out --raw', 2],
    [
      ['new\nline'],
      'file-name: a file name with a newline, a carriage return or a backslash cannot be logged: new\\nline',
      2,
    ],
    [['back\\slash'], 'file-name: a file name with a newline, a carriage return or a backslash', 2],
    [['return\r'], 'file-name: a file name with a newline, a carriage return or a backslash', 2],
    [['-'], 'usage: standard input (-) is read with --lines or --ndjson only', 2],
    [['--lines', '-', '-'], 'usage: standard input (-) is named twice', 2],
    [['--lines', '--raw'], "usage: option '--raw' cannot be used with option '--lines'", 2],
  ];
  for (const [args, message, status] of cases) {
    const result = await refused(w, [...ADD, 'good', ...args]);
    expect(result.stderr).toContain(`vitrine: ${message}`);
    expect(result.status).toBe(status);
  }
  expect(await refused(w, ADD)).toMatchObject({ status: 2 });
});

test('an entry that only the log itself may write is refused', async () => {
  const w = await workspaceWithLog();
  // CBOR of { "type": "index" }.
  w.write('index', Buffer.from('a1647479706565696e646578', 'hex'));
  const { status, stderr } = await refused(w, [...ADD, '--raw', 'index']);
  expect(status).toBe(2);
  expect(stderr).toMatch(/^vitrine: entry-reserved: /);
});

test('a result that cannot be written is a failure', async () => {
  const w = await workspaceWithLog({ entries: ['entry'] });
  const result = await w.runInShell('checkpoint --log log > /dev/full');
  expect(result).toMatchObject({
    status: 3,
    stderr: 'vitrine: file-io: standard output: no space left on device\n',
  });
});

test('a file name that is not UTF-8 is refused, and U+FFFD itself is not', async () => {
  const w = await workspaceWithLog();
  const invalid = Buffer.concat([Buffer.from(w.path('bad')), Buffer.of(0xff)]);
  writeFileSync(invalid, 'x');
  const shell = (name: string): Promise<Transcript> => w.runInShell(`add --log log "$(printf '${name}')"`);
  expect(await shell('bad\\377')).toMatchObject({ status: 2 });
  // With both names there nobody can tell which one was meant.
  writeFileSync(w.path('bad\ufffd'), 'y');
  expect((await shell('bad\\377')).stderr).toContain('file-name: a file name that is not valid UTF-8');
  unlinkSync(invalid);
  expect(await shell('bad\\357\\277\\275')).toMatchObject({ status: 0 });
  expect(await entries(w)).toEqual([sumLine('y', 'bad\ufffd')]);
});

test('a log must be named, by a directory or a URL of HTTP', async () => {
  const w = await workspaceWithLog();
  w.write('a', 'a');
  const none = await w.run(['add', 'a']);
  expect(none).toMatchObject({ status: 2, stderr: 'vitrine: usage: name the log with --log, or in VITRINE_LOG\n' });
  const url = await w.run(['add', 'a', '--log', 's3://bucket/log']);
  expect(url).toMatchObject({ status: 2, stdout: '' });
  expect(url.stderr).toBe('vitrine: log-url: a log is read over https or http, and not from s3://bucket/log\n');
  expect(await w.run(['add', 'a'], { env: { VITRINE_LOG: 'log' } })).toMatchObject({ status: 0, stderr: '' });
});

test('a directory that is no log, or a newer one, is refused by name', async () => {
  const w = await workspaceWithLog();
  w.write('a', 'a');
  const add = (log: string): Promise<Transcript> => w.run(['add', 'a', '--log', log]);
  expect(await add('nowhere')).toMatchObject({ status: 3, stderr: 'vitrine: store-missing: nowhere does not exist\n' });
  expect((await add('config')).stderr).toBe(
    'vitrine: store-foreign: config is not a Vitrine log: it has no vitrine.json\n',
  );
  w.write('log/vitrine.json', '{"format":"vitrine-level-store","version":2}');
  expect(await add('log')).toMatchObject({ status: 3 });
  expect((await add('log')).stderr).toMatch(/^vitrine: store-newer: log has format version 2/);
});

test('a file is no log', async () => {
  const w = await workspaceWithLog();
  for (const command of [['ls'], ['fsck'], ['add', 'policy'], ['export', 'out']]) {
    expect(await w.run([...command, '--log', 'policy'])).toMatchObject({
      status: 3,
      stdout: '',
      stderr: 'vitrine: store-foreign: policy is a file, and a log is a directory\n',
    });
  }
});

test('a log that VITRINE_LOG names and that is not there is shown with its absolute path', async () => {
  const w = await workspaceWithLog();
  expect(await w.run(['ls'], { env: { VITRINE_LOG: 'nowhere' } })).toMatchObject({
    status: 3,
    stdout: '',
    stderr: `vitrine: store-missing: ${w.path('nowhere')} (from VITRINE_LOG) does not exist\n`,
  });
});

test('a log that another process has open is refused by name', async () => {
  const w = await workspaceWithLog();
  w.write('a', 'a');
  const store = await LevelStore.open(w.path('log'));
  const result = await w.run([...ADD, 'a']);
  await store[Symbol.asyncDispose]();
  expect(result).toMatchObject({ status: 3, stdout: '' });
  expect(result.stderr).toMatch(/^vitrine: store-locked: log is open in another process/);
});

test('add needs the key of the log', async () => {
  const w = await workspaceWithLog();
  w.write('a', 'a');
  linkSync(w.path('config/vitrine/keys/example.com+log.ed25519.key'), w.path('moved.key'));
  unlinkSync(w.path('config/vitrine/keys/example.com+log.ed25519.key'));
  const missing = await refused(w, [...ADD, 'a']);
  expect(missing.status).toBe(3);
  expect(missing.stderr).toMatch(/^vitrine: key-missing: the key of example.com\/log is not in .*: name its file/);
  await w.run(['key', 'generate', 'example.com/log', '--out', 'other.key']);
  await w.run(['key', 'generate', 'example.com/else', '--out', 'else.key']);
  await w.run(['key', 'generate', 'example.com/log', '--type', 'ml-dsa-44', '--out', 'ml.key']);
  expect(await refused(w, [...ADD, 'a', '--key', 'nowhere'])).toMatchObject({ status: 3 });
  for (const [key, code] of [
    ['other.key', 'log-key'],
    ['else.key', 'log-key'],
    ['ml.key', 'key-type'],
    ['a', 'key-malformed'],
  ]) {
    const { status, stderr } = await refused(w, [...ADD, 'a', '--key', key!]);
    expect(status).toBe(2);
    expect(stderr).toMatch(new RegExp(`^vitrine: ${code}: ${key}[: ]`));
  }
  expect(await w.run([...ADD, 'a'], { env: { VITRINE_KEY: 'moved.key' } })).toMatchObject({ status: 0 });
});

test('add works with a key that has a passphrase', async () => {
  const w = workspace();
  const env = { VITRINE_PASSPHRASE_FILE: w.write('passphrase', 'secret') };
  expect(await w.run(['init', '--raw', 'log', '--origin', 'o', '--passphrase'], { env })).toMatchObject({ status: 0 });
  expect(w.read('config/vitrine/keys/o.ed25519.key').toString()).toContain('AGE ENCRYPTED FILE');
  w.write('a', 'a');
  expect(await w.run([...ADD, 'a'], { env })).toMatchObject({ status: 0, stderr: '' });
  expect((await refused(w, [...ADD, 'a'])).stderr).toMatch(/^vitrine: passphrase-missing: /);
});

test('a reader that goes away does not stop an append', async () => {
  const w = await workspaceWithLog();
  w.write('lines', Array.from({ length: 50_000 }, (_, i) => `line ${i}\n`).join(''));
  const child = w.start([...ADD, '--lines', 'lines']);
  const stderr: Buffer[] = [];
  child.stderr!.on('data', (chunk) => stderr.push(chunk));
  child.stdout!.destroy();
  const status = await new Promise((resolve) => child.on('close', resolve));
  expect(Buffer.concat(stderr).toString()).toBe('');
  expect(status).toBe(0);
  expect(await entries(w)).toHaveLength(50_000);
});

test('Ctrl-C ends an append that waits for input, and keeps what was read', async () => {
  const w = await workspaceWithLog();
  const child = w.start([...ADD, '--lines']);
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout!.on('data', (chunk) => stdout.push(chunk));
  child.stderr!.on('data', (chunk) => stderr.push(chunk));
  // More than all buffers between us hold: once it is written, most of it has been read.
  const lines = Array.from({ length: 10_000 }, (_, i) => `line ${String(i).padStart(94, '0')}`);
  await new Promise((resolve) => child.stdin!.write(`${lines.join('\n')}\nunfinished`, resolve));
  child.kill('SIGINT');
  const status = await new Promise((resolve) => child.on('close', resolve));
  expect({ status, stderr: Buffer.concat(stderr).toString() }).toEqual({
    status: 130,
    stderr: 'vitrine: interrupted: stopped by a signal; what was printed is done\n',
  });
  const kept = Buffer.concat(stdout).toString().split('\n').length - 1;
  expect(kept).toBeGreaterThan(0);
  expect(await entries(w)).toEqual(lines.slice(0, kept));
});
