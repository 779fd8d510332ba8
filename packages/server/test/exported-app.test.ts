import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatTilePath, partialTiles } from '@vitrine/core';
import { exportTiles } from '@vitrine/core/log';
import { expect, onTestFinished, test } from 'vitest';
import { ExportedLog, exportedApp } from '../src/exported-app.ts';
import { observed } from '../src/observed.ts';
import { type AskedApp, asked, bytesOf, refusalIn, ServedLog, utf8 } from './support/served-log.ts';

async function exported(count: number): Promise<{ served: ServedLog; directory: string; app: AskedApp }> {
  const directory = await mkdtemp(join(tmpdir(), 'vitrine-exported-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  const served = await ServedLog.create();
  await served.fill(count);
  await exportTiles(served.log, directory);
  return { served, directory, app: asked(observed(exportedApp(await ExportedLog.open(directory)))) };
}

test('serves what a log serves, byte for byte and under the same headers', async () => {
  const { served, app } = await exported(600);
  const paths = [
    '/checkpoint',
    '/checkpoint/newest',
    '/tile/0/000',
    '/tile/0/002.p/88',
    '/tile/1/000.p/2',
    '/tile/entries/000',
  ];
  for (const path of paths) {
    const [expected, found] = await Promise.all([served.get(path), app.request(path)]);
    expect([path, found.status]).toEqual([path, 200]);
    const headers = [expected, found].map((response) => {
      const { 'x-request-id': _, ...rest } = Object.fromEntries(response.headers);
      return rest;
    });
    expect(headers[1]).toEqual(headers[0]);
    expect(await bytesOf(found)).toEqual(await bytesOf(expected));
  }
  expect(await (await app.request('/')).text()).toContain(served.log.origin);
});

test('every partial tile up to the checkpoint is a slice of a wider one that is there', async () => {
  const { served, directory, app } = await exported(300);
  await served.fill(20);
  await exportTiles(served.log, directory);
  expect((await readdir(join(directory, 'tile/0/001.p'))).sort()).toEqual(['44', '64']);
  const later = asked(observed(exportedApp(await ExportedLog.open(directory))));
  for (const level of [0, 'entries'] as const) {
    for (const [index, widths] of [
      [0, [1, 2, 44, 255, 256]],
      [1, [1, 43, 44, 45, 63, 64]],
    ] as const) {
      for (const width of widths) {
        const response = await later.request(`/${formatTilePath({ level, index, width })}`);
        expect(await bytesOf(response)).toEqual(await served.log.tile(level, index, width));
      }
    }
  }
  expect(await refusalIn(await later.request('/tile/0/001.p/65'))).toEqual([404, 'log-range']);
  // The one that was opened before has not looked yet.
  expect((await app.request('/tile/0/001.p/44')).status).toBe(200);
});

test('a new checkpoint is noticed, and two servers of one directory have it', async () => {
  const { served, directory } = await exported(10);
  const apps = await Promise.all(
    [1, 2].map(async () => asked(observed(exportedApp(await ExportedLog.open(directory))))),
  );
  await served.fill(300);
  await exportTiles(served.log, directory);
  for (const app of apps) {
    for (;;) {
      const note = await bytesOf(await app.request('/checkpoint'));
      if (Buffer.from(note).equals(served.log.checkpoint().note)) break;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    for (const tile of partialTiles(310)) expect((await app.request(`/${formatTilePath(tile)}`)).status).toBe(200);
  }
});

test('no answer is of a checkpoint that was looked at more than a second ago', async () => {
  const { served, directory } = await exported(10);
  const paths = ['/checkpoint', '/checkpoint/newest', '/tile/0/001.p/54'];
  const apps = await Promise.all(
    paths.map(async () => asked(observed(exportedApp(await ExportedLog.open(directory))))),
  );
  await served.fill(300);
  await exportTiles(served.log, directory);
  await new Promise((resolve) => setTimeout(resolve, 1100));
  for (const [i, path] of paths.entries()) {
    // Of the first ones, that are asked together, none.
    for (const response of await Promise.all([1, 2].map(() => apps[i]!.request(path)))) {
      expect(response.status).toBe(200);
      expect(await bytesOf(response)).toEqual(await bytesOf(await served.get(path)));
    }
  }
});

test('a checkpoint that is none, of another log, or smaller changes nothing', async () => {
  const { served, directory, app } = await exported(10);
  const { note } = served.log.checkpoint();
  const other = await ServedLog.create();
  for (const bytes of [utf8('nonsense'), new Uint8Array(), other.log.checkpoint().note]) {
    await writeFile(join(directory, 'checkpoint.new'), bytes);
    await rename(join(directory, 'checkpoint.new'), join(directory, 'checkpoint'));
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(await bytesOf(await app.request('/checkpoint'))).toEqual(note);
  }
  await rm(join(directory, 'checkpoint'));
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect((await app.request('/checkpoint')).status).toBe(200);
});

test('heads and the description are served if they are there', async () => {
  const { directory, app } = await exported(1);
  const head = `/heads/${'ab'.repeat(32)}.vitrine`;
  expect(await refusalIn(await app.request(head))).toEqual([404, 'http-not-found']);
  expect((await app.request('/description')).status).toBe(200);
  await rm(join(directory, 'description'));
  expect(await refusalIn(await app.request('/description'))).toEqual([404, 'http-not-found']);
  await mkdir(join(directory, 'heads'));
  await writeFile(join(directory, head), 'a bundle');
  await writeFile(join(directory, 'description'), '{}\n');
  const response = await app.request(head);
  expect(response.headers.get('content-type')).toBe('application/vnd.vitrine.bundle+cbor');
  expect(await response.text()).toBe('a bundle');
  expect(await (await app.request('/description')).text()).toBe('{}\n');
  expect((await app.request(head, { headers: { 'if-none-match': response.headers.get('etag')! } })).status).toBe(304);
});

test('nothing else of the directory is served, and nothing is taken', async () => {
  const { directory, app } = await exported(1);
  await writeFile(join(directory, 'secret'), 'x');
  for (const path of ['/secret', '/tile', '/heads', '/proof/inclusion?index=0']) {
    expect([path, (await app.request(path)).status]).toEqual([path, 404]);
  }
  expect(await refusalIn(await app.request('/heads/..secret.vitrine'))).toEqual([400, 'http-malformed']);
  expect(await refusalIn(await app.request('/add', { method: 'POST', body: 'x' }))).toEqual([403, 'log-read-only']);
});

test('a tile that is missing, or shorter than it has to be, is refused', async () => {
  const { directory, app } = await exported(300);
  await rm(join(directory, 'tile/0/000'));
  expect(await refusalIn(await app.request('/tile/0/000'))).toEqual([404, 'tile-missing']);
  await writeFile(join(directory, 'tile/0/000'), new Uint8Array(100));
  expect(await refusalIn(await app.request('/tile/0/000'))).toEqual([500, 'unexpected']);
  await writeFile(join(directory, 'tile/entries/000'), new Uint8Array(100).fill(1));
  expect(await refusalIn(await app.request('/tile/entries/000'))).toEqual([500, 'unexpected']);
});
