import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { formatBase64, leafHash } from '@vitrine/core';
import { expect, test } from 'vitest';
import { parseAs, parseLinesAs } from './support/json-schema.ts';
import { type Workspace, workspaceWithLog } from './support/workspace.ts';

const ENTRIES = ['first', 'second\n', 'ünï', '{"a":1}'];

test('ls prints a line for each entry', async () => {
  const w = await workspaceWithLog({ entries: [...ENTRIES, 'x'.repeat(200), '\u001b[31mred\u202etxt'] });
  const { status, stdout, stderr } = await w.run(['ls', '--log', 'log']);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout.split('\n')).toEqual([
    `0  ${shortHash('first')}      5  first`,
    `1  ${shortHash('second\n')}      7  second\\n`,
    `2  ${shortHash('ünï')}      5  ünï`,
    `3  ${shortHash('{"a":1}')}      7  {"a":1}`,
    `4  ${shortHash('x'.repeat(200))}    200  ${'x'.repeat(200)}`,
    `5  ${shortHash('\u001b[31mred\u202etxt')}     14  \\u{1b}[31mred\\u{202e}txt`,
    '',
  ]);
});

test('ls lists a part of the log', async () => {
  const w = await workspaceWithLog({ entries: Array.from({ length: 12 }, (_, i) => `entry ${i}`) });
  const list = async (...args: string[]): Promise<string[]> =>
    (await w.run(['ls', '--log', 'log', ...args])).stdout.split('\n').map((line) => line.slice(0, 2));
  expect(await list('--from', '9')).toEqual([' 9', '10', '11', '']);
  expect(await list('--from', '2', '--to', '4')).toEqual(['2 ', '3 ', '']);
  expect(await list('--from', '12')).toEqual(['']);
  expect(await list('--from', '11', '--to', '9007199254740991')).toEqual(['11', '']);
  for (const args of [
    ['--from', '13'],
    ['--from', '13', '--to', '20'],
  ]) {
    expect(await w.run(['ls', '--log', 'log', ...args])).toMatchObject({ status: 0, stdout: '', stderr: '' });
  }
  expect(await w.run(['ls', '--log', 'log', '--from', '5', '--to', '4'])).toMatchObject({
    status: 2,
    stdout: '',
    stderr: 'vitrine: log-range: there is nothing from 5 to 4\n',
  });
});

test('ls --json prints one object a line, binary entries in base64', async () => {
  const w = await workspaceWithLog({ entries: ENTRIES });
  w.write('binary', Buffer.of(0, 0xff));
  await w.run(['add', '--raw', 'binary', '--log', 'log']);
  const objects = parseLinesAs('entry', (await w.run(['ls', '--log', 'log', '--json', '--from', '3'])).stdout);
  expect(objects).toEqual([
    { index: 3, leafHash: hash('{"a":1}'), size: 7, text: '{"a":1}' },
    { index: 4, leafHash: formatBase64(leafHash(Buffer.of(0, 0xff))), size: 2, entry: 'AP8=' },
  ]);
});

test('ls stops without a word when its reader goes away', async () => {
  const w = await workspaceWithLog();
  w.write('lines', Array.from({ length: 50_000 }, (_, i) => `line ${i}\n`).join(''));
  await w.run(['add', '--lines', 'lines', '--log', 'log']);
  const child = w.start(['ls', '--log', 'log']);
  child.stdout!.once('data', () => child.stdout!.destroy());
  const stderr: Buffer[] = [];
  child.stderr!.on('data', (chunk) => stderr.push(chunk));
  const status = await new Promise((resolve) => child.on('close', resolve));
  expect({ status, stderr: Buffer.concat(stderr).toString() }).toEqual({ status: 0, stderr: '' });
});

test('show prints the bytes of an entry', async () => {
  const w = await workspaceWithLog({ entries: ENTRIES });
  w.write('binary', Buffer.of(0x1b, 0xff, 0));
  await w.run(['add', '--raw', 'binary', '--log', 'log']);
  const show = (...args: string[]): ReturnType<Workspace['run']> => w.run(['show', '--log', 'log', ...args]);
  expect(await show('1')).toMatchObject({ status: 0, stdout: 'second\n', stderr: '' });
  expect((await show('4')).stdoutBytes).toEqual(Buffer.of(0x1b, 0xff, 0));
  expect(parseAs('entry', (await show('0', '--json')).stdout)).toEqual({
    index: 0,
    leafHash: hash('first'),
    size: 5,
    text: 'first',
  });
  expect(await show('5')).toMatchObject({
    status: 2,
    stdout: '',
    stderr: 'vitrine: log-range: the log has 5 entries, and none at index 5\n',
  });
  for (const bad of ['01', '9007199254740992']) {
    expect(await show(bad)).toMatchObject({ status: 2, stdout: '', stderr: expect.stringMatching(/: usage: index /) });
  }
  // Everything else is the name of a statement's file.
  for (const bad of ['-1', '0x1', '1e3', '']) {
    expect(await show('--', bad)).toMatchObject({
      status: 3,
      stdout: '',
      stderr: expect.stringMatching(/^vitrine: file-missing: /),
    });
  }
});

test('reading commands need no key', async () => {
  const w = await workspaceWithLog({ entries: ENTRIES });
  rmSync(w.path('config'), { recursive: true });
  for (const args of [
    ['ls'],
    ['show', '0'],
    ['checkpoint'],
    ['fsck'],
    ['export', 'out'],
    ['prove', 'inclusion', '0'],
  ]) {
    expect(await w.run([...args, '--log', 'log'])).toMatchObject({ status: 0, stderr: '' });
  }
});

test('fsck finds a clean log clean', async () => {
  const w = await workspaceWithLog({ entries: ENTRIES });
  const { status, stdout, stderr } = await w.run(['fsck', '--log', 'log']);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  const found = /root hash (\S+)\n$/.exec(stdout)?.[1];
  expect(stdout).toBe(`clean: 4 entries, root hash ${found}\n`);
  expect(parseAs('fsck', (await w.run(['fsck', '--log', 'log', '--json'])).stdout)).toEqual({ size: 4, root: found });
});

test('fsck and other commands refuse a damaged log', async () => {
  const w = await workspaceWithLog({ entries: ['aaaaaaaaaaaaaaaaaaaa', ...ENTRIES] });
  // The journal has the entries as they are; a changed byte breaks its checksum, and LevelDB drops what follows.
  for (const name of readdirSync(w.path('log/db')).filter((file) => file.endsWith('.log') || file.endsWith('.ldb'))) {
    const path = w.path('log/db', name);
    const bytes = readFileSync(path);
    const at = bytes.indexOf('aaaaaaaaaaaaaaaaaaaa');
    if (at < 0) continue;
    bytes[at] = 0x62;
    writeFileSync(path, bytes);
  }
  for (const args of [['fsck'], ['ls'], ['add', 'policy'], ['checkpoint']]) {
    const { status, stdout, stderr } = await w.run([...args, '--log', 'log']);
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toMatch(/^vitrine: (log|store)-corrupt: /);
  }
});

test('fsck names the table in which a bit was flipped, wherever it was', async () => {
  const w = await workspaceWithLog({ entries: ENTRIES });
  // What was in the journal when a database is opened becomes a table.
  await w.run(['fsck', '--log', 'log']);
  const [name] = readdirSync(w.path('log/db')).filter((file) => file.endsWith('.ldb'));
  const path = `log/db/${name}`;
  const bytes = w.read(path);
  for (let at = 0; at < bytes.length; at += 40) {
    const damaged = Buffer.from(bytes);
    damaged[at]! ^= 0x10;
    w.write(path, damaged);
    const { status, stdout, stderr } = await w.run(['fsck', '--log', 'log']);
    expect({ at, status, stdout }).toEqual({ at, status: 1, stdout: '' });
    expect(stderr).toMatch(new RegExp(`^vitrine: store-corrupt: ${path}.* at offset \\d+: .*\\n$`));
  }
  w.write(path, bytes);
  expect(await w.run(['fsck', '--log', 'log'])).toMatchObject({ status: 0, stderr: '' });
});

test('a log whose checkpoint was changed is refused', async () => {
  const w = await workspaceWithLog({ entries: ENTRIES });
  const note = w.read('log/checkpoint').toString();
  w.write('log/checkpoint', note.replace('\n4\n', '\n5\n'));
  const { status, stderr } = await w.run(['ls', '--log', 'log']);
  expect(status).toBe(1);
  expect(stderr).toMatch(/^vitrine: log-corrupt: /);
});

test('export writes tiles, and the second time only what is new', async () => {
  const w = await workspaceWithLog({ entries: ENTRIES });
  expect(await w.run(['export', 'out', '--log', 'log'])).toMatchObject({
    status: 0,
    stdout: '4 entries of example.com/log: 2 files written, 0 kept\n',
    stderr: '',
  });
  expect(w.files('out')).toEqual(['checkpoint', 'description', 'tile/0/000.p/4', 'tile/entries/000.p/4']);
  const { stdout } = await w.run(['export', 'out', '--log', 'log', '--json']);
  expect(parseAs('export', stdout)).toEqual({ origin: 'example.com/log', size: 4, written: 0, kept: 2 });
});

test('export refuses a directory of something else, and one that cannot be', async () => {
  const w = await workspaceWithLog({ entries: ENTRIES });
  mkdirSync(w.path('out'));
  w.write('out/checkpoint', 'something else');
  const other = await w.run(['export', 'out', '--log', 'log']);
  expect(other.status).toBe(2);
  expect(other.stderr).toMatch(/^vitrine: store-exists: /);
  w.write('file', '');
  expect(await w.run(['export', 'file', '--log', 'log'])).toMatchObject({
    status: 3,
    stdout: '',
    stderr: 'vitrine: file-type: file is not a directory\n',
  });
  expect(await w.run(['export', 'file/out', '--log', 'log'])).toMatchObject({ status: 3, stdout: '' });
});

test('a log can be moved to another directory', async () => {
  const w = await workspaceWithLog({ entries: ENTRIES });
  renameSync(w.path('log'), w.path('moved'));
  expect(await w.run(['show', '0', '--log', 'moved'])).toMatchObject({ status: 0, stdout: 'first' });
});

function hash(entry: string): string {
  return formatBase64(leafHash(Buffer.from(entry)));
}

function shortHash(entry: string): string {
  return hash(entry).slice(0, 12);
}
