import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { formatIndexEntry, formatVkey, parseSignedNote } from '@vitrine/core';
import { openFinding } from '@vitrine/witness';
import { describe, expect, test } from 'vitest';
import { appendStatements, build } from './support/index-workspace.ts';
import { parseAs, parseLinesAs } from './support/json-schema.ts';
import { done } from './support/releases.ts';
import { Served } from './support/served.ts';
import { serveFiles, serveWith, startServing } from './support/serving.ts';
import { writeTree } from './support/signed-tree.ts';
import { VENDOR_KEY, workspaceWithStatements } from './support/statement-workspace.ts';
import { fixedKey, LOG_KEY, LOG_ML_DSA_KEY, type Workspace, workspace, workspaceWithLog } from './support/workspace.ts';

const VKEY = formatVkey(LOG_KEY.vkey);
const ENTRIES = Array.from({ length: 700 }, (_, i) => `entry ${i}`);
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

const mirrored = (w: Workspace, size: number): Promise<void> =>
  done(w, ['ls', '--log', 'copy', '--json', '--from', '0']).then(({ stdout }) =>
    expect(stdout.trimEnd().split('\n')).toHaveLength(size),
  );

describe('vitrine mirror', () => {
  test('copies a log from its directory, and what is new when it is run again', async () => {
    const w = await workspaceWithLog({ entries: ENTRIES.slice(0, 300) });
    const first = await done(w, ['mirror', 'log', 'copy']);
    expect(first).toMatchObject({
      stdout: expect.stringMatching(/^mirrored: 300 entries of example.com\/log, root hash [A-Za-z0-9+/]{43}=\n$/),
      stderr: '',
    });
    w.write('more', 'one\ntwo\n');
    await done(w, ['add', '--lines', 'more', '--log', 'log']);
    const second = await done(w, ['mirror', 'log', 'copy', '--json']);
    expect(parseAs('mirror', second.stdout)).toMatchObject({ origin: 'example.com/log', size: 302 });
    await mirrored(w, 302);
    // What is there can be asked as the log can.
    expect((await done(w, ['checkpoint', '--log', 'copy'])).stdout).toBe(
      (await done(w, ['checkpoint', '--log', 'log'])).stdout,
    );
    await done(w, ['fsck', '--log', 'copy']);
    await done(w, ['prove', 'inclusion', '7', '--log', 'copy']);
    await done(w, ['export', 'public', '--log', 'copy']);
    expect(await w.run(['add', '--lines', 'more', '--log', 'copy'])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('vitrine: log-mirror: this is a mirror of example.com/log'),
    });
  });

  test('copies a log that Vitrine serves, with the key that it names, which is pinned and said', async () => {
    const w = await workspaceWithLog({ entries: ENTRIES });
    const { url, stop } = await startServing(w, ['serve', '--read-only', '--log', 'log', '--listen', '0']);
    const { stdout, stderr } = await done(w, ['mirror', url, 'copy']);
    expect(stdout).toMatch(/^mirrored: 700 entries/);
    expect(stderr).toBe(
      `vitrine: the key of example.com/log is the one that its server names, and from now on no other: ${VKEY}; --vkey or ` +
        '--policy says which one it has to be\n',
    );
    // It is not said again, because it is not asked for again.
    expect(await done(w, ['mirror', url, 'copy'])).toMatchObject({ stderr: '' });
    await mirrored(w, 700);
    expect(await stop()).toBe(0);
  });

  test.each([
    [['--vkey', VKEY]],
    [['--vkey', VKEY, '--vkey', formatVkey(LOG_ML_DSA_KEY.vkey)]],
    [['--policy', 'policy']],
  ])(
    'copies what was exported, over HTTP and from a directory, with the key that it is told: case %#',
    async (keys) => {
      const w = await workspaceWithLog({ entries: ENTRIES });
      await done(w, ['export', 'public', '--log', 'log']);
      for (const from of [await serveFiles(w.path('public')), 'public']) {
        const { stdout, stderr } = await done(w, ['mirror', from, `copy-of-${from.length}`, ...keys]);
        expect([stdout.split(',')[0], stderr]).toEqual(['mirrored: 700 entries of example.com/log', '']);
      }
    },
  );

  test('does not guess the key of a log, and keeps to the one that it has', async () => {
    const w = await workspaceWithLog({ entries: ['a'] });
    await done(w, ['export', 'public', '--log', 'log']);
    expect((await done(w, ['mirror', 'public', 'named'])).stderr).toMatch(
      /^vitrine: the key of example\.com\/log is the one that the directory names, and from now on no other: example\.com\/log\+/,
    );
    rmSync(w.path('public/description'));
    expect(await w.run(['mirror', 'public', 'copy'])).toMatchObject({
      status: 2,
      stdout: '',
      stderr: 'vitrine: usage: name the key of the log with --vkey, or with a --policy: the log does not say it here\n',
    });
    const other = formatVkey(fixedKey('example.com/log', 0x01, 77).vkey);
    expect(await w.run(['mirror', 'public', 'copy', '--vkey', other])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('vitrine: note-'),
    });
    await done(w, ['mirror', 'public', 'copy2', '--vkey', VKEY]);
    expect(await w.run(['mirror', 'public', 'copy2', '--vkey', other])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('vitrine: log-key: the mirror is one of example.com/log with other keys'),
    });
    w.write('other-policy', `log ${formatVkey(fixedKey('example.com/other', 0x01, 3).vkey)}\nquorum none\n`);
    expect(await w.run(['mirror', 'public', 'copy3', '--policy', 'other-policy'])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('vitrine: policy-log: other-policy lists no key of the log example.com/log'),
    });
    expect(w.files().some((name) => name.startsWith('copy3'))).toBe(false);
  });

  test('says where something else than a log is served', async () => {
    const { url } = await serveWith((_, response) => response.end('<!doctype html>'));
    expect(await workspace().run(['mirror', url, 'copy'])).toMatchObject({
      status: 3,
      stderr: `vitrine: fetch-failed: ${url}/description describes no log, so there may be none: the description of the log is not JSON\n`,
    });
  });

  test('writes over nothing that is no mirror', async () => {
    const w = await workspaceWithLog({ entries: ['a'] });
    expect(await w.run(['mirror', 'log', 'log'])).toMatchObject({ status: 2 });
    await done(w, ['export', 'public', '--log', 'log']);
    expect(await w.run(['mirror', 'public', 'log', '--vkey', VKEY])).toMatchObject({
      status: 2,
      stderr: 'vitrine: log-mirror: log has the log example.com/log itself, and not a mirror of it\n',
    });
    expect(await w.run(['mirror', 'log', 'public'])).toMatchObject({ status: 3 });
    expect(await w.run(['mirror', 'nowhere', 'copy'])).toMatchObject({
      status: 3,
      stderr: 'vitrine: file-missing: nowhere does not exist\n',
    });
    expect(await w.run(['mirror', 'ftp://example.com', 'copy'])).toMatchObject({ status: 2 });
    expect(await w.run(['mirror', 'log', 'copy', '--parallel', '0'])).toMatchObject({
      status: 2,
      stderr: 'vitrine: usage: --parallel must be at least 1\n',
    });
  });

  test('follows a log until it is stopped', async () => {
    const w = await workspaceWithLog({ entries: ['a', 'b'] });
    await done(w, ['export', 'public', '--log', 'log']);
    const child = w.start(['mirror', 'public', 'copy', '--vkey', VKEY, '--follow', '--interval', '1', '--json']);
    let stdout = '';
    child.stdout!.on('data', (data) => {
      stdout += data;
    });
    const lines = async (count: number): Promise<void> => {
      while (stdout.split('\n').length <= count) await setTimeout(20);
    };
    await lines(1);
    w.write('more', 'c\nd\n');
    await done(w, ['add', '--lines', 'more', '--log', 'log']);
    await done(w, ['export', 'public', '--log', 'log']);
    await lines(2);
    child.kill('SIGTERM');
    const [status] = await new Promise<[number | null]>((resolve) => child.on('close', (code) => resolve([code])));
    expect(status).toBe(0);
    expect(parseLinesAs('mirror', stdout).map(({ size }) => size)).toEqual([2, 4]);
    await mirrored(w, 4);
  });

  test('with --check-index answers what the index says, and derives all of it', async () => {
    const w = await workspaceWithStatements();
    await appendStatements(w, [[VENDOR_KEY, build('1.0')]]);
    await done(w, ['mirror', 'log', 'copy', '--check-index']);
    const args = ['latest', 'acme-av/stable'];
    const asked = await w.run([...args, '--log', 'copy', '--json']);
    expect(asked).toEqual(await w.run([...args, '--log', 'log', '--json']));
    expect(asked.status).toBe(0);
    await done(w, ['fsck', '--log', 'copy']);
    await done(w, ['reindex', '--log', 'copy']);
    // What a log of statements judges by is not there.
    expect(await w.run(['mirror', 'log', 'plain'])).toMatchObject({ status: 0 });
    expect(await w.run(['mirror', 'log', 'plain', '--check-index'])).toMatchObject({
      status: 2,
      stderr: 'vitrine: usage: the mirror in plain was made without --check-index: make another one\n',
    });
    expect(await w.run([...args, '--log', 'plain'])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('log-index'),
    });
  });

  test('with --check-index refuses a log that says that it has no index', async () => {
    const w = await workspaceWithLog({ entries: ['a'] });
    await done(w, ['export', 'public', '--log', 'log']);
    for (const from of ['log', 'public']) {
      expect(await w.run(['mirror', from, 'copy', '--vkey', VKEY, '--check-index'])).toMatchObject({
        status: 2,
        stderr: 'vitrine: usage: example.com/log says that it has no index: leave out --check-index\n',
      });
    }
    expect(existsSync(w.path('copy'))).toBe(false);
  });

  test('without --check-index says what it does not keep, and never that the log lies', async () => {
    const w = await workspaceWithStatements();
    await appendStatements(w, [[VENDOR_KEY, build('1.0')]]);
    await done(w, ['mirror', 'log', 'copy']);
    await done(w, ['mirror', 'log', 'checked', '--check-index']);
    const tool = ['--product', 'p', '--version', '1', '--channel', 'c', '--key', 'vendor.key'];
    w.write('file', 'file');
    const shows = async (log: string, isChecked: boolean): Promise<void> => {
      const shown = await w.run(['show', '2', '--log', log]);
      expect({ log, ...shown }).toMatchObject({ status: 0, stderr: '' });
      expect(shown.stdout).toContain(
        isChecked
          ? '\nsignature  verified, '
          : '\nsignature  not checked: this mirror keeps neither whose keys the log admitted, nor what was withdrawn\n',
      );
      const mirror = { status: 2, stderr: expect.stringMatching(/^vitrine: log-mirror: .*mirror/m) };
      expect(await w.run(['release', 'build', 'file', ...tool, '--log', log])).toMatchObject(mirror);
      expect(await w.run(['admit', 'list', '--log', log])).toMatchObject(isChecked ? { status: 0 } : mirror);
    };
    await shows('copy', false);
    await shows('checked', true);
    const servers = await Promise.all(
      ['copy', 'checked'].map((directory) =>
        Served.start(w, ['--log', directory, '--read-only', '--log-level', 'silent']),
      ),
    );
    for (const [i, { url }] of servers.entries()) {
      await shows(url, i === 1);
      expect(await (await fetch(url)).text()).toContain('This is a mirror of example.com/log');
    }
    expect(await w.run(['latest', 'acme-av/stable', '--log', servers[0]!.url])).toMatchObject({
      status: 2,
      stderr:
        'vitrine: log-index: this mirror does not keep the index of example.com/log, if it has one: ask the log, or a mirror that checks its index\n',
    });
    for (const server of servers) await server.stop();
    expect(await w.run(['serve', '--log', 'copy'])).toMatchObject({
      status: 2,
      stderr:
        'vitrine: log-mirror: copy has a mirror of example.com/log: serve it with --read-only, or with vitrine mirror serve\n',
    });
    // What it exports does not deny the index either.
    await done(w, ['export', 'public', '--log', 'copy']);
    const exported = await Served.start(w, ['--log', 'public', '--read-only', '--log-level', 'silent']);
    expect((await w.run(['admit', 'list', '--log', exported.url])).stderr).toContain('vitrine: log-mirror: ');
  });

  test('names the entry at which a log lies in its index, and publishes nothing that has it', async () => {
    const w = workspace();
    const lie = formatIndexEntry({ size: 1, root: new Uint8Array(32).fill(255) });
    await writeTree(w.path('lying'), [utf8('nothing'), lie]);
    const args = ['mirror', 'lying', 'copy', '--vkey', VKEY, '--check-index'];
    for (let i = 0; i < 2; i++) {
      expect(await w.run(args)).toMatchObject({
        status: 1,
        stdout: '',
        stderr:
          'vitrine: index-false: entry 1 is an index entry that has another root than the entries before it give\n',
      });
    }
    expect(await w.run(['checkpoint', '--log', 'copy'])).toMatchObject({
      status: 2,
      stderr: 'vitrine: log-mirror: the mirror of example.com/log has no whole tree yet: copy the rest of it\n',
    });
    await done(w, ['fsck', '--log', 'copy']);
    // Without that it is a copy like any other.
    await done(w, ['mirror', 'lying', 'plain', '--vkey', VKEY]);
  });

  test('refuses a log that forks, keeps the evidence, and stays as it was', async () => {
    const w = workspace();
    const entries = ENTRIES.slice(0, 300).map(utf8);
    await writeTree(w.path('public'), entries);
    await done(w, ['mirror', 'public', 'copy', '--vkey', VKEY]);
    await writeTree(w.path('fork'), [...entries.slice(0, 299), utf8('another'), utf8('more')]);
    const forked = await w.run(['mirror', 'fork', 'copy']);
    expect(forked).toMatchObject({
      status: 1,
      stdout: '',
      stderr:
        'vitrine: mirror-fork: example.com/log: the log signed a tree of 301 entries that did not grow from its tree of 300: ' +
        'see copy/mirror/evidence\n',
    });
    const [name] = readdirSync(w.path('copy/mirror/evidence'));
    const finding = await openFinding(new Uint8Array(readFileSync(w.path('copy/mirror/evidence', name!))));
    expect(finding).toMatchObject({ kind: 'rewritten', origin: 'example.com/log' });
    expect(finding.notes.map((note) => parseSignedNote(note).text.split('\n')[1])).toEqual(['300', '301']);
    await mirrored(w, 300);
    await writeTree(w.path('public'), [...entries, utf8('the next')]);
    await done(w, ['mirror', 'public', 'copy']);
    await mirrored(w, 301);
  });

  test('asks a server again that is busy, or whose connection breaks', async () => {
    const w = await workspaceWithLog({ entries: ENTRIES });
    await done(w, ['export', 'public', '--log', 'log']);
    const asked = new Map<string, number>();
    const { url } = await serveWith((request, response) => {
      const times = (asked.get(request.url!) ?? 0) + 1;
      asked.set(request.url!, times);
      if (times === 1) {
        response.writeHead(503, { 'retry-after': '0' }).end();
        return;
      }
      if (times === 2 && request.url!.includes('entries')) {
        response.destroy();
        return;
      }
      try {
        response.end(readFileSync(w.path('public', request.url!)));
      } catch {
        response.writeHead(404).end();
      }
    });
    await done(w, ['mirror', url, 'copy', '--vkey', VKEY]);
    await mirrored(w, 700);
  });

  test.each<[string, (path: string, bytes: Buffer) => Buffer, string]>([
    [
      'an entry that is none of the log',
      (path, bytes) => (path.includes('entries/001') ? spoilt(bytes, 50) : bytes),
      'tile-mismatch',
    ],
    [
      'a bundle that is cut off',
      (path, bytes) => (path.includes('entries/001') ? bytes.subarray(0, -1) : bytes),
      'bundle-malformed',
    ],
    [
      'a tile that is far too long',
      (path, bytes) => (path.includes('tile/0/') ? Buffer.alloc(1e7) : bytes),
      'fetch-failed',
    ],
  ])('keeps nothing of a server that serves %s', async (_, change, code) => {
    const w = await workspaceWithLog({ entries: ENTRIES });
    await done(w, ['export', 'public', '--log', 'log']);
    const { url } = await serveWith((request, response) => {
      try {
        response.end(change(request.url!, readFileSync(w.path('public', request.url!))));
      } catch {
        response.writeHead(404).end();
      }
    });
    const refused = await w.run(['mirror', url, 'copy', '--vkey', VKEY]);
    expect(refused.stderr).toContain(`vitrine: ${code}: `);
    expect(refused.status).not.toBe(0);
    await done(w, ['mirror', 'public', 'copy']);
    await mirrored(w, 700);
    await done(w, ['fsck', '--log', 'copy']);
  });
});

const spoilt = (bytes: Buffer, at: number): Buffer => {
  const copy = Buffer.from(bytes);
  copy[at]! ^= 1;
  return copy;
};
