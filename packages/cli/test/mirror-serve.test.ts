import { once } from 'node:events';
import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import {
  formatIndexEntry,
  formatPrivateKey,
  formatVkey,
  openCheckpoint,
  type PrivateKey,
  parseSignatureLines,
  parseSignedNote,
} from '@vitrine/core';
import { mlDsa44 } from '@vitrine/core/ml-dsa';
import { originHash } from '@vitrine/witness';
import { describe, expect, onTestFinished, test } from 'vitest';
import { appendStatements, build } from './support/index-workspace.ts';
import { parseAs } from './support/json-schema.ts';
import { done } from './support/releases.ts';
import { serveFiles, startServing } from './support/serving.ts';
import { writeTree } from './support/signed-tree.ts';
import { VENDOR_KEY, workspaceWithStatements } from './support/statement-workspace.ts';
import { fixedKey, LOG_KEY, type Workspace, workspace, workspaceWithLog } from './support/workspace.ts';

const ORIGIN = 'example.com/log';
const HASH = originHash(ORIGIN);
const VKEY = formatVkey(LOG_KEY.vkey);
const M4 = fixedKey('mirror.example/m', 0x04, 41);
const M6 = fixedKey('mirror.example/m', 0x06, 42);
const INDEX = fixedKey('mirror.example/index', 0x04, 43);
const QUIET = ['--listen', '0', '--log-level', 'warn'];

function writeKeys(w: Workspace): void {
  for (const [name, key] of Object.entries({ m4: M4, m6: M6, index: INDEX })) {
    w.write(`${name}.key`, `${formatPrivateKey(key)}\n`);
    chmodSync(w.path(`${name}.key`), 0o600);
  }
}

const verified = (note: Uint8Array, keys: readonly PrivateKey[]): string[] =>
  openCheckpoint(note, {
    origin: ORIGIN,
    keys: [LOG_KEY.vkey],
    cosigners: keys.map(({ vkey }) => vkey),
    schemes: [mlDsa44],
  }).note.verified.map(({ verifier }) => `${verifier.keyName} ${verifier.type}`);

const fetchBytes = async (url: string): Promise<Uint8Array<ArrayBuffer>> =>
  new Uint8Array(await (await fetch(url)).arrayBuffer());

describe('vitrine mirror push', () => {
  test('sends a log to a mirror, and the log keeps the cosignatures', async () => {
    const w = await workspaceWithLog({ entries: Array.from({ length: 600 }, (_, i) => `entry ${i}`) });
    writeKeys(w);
    const mirror = await startServing(w, [
      ...['mirror', 'serve', 'copy', '--key', 'm4.key', '--key', 'm6.key', '--vkey', VKEY, ...QUIET],
    ]);
    const args = ['mirror', 'push', '--log', 'log', '--to', mirror.url];
    const keys = ['--vkey', formatVkey(M4.vkey), '--vkey', formatVkey(M6.vkey)];
    const pushed = await done(w, [...args, ...keys]);
    expect(parseSignatureLines(pushed.stdoutBytes)).toHaveLength(2);
    expect(pushed.stderr).toBe(
      `vitrine: ${mirror.url} has 600 entries of example.com/log, and cosigned as mirror.example/m\n`,
    );
    const kept = w.read('log/checkpoint.cosigned');
    expect(verified(kept, [M4, M6])).toEqual([`${ORIGIN} 1`, 'mirror.example/m 4', 'mirror.example/m 6']);
    // Below the monitoring prefix, and at the top as any log.
    for (const prefix of [`${mirror.url}/${HASH}`, mirror.url]) {
      expect(verified(await fetchBytes(`${prefix}/checkpoint`), [M4, M6])).toHaveLength(3);
      const tile = await fetch(`${prefix}/tile/entries/001`);
      expect([tile.status, tile.headers.get('cache-control')]).toEqual([200, expect.stringContaining('immutable')]);
      expect((await fetch(`${prefix}/tile/0/002.p/88`)).status).toBe(200);
      expect((await fetch(`${prefix}/tile/0/002.p/89`)).status).toBe(404);
      expect((await w.run(['show', '599', '--log', prefix])).stdout).toContain('entry 599');
    }
    const again = await done(w, [...args, ...keys, '--json']);
    expect(parseAs('mirror-push', again.stdout)).toMatchObject({ size: 600, names: ['mirror.example/m'] });
    expect(await w.run(['ls', '--log', 'copy'])).toMatchObject({
      status: 3,
      stderr: expect.stringContaining(`--log ${mirror.url}`),
    });
    expect(await mirror.stop()).toBe(0);
    expect(mirror.said()).toBe('');
    await done(w, ['fsck', '--log', 'copy']);
  });

  test('is refused by a mirror of another log, and takes no signature of another key', async () => {
    const w = await workspaceWithLog({ entries: ['a'] });
    writeKeys(w);
    const other = formatVkey(fixedKey('example.com/other', 0x01, 9).vkey);
    const foreign = await startServing(w, ['mirror', 'serve', 'foreign', '--key', 'm4.key', '--vkey', other, ...QUIET]);
    const key = ['--vkey', formatVkey(M4.vkey)];
    expect(await w.run(['mirror', 'push', '--log', 'log', '--to', foreign.url, ...key])).toMatchObject({
      status: 1,
      stdout: '',
      stderr: expect.stringContaining('vitrine: mirror-refused: the mirror refuses the checkpoint with status 404'),
    });
    const own = await startServing(w, ['mirror', 'serve', 'copy', '--key', 'm4.key', '--vkey', VKEY, ...QUIET]);
    expect(
      await w.run(['mirror', 'push', '--log', 'log', '--to', own.url, '--vkey', formatVkey(INDEX.vkey)]),
    ).toMatchObject({ status: 1, stderr: expect.stringContaining('vitrine: mirror-signature: ') });
  });
});

describe('vitrine mirror serve', () => {
  test('answers an upload that it refuses before that has come to its end, and goes on', async () => {
    const w = await workspaceWithLog({ entries: ['a'] });
    writeKeys(w);
    const mirror = await startServing(w, ['mirror', 'serve', 'copy', '--key', 'm4.key', '--vkey', VKEY, ...QUIET]);
    const header = Buffer.concat([Buffer.from([0, 5]), Buffer.from('other'), Buffer.alloc(18)]);
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const request = httpRequest(`${mirror.url}/add-entries`, {
        method: 'POST',
        headers: { 'content-type': 'application/octet-stream', 'content-length': 1e9 },
      });
      request.on('response', (response) => resolve(response.statusCode));
      request.on('error', reject);
      // And no more.
      request.write(header);
    });
    expect(status).toBe(404);
    const key = ['--vkey', formatVkey(M4.vkey)];
    await done(w, ['mirror', 'push', '--log', 'log', '--to', mirror.url, ...key]);
  });

  test('is not kept from taking entries by who sends none', async () => {
    const w = await workspaceWithLog({ entries: ['a'] });
    writeKeys(w);
    const mirror = await startServing(w, ['mirror', 'serve', 'copy', '--key', 'm4.key', '--vkey', VKEY, ...QUIET]);
    const headers = 'content-type: application/octet-stream\r\ncontent-length: 1000';
    const sockets = await Promise.all(
      Array.from({ length: 40 }, async () => {
        const socket = connect(Number(new URL(mirror.url).port), '127.0.0.1');
        socket.on('error', () => {});
        onTestFinished(() => void socket.destroy());
        await once(socket, 'connect');
        socket.write(`POST /add-entries HTTP/1.1\r\nhost: a\r\n${headers}\r\n\r\n`);
        return socket;
      }),
    );
    // Those that came first are told so.
    await Promise.race(sockets.map((socket) => once(socket, 'data')));
    const key = ['--vkey', formatVkey(M4.vkey)];
    await done(w, ['mirror', 'push', '--log', 'log', '--to', mirror.url, ...key]);
  });

  test('with --pull is a witness that vouches for the index of what it has copied', async () => {
    const w = await workspaceWithStatements();
    writeKeys(w);
    await appendStatements(w, [[VENDOR_KEY, build('1.0')]]);
    await done(w, ['export', 'public', '--log', 'log']);
    const served = await serveFiles(w.path('public'));
    const mirror = await startServing(w, [
      ...['mirror', 'serve', 'copy', '--key', 'm4.key', '--check-index', '--index-key', 'index.key'],
      ...['--pull', served, '--vkey', VKEY, '--interval', '600', ...QUIET],
    ]);
    const ask = async (oldSize: number): Promise<Response> => {
      const { stdoutBytes } = await done(w, ['prove', 'consistency', String(oldSize), '--log', 'log']);
      return fetch(`${mirror.url}/add-checkpoint`, { method: 'POST', body: new Uint8Array(stdoutBytes) });
    };
    // It may have begun before it was asked.
    const first = await ask(0);
    const response = first.status === 409 ? await ask(Number(await first.text())) : first;
    expect(response.status).toBe(200);
    w.write('cosignature', new Uint8Array(await response.arrayBuffer()));
    w.write('policy-of-index', `log ${VKEY}\nwitness index ${formatVkey(INDEX.vkey)}\nquorum index\n`);
    await done(w, ['checkpoint', '--log', 'log', '--policy', 'policy-of-index', '--cosignatures', 'cosignature']);
    const { size } = JSON.parse((await done(w, ['checkpoint', '--log', 'log', '--json'])).stdout);

    // The log grows: the mirror is shown it before it looks itself.
    await appendStatements(w, [[VENDOR_KEY, build('1.1')]]);
    await done(w, ['export', 'public', '--log', 'log']);
    expect((await ask(size)).status).toBe(200);
    const shown = await fetchBytes(`${mirror.url}/index/${HASH}/checkpoint`);
    expect(verified(shown, [INDEX])).toEqual([`${ORIGIN} 1`, 'mirror.example/index 4']);
    const checkpoint = await fetchBytes(`${mirror.url}/${HASH}/checkpoint`);
    expect(verified(checkpoint, [INDEX, M4])).toHaveLength(3);
    // What the index says can be asked of the mirror.
    const latest = await w.run(['latest', 'acme-av/stable', '--log', mirror.url, '--json']);
    expect(latest).toEqual(await w.run(['latest', 'acme-av/stable', '--log', 'log', '--json']));
    expect(latest.status).toBe(0);
    expect(await mirror.stop()).toBe(0);
    await done(w, ['fsck', '--log', 'copy']);
  });

  test('does not vouch for a log that lies in its index, says which entry it is, and serves what it had', async () => {
    const w = workspace();
    writeKeys(w);
    const honest: Uint8Array[] = [new TextEncoder().encode('nothing')];
    honest.push(formatIndexEntry({ size: 1, root: new Uint8Array(32) }));
    await writeTree(w.path('public'), honest);
    const args = [
      ...['mirror', 'serve', 'copy', '--key', 'm4.key', '--check-index', '--index-key', 'index.key'],
      ...['--pull', 'public', '--vkey', VKEY, '--interval', '1', ...QUIET],
    ];
    const mirror = await startServing(w, args);
    const checkpointSize = async (): Promise<string | undefined> => {
      const response = await fetch(`${mirror.url}/checkpoint`);
      return response.status === 200 ? (await response.text()).split('\n')[1] : undefined;
    };
    await expect.poll(checkpointSize).toBe('2');
    const lying: Uint8Array[] = [...honest, new TextEncoder().encode('more')];
    lying.push(formatIndexEntry({ size: 3, root: new Uint8Array(32).fill(7) }));
    await writeTree(w.path('public'), lying);
    await expect.poll(() => mirror.said()).toContain('entry 3 is an index entry that has another root');
    expect(await checkpointSize()).toBe('2');
    const note = await fetchBytes(`${mirror.url}/index/${HASH}/checkpoint`);
    expect(parseSignedNote(note).text.split('\n')[1]).toBe('2');
    // Said once, however often it looks.
    expect(mirror.said().match(/entry 3 is an index entry/g)!.length).toBeLessThanOrEqual(3);
    expect(await mirror.stop()).toBe(0);
    // It finds that out again.
    const again = await startServing(w, args);
    await expect.poll(() => again.said()).toContain('entry 3 is an index entry');
  });

  test('goes on after kill -9 with what it had cosigned, and cosigns with the keys that it is given then', async () => {
    const w = await workspaceWithLog({ entries: ['a', 'b', 'c'] });
    writeKeys(w);
    const args = ['mirror', 'serve', 'copy', '--vkey', VKEY, ...QUIET, '--json'];
    const first = await startServing(w, [...args, '--key', 'm4.key']);
    const { url } = parseAs('mirror-serve', first.url) as { url: string };
    await done(w, ['mirror', 'push', '--log', 'log', '--to', url, '--vkey', formatVkey(M4.vkey)]);
    await first.stop('SIGKILL');
    const second = await startServing(w, [...args, '--key', 'm4.key', '--key', 'm6.key']);
    const started = parseAs('mirror-serve', second.url) as { url: string; size: number };
    expect(started.size).toBe(3);
    expect(verified(await fetchBytes(`${started.url}/${HASH}/checkpoint`), [M4, M6])).toHaveLength(3);
  });

  test('is not healthy any more once it could not write', async () => {
    const w = await workspaceWithLog({ entries: ['a'] });
    writeKeys(w);
    const mirror = await startServing(w, ['mirror', 'serve', 'copy', '--key', 'm4.key', '--vkey', VKEY, ...QUIET]);
    expect((await fetch(`${mirror.url}/healthz`)).status).toBe(200);
    // No file can have this name any more.
    mkdirSync(w.path('copy/checkpoint'));
    const key = ['--vkey', formatVkey(M4.vkey)];
    expect((await w.run(['mirror', 'push', '--log', 'log', '--to', mirror.url, ...key])).status).not.toBe(0);
    const health = await fetch(`${mirror.url}/healthz`);
    expect([health.status, await health.text()]).toEqual([503, expect.stringContaining('log-failed')]);
  });

  test('says what is wrong with how it was started', async () => {
    const w = await workspaceWithLog({ entries: ['a'] });
    writeKeys(w);
    const serve = ['mirror', 'serve', 'copy', ...QUIET];
    w.write('two', `log ${VKEY}\nlog ${formatVkey(fixedKey('example.com/other', 0x01, 9).vkey)}\nquorum none\n`);
    for (const [args, message] of [
      [['--vkey', VKEY], "usage: required option '--key <file>' not specified"],
      [
        ['--key', 'm4.key'],
        'store-missing: copy holds no mirror: to make one there, name the log, or its key with --vkey or --policy',
      ],
      [['--key', 'm4.key', '--policy', 'two'], 'usage: two does not list one log: name the key of the one to mirror'],
      [
        ['--key', 'm4.key', '--index-key', 'index.key', '--vkey', VKEY],
        'mirror-key: this mirror of example.com/log does',
      ],
      [['--key', 'config/vitrine/keys/example.com+log.ed25519.key', '--vkey', VKEY], 'key-type: '],
      [['--key', 'nowhere.key', '--vkey', VKEY], 'file-missing: '],
      [
        ['--key', 'm4.key', '--index-key', 'm4.key', '--check-index', '--vkey', VKEY],
        'mirror-key: "mirror.example/m" stands for two',
      ],
    ] as const) {
      const { status, stderr } = await w.run([...serve, ...args]);
      expect(stderr).toContain(`vitrine: ${message}`);
      expect(status).not.toBe(0);
      rmSync(w.path('copy'), { recursive: true, force: true });
    }
  });
});
