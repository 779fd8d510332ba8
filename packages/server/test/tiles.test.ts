import { gunzipSync } from 'node:zlib';
import { formatTilePath, parseBundle, partialTiles, TILE_WIDTH, tileWidth } from '@vitrine/core';
import { Hono } from 'hono';
import { describe, expect, test } from 'vitest';
import type { ServerEnv } from '../src/observed.ts';
import { tileRoutes } from '../src/tiles.ts';
import { bytesOf, refusalIn, ServedLog, utf8 } from './support/served-log.ts';

// Every "MUST" of https://c2sp.org/tlog-tiles that a log can meet.

describe('a tile', () => {
  test('is served as it is, immutable, with its type and to any page', async () => {
    const served = await ServedLog.create();
    await served.fill(300);
    const response = await served.get('/tile/0/000');
    expect(response.status).toBe(200);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'application/octet-stream',
      'content-length': '8192',
      'cache-control': 'public, max-age=31536000, immutable',
      'access-control-allow-origin': '*',
    });
    const tile = await bytesOf(response);
    expect(tile).toEqual(await served.log.tile(0, 0, TILE_WIDTH));
    // Once more, from what is kept.
    expect(await bytesOf(await served.get('/tile/0/000'))).toEqual(tile);
  });

  test('of any width answers up to the signed size, also once the full one is there, and nothing beyond', async () => {
    const served = await ServedLog.create();
    await served.fill(600);
    for (const level of [0, 'entries'] as const) {
      for (const index of [0, 1, 2]) {
        for (const width of [1, 2, 86, 87, 88, 89, 90, 254, 255, 256]) {
          const response = await served.get(`/${formatTilePath({ level, index, width })}`);
          const isThere = width <= tileWidth(level, index, 600);
          expect([width, response.status]).toEqual([width, isThere ? 200 : 404]);
          if (isThere) expect(await bytesOf(response)).toEqual(await served.log.tile(level, index, width));
        }
      }
    }
    expect((await served.get('/tile/1/000.p/2')).status).toBe(200);
    for (const path of ['/tile/1/000', '/tile/1/000.p/3', '/tile/2/000.p/1', '/tile/0/003.p/1', '/tile/63/000']) {
      expect(await refusalIn(await served.get(path))).toEqual([404, 'log-range']);
    }
  });

  test('that is partial answers for each size that was ever signed', async () => {
    const served = await ServedLog.create();
    const sizes: number[] = [];
    for (const count of [1, 254, 1, 1, 255, 1]) {
      await served.fill(count);
      sizes.push(served.log.checkpoint().size);
    }
    for (const size of sizes) {
      for (const tile of partialTiles(size)) {
        expect((await served.get(`/${formatTilePath(tile)}`)).status).toBe(200);
        if (tile.level > 0) continue;
        const bundle = await bytesOf(await served.get(`/${formatTilePath({ ...tile, level: 'entries' })}`));
        expect(parseBundle(bundle, tile.width)).toHaveLength(tile.width);
      }
    }
  });

  test.each([
    '/tile/00/000',
    '/tile/0/00',
    '/tile/0/0000',
    '/tile/0/x000/000',
    '/tile/0/000.p/0',
    '/tile/0/000.p/01',
    '/tile/0/000.p/256',
    '/tile/0/000.p/1/',
    '/tile/0/000.p',
    '/tile/0/000/',
    '/tile/0//000',
    '/tile/64/000',
    '/tile/-1/000',
    '/tile/entries/1',
    '/tile/entries',
    '/tile/data/000',
    '/tile/0/x001/x234/67',
    '/tile/',
  ])('has one path, and %s is another', async (path) => {
    const served = await ServedLog.create();
    await served.fill(256);
    expect(await refusalIn(await served.get(path))).toEqual([404, 'tile-malformed']);
  });

  test.each(['/tile/%30/000', '/tile/0%2f000', '/tile/0%2F000', '/til%65/0/000', '/tile/0/000%00'])(
    'has no percent-encoding in its path: %s',
    async (path) => {
      const served = await ServedLog.create();
      await served.fill(256);
      expect(await refusalIn(await served.get(path))).toEqual([400, 'http-malformed']);
    },
  );

  test('is answered with 304 to who has it, and only to them', async () => {
    const served = await ServedLog.create();
    await served.fill(256);
    const etag = (await served.get('/tile/0/000')).headers.get('etag')!;
    expect(etag).toMatch(/^"[\w-]{20}"$/);
    for (const known of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
      const response = await served.get('/tile/0/000', { 'if-none-match': known });
      expect([response.status, await response.text()]).toEqual([304, '']);
      expect(response.headers.get('etag')).toBe(etag);
      expect(response.headers.get('cache-control')).toContain('immutable');
    }
    for (const other of ['"other"', etag.slice(1, -1), '']) {
      expect((await served.get('/tile/0/000', { 'if-none-match': other })).status).toBe(200);
    }
  });

  test('has another entity tag in another log', async () => {
    const [one, other] = await Promise.all([ServedLog.create(), ServedLog.create()]);
    await one.fill(1);
    await other.log.append(utf8('something else'));
    const tags = await Promise.all(
      [one, other].map(async (served) => (await served.get('/tile/0/000.p/1')).headers.get('etag')),
    );
    expect(tags[0]).not.toBe(tags[1]);
  });

  test('answers HEAD with the headers and without the bytes', async () => {
    const served = await ServedLog.create();
    await served.fill(256);
    const [get, head] = await Promise.all(
      ['GET', 'HEAD'].map((method) => served.app.request('/tile/0/000', { method })),
    );
    expect(await head!.text()).toBe('');
    expect(head!.headers.get('content-length')).toBe('8192');
    expect(head!.headers.get('etag')).toBe(get!.headers.get('etag'));
  });
});

describe('a full entry bundle', () => {
  test('is compressed for who accepts that, under another entity tag', async () => {
    const served = await ServedLog.create();
    await served.fill(256, 200);
    const plain = await served.get('/tile/entries/000');
    const bundle = await bytesOf(plain);
    expect(plain.headers.get('content-encoding')).toBeNull();
    expect(plain.headers.get('vary')).toBe('Accept-Encoding');
    for (const accepted of ['gzip', 'GZIP', 'br, gzip;q=0.5', '*', 'identity;q=0.1, *;q=0.2']) {
      const response = await served.get('/tile/entries/000', { 'accept-encoding': accepted });
      expect([accepted, response.headers.get('content-encoding')]).toEqual([accepted, 'gzip']);
      expect(response.headers.get('vary')).toBe('Accept-Encoding');
      const compressed = await bytesOf(response);
      expect(Number(response.headers.get('content-length'))).toBe(compressed.length);
      expect(compressed.length).toBeLessThan(bundle.length / 2);
      expect(new Uint8Array(gunzipSync(compressed))).toEqual(bundle);
      const etag = response.headers.get('etag')!;
      expect(etag).not.toBe(plain.headers.get('etag'));
      const known = { 'accept-encoding': accepted, 'if-none-match': etag };
      expect((await served.get('/tile/entries/000', known)).status).toBe(304);
    }
  });

  test.each(['', 'br', 'gzip;q=0', 'gzip; q=0.0, *', '*;q=0', 'gzipped'])(
    'is not compressed for who accepts "%s"',
    async (accepted) => {
      const served = await ServedLog.create();
      await served.fill(256, 200);
      const response = await served.get('/tile/entries/000', { 'accept-encoding': accepted });
      expect(response.headers.get('content-encoding')).toBeNull();
      expect(parseBundle(await bytesOf(response), 256)).toHaveLength(256);
    },
  );

  test('that does not become shorter is served as it is', async () => {
    const served = await ServedLog.create();
    const random = Array.from({ length: 256 }, () => crypto.getRandomValues(new Uint8Array(100)));
    for await (const _ of served.log.appendAll(random)) void _;
    const response = await served.get('/tile/entries/000', { 'accept-encoding': 'gzip' });
    expect(parseBundle(await bytesOf(response), 256)).toHaveLength(256);
  });

  test('is read once however many are asked for at once, and compressed when there is time', async () => {
    const reads = new Map<number, number>();
    const app = new Hono<ServerEnv>();
    tileRoutes(app, {
      signedSize: 10 * TILE_WIDTH,
      tile: async (_level, index) => {
        reads.set(index, (reads.get(index) ?? 0) + 1);
        return new Uint8Array(50_000).fill(index);
      },
    });
    const paths = Array.from({ length: 10 }, (_, index) => `/tile/entries/00${index}`);
    const codings = (): Promise<(string | null)[]> =>
      Promise.all(
        paths.map(async (path) => {
          const response = await app.request(path, { headers: { 'accept-encoding': 'gzip' } });
          return response.headers.get('content-encoding');
        }),
      );
    // The first one alone, because one is compressed at a time.
    expect(await codings()).toEqual(['gzip', ...Array(9).fill(null)]);
    for (let round = 0; round < 9; round++) await codings();
    expect(await codings()).toEqual(Array(10).fill('gzip'));
    expect([...reads.values()]).toEqual(Array(10).fill(1));
  });

  test('that many ask for at once is the same for all', async () => {
    const served = await ServedLog.create();
    await served.fill(512, 200);
    const paths = Array.from({ length: 20 }, (_, i) => `/tile/entries/00${i % 2}`);
    const responses = await Promise.all(paths.map((path) => served.get(path, { 'accept-encoding': 'gzip' })));
    for (const [i, response] of responses.entries()) {
      const bytes = await bytesOf(response);
      const isCompressed = response.headers.get('content-encoding') === 'gzip';
      const bundle = isCompressed ? new Uint8Array(gunzipSync(bytes)) : bytes;
      expect(bundle).toEqual(await served.log.tile('entries', i % 2, 256));
    }
  });
});
