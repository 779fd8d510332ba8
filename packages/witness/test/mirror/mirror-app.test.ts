import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { formatAddCheckpoint, openCheckpoint, parseSignatureLines, parseVkey, type VerifierKey } from '@vitrine/core';
import type { Log } from '@vitrine/core/log';
import type { Hono } from 'hono';
import { describe, expect, test } from 'vitest';
import { formatAddEntriesHeader } from '../../src/mirror/entry-package.ts';
import type { Mirror } from '../../src/mirror/mirror.ts';
import { type MirrorAppOptions, mirrorApp } from '../../src/mirror/mirror-app.ts';
import { MirrorClient } from '../../src/mirror/mirror-client.ts';
import { catchUp } from '../../src/mirror/pull.ts';
import { logSource } from '../../src/mirror/pull-source.ts';
import { pushEntries } from '../../src/mirror/push.ts';
import { originHash } from '../../src/witness/origin-hash.ts';
import { ORIGIN, schemes, TIME, text, utf8 } from '../support/logs.ts';
import { addSignatureLines } from '../support/notes.ts';
import { append, createLog, createMirror, entriesOf, INDEX_KEYS, LOG_VKEY, MAPPING, MIRROR_KEYS } from './support.ts';

const statements = (count: number, from = 0): Uint8Array[] =>
  Array.from({ length: count }, (_, i) => utf8(`stream s${(from + i) % 5} ${from + i}`));

/** A request to add the newest checkpoint of a log, or an earlier one. */
async function addition(log: Log, oldSize: number, note: Uint8Array = log.checkpoint().note): Promise<Uint8Array> {
  const { size } = openCheckpoint(note, { origin: ORIGIN, keys: [parseVkey(LOG_VKEY)] }).checkpoint;
  const { proof } = await log.proveConsistency(Math.min(oldSize, size), size);
  return formatAddCheckpoint({ oldSize, proof: oldSize > size ? [] : proof, checkpoint: note });
}

const post = async (
  app: Hono,
  path: string,
  body: Uint8Array,
  headers: Record<string, string> = {},
): Promise<Response> => app.request(path, { method: 'POST', body: body as Uint8Array<ArrayBuffer>, headers });

const ENTRIES = { 'content-type': 'application/octet-stream' };

/** That the answer has valid cosignatures of a checkpoint by exactly these keys. Their times. */
async function expectCosigned(response: Response, note: Uint8Array, keys: readonly VerifierKey[]): Promise<void> {
  expect(response.status).toBe(200);
  const lines = parseSignatureLines(new Uint8Array(await response.arrayBuffer()));
  expect(lines.map(({ keyId }) => keyId).sort()).toEqual(keys.map(({ keyId }) => keyId).sort());
  openCheckpoint(addSignatureLines(note, lines), {
    origin: ORIGIN,
    keys: [parseVkey(LOG_VKEY)],
    cosigners: keys,
    schemes,
  });
}

const vkeys = (cosigners: typeof MIRROR_KEYS): VerifierKey[] => cosigners.map(({ vkey }) => vkey);

describe('add-checkpoint of a mirror', () => {
  test('keeps the pending checkpoint with its signature, and cosigns nothing', async () => {
    const log = await createLog(entriesOf(10));
    const mirror = await createMirror({ keys: MIRROR_KEYS });
    let woken = 0;
    const app = mirrorApp({ mirror, onPending: () => woken++ });
    const response = await post(app, '/add-checkpoint', await addition(log, 0));
    expect([response.status, await response.text()]).toEqual([200, '']);
    expect((await mirror.pending.newest())?.note).toEqual(log.checkpoint().note);
    expect(mirror.replica.published()).toBeUndefined();
    expect(woken).toBe(1);
  });

  test('wakes whoever pulls until the entries are there, and not for what is published', async () => {
    const log = await createLog(entriesOf(10));
    const mirror = await createMirror({ keys: MIRROR_KEYS });
    let woken = 0;
    const app = mirrorApp({ mirror, onPending: () => woken++ });
    await post(app, '/add-checkpoint', await addition(log, 0));
    await post(app, '/add-checkpoint', await addition(log, 10));
    expect(woken).toBe(2);
    await catchUp(mirror, { source: logSource(log) });
    expect((await post(app, '/add-checkpoint', await addition(log, 10))).status).toBe(200);
    expect(woken).toBe(2);
  });

  test.each<[number, string, (log: Log) => Promise<Uint8Array>]>([
    [400, 'a request that is none', async () => utf8('old 0\n')],
    [400, 'an old size above the new one', (log) => addition(log, 11)],
    [
      403,
      'a checkpoint that the log has not signed',
      async (log) => {
        const note = text(log.checkpoint().note).replace('\n10\n', '\n11\n');
        return formatAddCheckpoint({ oldSize: 0, proof: [], checkpoint: utf8(note) });
      },
    ],
    [
      404,
      'a log that is not mirrored',
      async (log) => {
        const note = text(log.checkpoint().note).replace(/^.*\n/, 'example.com/other\n');
        return formatAddCheckpoint({ oldSize: 0, proof: [], checkpoint: utf8(note) });
      },
    ],
    [409, 'an old size that is not the pending one', (log) => addition(log, 5)],
    [413, 'a body that is too long', async () => new Uint8Array(3_000_000)],
  ])('answers %i to %s', async (status, _, request) => {
    const log = await createLog(entriesOf(10));
    const mirror = await createMirror();
    expect((await post(mirrorApp({ mirror }), '/add-checkpoint', await request(log))).status).toBe(status);
    expect(await mirror.pending.all()).toEqual([]);
  });

  test('answers 409 with the size of the pending checkpoint, not of the one that is published', async () => {
    const log = await createLog(entriesOf(10));
    const mirror = await createMirror();
    const app = mirrorApp({ mirror });
    await post(app, '/add-checkpoint', await addition(log, 0));
    await append(log, entriesOf(5, 10));
    const response = await post(app, '/add-checkpoint', await addition(log, 0));
    expect([response.status, response.headers.get('content-type'), await response.text()]).toEqual([
      409,
      'text/x.tlog.size',
      '10\n',
    ]);
    expect((await post(app, '/add-checkpoint', await addition(log, 10))).status).toBe(200);
  });

  test('answers 422 to another tree, keeps it as evidence, and stays on its own', async () => {
    const log = await createLog(entriesOf(10));
    const other = await createLog([...entriesOf(5), ...entriesOf(20, 50)]);
    const found: string[] = [];
    const mirror = await createMirror({ onFinding: ({ kind }) => found.push(kind) });
    const app = mirrorApp({ mirror });
    await post(app, '/add-checkpoint', await addition(log, 0));
    expect((await post(app, '/add-checkpoint', await addition(other, 10))).status).toBe(422);
    expect(found).toEqual(['unproven']);
    await append(log, entriesOf(5, 10));
    expect((await post(app, '/add-checkpoint', await addition(log, 10))).status).toBe(200);
  });
});

describe('add-entries over HTTP', () => {
  async function served(
    count = 600,
  ): Promise<{ log: Log; mirror: Mirror; app: Hono; upload: () => Promise<Uint8Array> }> {
    const log = await createLog(entriesOf(count));
    const mirror = await createMirror({ keys: MIRROR_KEYS });
    const app = mirrorApp({ mirror });
    await post(app, '/add-checkpoint', await addition(log, 0));
    const upload = async (): Promise<Uint8Array> => {
      let body: Uint8Array | undefined;
      const client = {
        addCheckpoint: async () => ({ status: 200, body: new Uint8Array(0) }),
        addEntries: async (sent: Uint8Array) => {
          if (body === undefined && sent.length < 100) return { status: 409, body: utf8(`${count}\n0\n\n`) };
          body = sent;
          return { status: 400, body: new Uint8Array(0) };
        },
      };
      await pushEntries(log, { client: client as unknown as MirrorClient, keys: [] }).catch(() => {});
      return body!;
    };
    return { log, mirror, app, upload };
  }

  test('takes a request as it is, and compressed', async () => {
    for (const headers of [
      ENTRIES,
      { ...ENTRIES, 'content-encoding': 'gzip' },
      { 'content-type': 'Application/Octet-Stream', 'content-encoding': 'GZIP' },
    ]) {
      const { log, app, upload } = await served();
      const body = await upload();
      const response = await post(app, '/add-entries', 'content-encoding' in headers ? gzipSync(body) : body, headers);
      expect(response.headers.get('accept-encoding')).toBe('gzip');
      expect(response.headers.get('content-type')).toBe('text/plain; charset=utf-8');
      await expectCosigned(response, log.checkpoint().note, vkeys(MIRROR_KEYS));
    }
  });

  test('refuses what is no octets, or compressed in another way', async () => {
    const { app, upload } = await served();
    const body = await upload();
    for (const headers of [{}, { 'content-type': 'text/plain' }, { ...ENTRIES, 'content-encoding': 'br' }]) {
      const response = await post(app, '/add-entries', body, headers as Record<string, string>);
      expect([response.status, response.headers.get('accept-encoding')]).toEqual([415, 'gzip']);
    }
  });

  test('tells with 202 and 409 what the mirror has', async () => {
    const { mirror, app, upload } = await served();
    const body = await upload();
    const part = await post(app, '/add-entries', body.slice(0, 4_000), ENTRIES);
    expect([part.status, part.headers.get('content-type'), await part.text()]).toEqual([
      202,
      'text/x.tlog.mirror-info',
      '600\n256\n\n',
    ]);
    const ahead = formatAddEntriesHeader({ origin: ORIGIN, start: 300, end: 600, ticket: new Uint8Array(0) });
    const conflict = await post(app, '/add-entries', ahead, ENTRIES);
    expect([conflict.status, conflict.headers.get('content-type'), await conflict.text()]).toEqual([
      409,
      'text/x.tlog.mirror-info',
      '600\n256\n\n',
    ]);
    expect(mirror.replica.next).toBe(256);
  });

  test('answers before the body has come to its end, where that is clear', async () => {
    const { app, upload } = await served();
    const body = await upload();
    for (const [bytes, status] of [
      [formatAddEntriesHeader({ origin: 'example.com/other', start: 0, end: 600, ticket: new Uint8Array(0) }), 404],
      [formatAddEntriesHeader({ origin: ORIGIN, start: 300, end: 600, ticket: new Uint8Array(0) }), 409],
      [body.map((byte, i) => (i === 3_000 ? byte ^ 1 : byte)), 422],
    ] as const) {
      let cancelled = false;
      // It never ends.
      const endless = new ReadableStream<Uint8Array>({
        start: (controller) => controller.enqueue(bytes as Uint8Array),
        cancel: () => {
          cancelled = true;
        },
      });
      const response = await app.request('/add-entries', {
        method: 'POST',
        body: endless,
        headers: ENTRIES,
        duplex: 'half',
      } as RequestInit);
      expect(response.status).toBe(status);
      expect(cancelled).toBe(true);
    }
  });

  test('expands no more than it needs to see that a request is wrong', async () => {
    const { app } = await served();
    const header = formatAddEntriesHeader({ origin: ORIGIN, start: 0, end: 600, ticket: new Uint8Array(0) });
    const bomb = gzipSync(Buffer.concat([header, Buffer.alloc(200_000_000, 1)]));
    expect(bomb.length).toBeLessThan(250_000);
    let pulled = 0;
    const stream = new ReadableStream<Uint8Array>({
      pull: (controller) => {
        const chunk = bomb.subarray(pulled, pulled + 1024);
        pulled += chunk.length;
        if (chunk.length === 0) controller.close();
        else controller.enqueue(new Uint8Array(chunk));
      },
    });
    const response = await app.request('/add-entries', {
      method: 'POST',
      body: stream,
      headers: { ...ENTRIES, 'content-encoding': 'gzip' },
      duplex: 'half',
    } as RequestInit);
    expect(response.status).toBe(422);
    // What streams read ahead is 16 kB on Node 20 and 64 kB since Node 22, more than once on the way.
    expect(pulled).toBeLessThan(0.75 * bomb.length);
  });

  test('a body whose compression is broken is one that ends there', async () => {
    const { app, upload } = await served();
    const compressed = gzipSync(await upload());
    const broken = await post(app, '/add-entries', compressed.subarray(0, 200), {
      ...ENTRIES,
      'content-encoding': 'gzip',
    });
    expect(broken.status).toBe(400);
    const none = await post(app, '/add-entries', utf8('no gzip'), { ...ENTRIES, 'content-encoding': 'gzip' });
    expect(none.status).toBe(400);
  });

  /** An upload whose client sends what it is told to. */
  function slowUpload(
    app: Hono,
    headers = ENTRIES,
  ): { send(bytes: Uint8Array): void; close(): void; answer: Promise<Response> } {
    let controller!: ReadableStreamDefaultController<Uint8Array>;
    const body = new ReadableStream<Uint8Array>({
      start: (started) => {
        controller = started;
      },
    });
    const init = { method: 'POST', body, headers, duplex: 'half' } as RequestInit;
    return {
      send: (bytes) => controller.enqueue(bytes),
      close: () => controller.close(),
      answer: Promise.resolve(app.request('/add-entries', init)),
    };
  }

  test.each([undefined, 'gzip'])(
    'drops uploads that wait for their clients where there is no room for another (content encoding %s)',
    async (encoding) => {
      const { log, app, upload } = await served();
      const headers = { ...ENTRIES, ...(encoding && { 'content-encoding': encoding }) };
      const paused = Array.from({ length: 16 }, () => slowUpload(app, headers));
      await sleep(50);
      await expectCosigned(
        await post(app, '/add-entries', await upload(), ENTRIES),
        log.checkpoint().note,
        vkeys(MIRROR_KEYS),
      );
      const dropped = await paused[0]!.answer;
      expect([dropped.status, dropped.headers.get('retry-after')]).toEqual([503, '1']);
      for (const { close } of paused.slice(1)) close();
      const rest = await Promise.all(paused.slice(1).map(({ answer }) => answer));
      expect(rest.map(({ status }) => status)).toEqual(new Array(15).fill(400));
      expect((await post(app, '/add-entries', new Uint8Array(0), ENTRIES)).status).toBe(400);
    },
  );

  test('drops those first from which no package has come for longest, and tells them where to go on', async () => {
    const { mirror, app, upload } = await served();
    const body = await upload();
    const uploads = Array.from({ length: 16 }, () => slowUpload(app));
    await sleep(50);
    // One package and a part of the next.
    uploads[0]!.send(body.slice(0, 4_000));
    await expect.poll(() => mirror.replica.next).toBe(256);
    const more = Array.from({ length: 15 }, () => slowUpload(app));
    const dropped = await Promise.all(uploads.slice(1).map(({ answer }) => answer));
    expect(dropped.map(({ status }) => status)).toEqual(new Array(15).fill(503));
    more.push(slowUpload(app));
    const first = await uploads[0]!.answer;
    expect([first.status, await first.text()]).toEqual([202, '600\n256\n\n']);
    for (const { close } of more) close();
    expect((await Promise.all(more.map(({ answer }) => answer))).map(({ status }) => status)).toEqual(
      new Array(16).fill(400),
    );
  });

  test('says 503 where all uploads wait for the mirror', async () => {
    const log = await createLog(entriesOf(10));
    let go!: () => void;
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    const [key] = MIRROR_KEYS;
    const sign = (message: Uint8Array): Promise<Uint8Array> => gate.then(() => key!.sign(message));
    const mirror = await createMirror({ keys: [{ vkey: key!.vkey, sign }] });
    const app = mirrorApp({ mirror });
    await post(app, '/add-checkpoint', await addition(log, 0));
    await mirror.replica.extend(entriesOf(10), 0);
    const whole = formatAddEntriesHeader({ origin: ORIGIN, start: 10, end: 10, ticket: new Uint8Array(0) });
    const waiting = Array.from({ length: 16 }, () => post(app, '/add-entries', whole, ENTRIES));
    // Until all of them have been read.
    await sleep(500);
    const more = await post(app, '/add-entries', whole, ENTRIES);
    expect([more.status, more.headers.get('retry-after')]).toEqual([503, '1']);
    go();
    expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual(new Array(16).fill(200));
  });
});

describe('pushing a log to a mirror', () => {
  function clientOf(app: Hono, requests: [string, number][] = []): MirrorClient {
    const request: unknown = async (url: string, init: RequestInit) => {
      const { pathname } = new URL(url);
      const response = await app.request(pathname, init);
      requests.push([pathname, response.status]);
      return response;
    };
    return new MirrorClient({ url: 'http://mirror.example', fetch: request as typeof fetch, backoff: 1 });
  }

  test('sends at most 32 packages in a request, until the mirror has all of them, and gets its cosignatures', async () => {
    const log = await createLog(entriesOf(20_000));
    const mirror = await createMirror({ keys: MIRROR_KEYS });
    const requests: [string, number][] = [];
    const progress: number[] = [];
    const client = clientOf(mirrorApp({ mirror }), requests);
    const { cosignatures } = await pushEntries(log, {
      client,
      keys: vkeys(MIRROR_KEYS),
      onProgress: (done) => progress.push(done),
    });
    expect(cosignatures).toHaveLength(2);
    expect(progress).toEqual([8192, 16384]);
    expect(requests).toEqual([
      ['/add-checkpoint', 200],
      ['/add-entries', 409],
      ['/add-entries', 202],
      ['/add-entries', 202],
      ['/add-entries', 200],
    ]);
    expect(mirror.replica.root).toEqual(log.root);
    // The log can publish them.
    await log.publish(addSignatureLines(log.checkpoint().note, cosignatures));
    expect(log.cosignedCheckpoint()?.size).toBe(20_000);
    await append(log, entriesOf(3, 20_000));
    requests.length = 0;
    await pushEntries(log, { client, keys: vkeys(MIRROR_KEYS) });
    expect(requests.map(([, status]) => status)).toEqual([409, 200, 409, 200]);
    expect(mirror.replica.checkpoint().size).toBe(20_003);
  });

  test('goes on where another push was cut off', async () => {
    const log = await createLog(entriesOf(3_000));
    const mirror = await createMirror({ keys: MIRROR_KEYS });
    const app = mirrorApp({ mirror });
    const requests: [string, number][] = [];
    await pushEntries(log, {
      client: {
        addCheckpoint: (body: Uint8Array) => clientOf(app).addCheckpoint(body),
        addEntries: async (body: Uint8Array) => {
          const answer = await clientOf(app).addEntries(body.slice(0, 8_000));
          if (answer.status === 202) throw new Error('cut off');
          return answer;
        },
      } as unknown as MirrorClient,
      keys: [],
    }).catch(() => {});
    expect(mirror.replica.next).toBe(512);
    await pushEntries(log, { client: clientOf(app, requests), keys: vkeys(MIRROR_KEYS) });
    expect(mirror.replica.root).toEqual(log.root);
    expect(requests.filter(([path]) => path === '/add-entries').map(([, status]) => status)).toEqual([409, 200]);
  });

  test('is refused where the mirror has another tree, or a larger one', async () => {
    const log = await createLog(entriesOf(300));
    const mirror = await createMirror({ keys: MIRROR_KEYS });
    const client = clientOf(mirrorApp({ mirror }));
    await pushEntries(log, { client, keys: vkeys(MIRROR_KEYS) });
    const options = { client, keys: vkeys(MIRROR_KEYS) };
    for (const other of [
      await createLog(entriesOf(400, 1000)),
      await createLog(entriesOf(300, 1000)),
      await createLog(entriesOf(100)),
    ]) {
      await expect(pushEntries(other, options)).rejects.toMatchObject({ code: 'mirror-refused' });
    }
    expect(mirror.replica.root).toEqual(log.root);
  });

  test('gives up where the mirror says again and again that it has more to take, and is no further', async () => {
    const log = await createLog(entriesOf(600));
    let asked = 0;
    const stuck: unknown = async (url: string) => {
      if (url.endsWith('add-checkpoint')) return new Response(null, { status: 200 });
      if (++asked > 100) throw new Error('asked for ever');
      return new Response('600\n0\n\n', { status: 202, headers: { 'content-type': 'text/x.tlog.mirror-info' } });
    };
    const client = new MirrorClient({ url: 'http://mirror.example', fetch: stuck as typeof fetch });
    const progress: number[] = [];
    const pushing = pushEntries(log, { client, keys: vkeys(MIRROR_KEYS), onProgress: (done) => progress.push(done) });
    await expect(pushing).rejects.toMatchObject({ code: 'mirror-refused' });
    expect(progress).toEqual([]);
  });

  test('takes no signatures but those of the keys that it knows, and those have to be right', async () => {
    const log = await createLog(entriesOf(10));
    const mirror = await createMirror({ keys: MIRROR_KEYS });
    const app = mirrorApp({ mirror });
    await expect(pushEntries(log, { client: clientOf(app), keys: vkeys(INDEX_KEYS) })).rejects.toMatchObject({
      code: 'mirror-signature',
    });
    const { cosignatures } = await pushEntries(log, { client: clientOf(app), keys: vkeys(MIRROR_KEYS).slice(0, 1) });
    expect(cosignatures.map(({ keyId }) => keyId)).toEqual([MIRROR_KEYS[0]!.vkey.keyId]);
    const spoilt = {
      addCheckpoint: (body: Uint8Array) => clientOf(app).addCheckpoint(body),
      addEntries: async (body: Uint8Array) => {
        const answer = await clientOf(app).addEntries(body);
        const lines = text(answer.body).replace(
          /([A-Za-z])([^\n]{20})\n/,
          (_, a: string, b: string) => `${a === 'A' ? 'B' : 'A'}${b}\n`,
        );
        return answer.status === 200 ? { ...answer, body: utf8(lines) } : answer;
      },
    } as unknown as MirrorClient;
    await expect(pushEntries(log, { client: spoilt, keys: vkeys(MIRROR_KEYS) })).rejects.toMatchObject({
      code: 'mirror-signature',
    });
  });

  test('asks a mirror again that is busy or cannot be reached, and gives up at some point', async () => {
    const log = await createLog(entriesOf(10));
    const mirror = await createMirror({ keys: MIRROR_KEYS });
    const app = mirrorApp({ mirror });
    let failures = 3;
    const flaky: unknown = async (url: string, init: RequestInit) => {
      if (failures-- > 0) {
        if (failures === 1) throw new TypeError('fetch failed', { cause: new Error('connect ECONNREFUSED') });
        return new Response('', { status: 503, headers: { 'retry-after': '0' } });
      }
      return app.request(new URL(url).pathname, init);
    };
    const client = new MirrorClient({ url: 'http://mirror.example/', fetch: flaky as typeof fetch, backoff: 1 });
    await pushEntries(log, { client, keys: vkeys(MIRROR_KEYS) });
    failures = 100;
    await expect(pushEntries(log, { client, keys: [] })).rejects.toMatchObject({ code: 'mirror-refused' });
    expect(() => new MirrorClient({ url: 'ftp://x', fetch })).toThrow(RangeError);
  });
});

describe('a mirror that vouches for the index', () => {
  async function served(
    options: Partial<MirrorAppOptions> = {},
  ): Promise<{ log: Log; mirror: Mirror; app: Hono; failures: unknown[] }> {
    const log = await createLog(statements(20), { indexed: true });
    let now = TIME;
    const mirror = await createMirror({ keys: MIRROR_KEYS, indexKeys: INDEX_KEYS, mapping: MAPPING, now: () => now++ });
    const failures: unknown[] = [];
    const app = mirrorApp({
      mirror,
      onPending: () => void catchUp(mirror, { source: logSource(log) }).catch((error: unknown) => failures.push(error)),
      waitTimeout: 5_000,
      ...options,
    });
    return { log, mirror, app, failures };
  }

  test('cosigns what it was shown once it has copied it and derived its index', async () => {
    const { log, mirror, app } = await served();
    const response = await post(app, '/add-checkpoint', await addition(log, 0));
    await expectCosigned(response, log.checkpoint().note, vkeys(INDEX_KEYS));
    expect(mirror.replica.root).toEqual(log.root);
    // Again, for an agent that wants to know that it is still the newest: with a new time.
    const again = await post(app, '/add-checkpoint', await addition(log, log.size));
    await expectCosigned(again, log.checkpoint().note, vkeys(INDEX_KEYS));
    await append(log, statements(5, 20));
    await expectCosigned(
      await post(app, '/add-checkpoint', await addition(log, mirror.replica.size)),
      log.checkpoint().note,
      vkeys(INDEX_KEYS),
    );
  });

  test('shows it below a prefix of its own, and with the mirror’s checkpoint', async () => {
    const { log, mirror, app } = await served();
    const path = `/index/${originHash(ORIGIN)}/checkpoint`;
    expect((await app.request(path)).status).toBe(404);
    await post(app, '/add-checkpoint', await addition(log, 0));
    const response = await app.request(path);
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/plain; charset=utf-8']);
    const shown = new Uint8Array(await response.arrayBuffer());
    const options = { origin: ORIGIN, keys: [parseVkey(LOG_VKEY)], schemes };
    const opened = openCheckpoint(shown, { ...options, cosigners: vkeys(INDEX_KEYS) });
    expect(opened.note.verified).toHaveLength(2);
    expect(opened.note.unverified).toEqual([]);
    const own = openCheckpoint(mirror.replica.checkpoint().note, {
      ...options,
      cosigners: [...vkeys(MIRROR_KEYS), ...vkeys(INDEX_KEYS)],
    });
    expect(own.note.verified).toHaveLength(4);
  });

  test('says 503 while it has not copied it, and cosigns it when it is asked again', async () => {
    const { log, mirror, app } = await served({ onPending: undefined, waitTimeout: 20 });
    const response = await post(app, '/add-checkpoint', await addition(log, 0));
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '1']);
    expect(((await response.json()) as { code: string }).code).toBe('mirror-behind');
    expect(mirror.replica.published()).toBeUndefined();
    await catchUp(mirror, { source: logSource(log) });
    const again = await post(app, '/add-checkpoint', await addition(log, log.size));
    await expectCosigned(again, log.checkpoint().note, vkeys(INDEX_KEYS));
  });

  test('says 409 of one that a larger one has overtaken', async () => {
    const { log, mirror, app } = await served({ onPending: undefined });
    const earlier = post(app, '/add-checkpoint', await addition(log, 0));
    while ((await mirror.pending.newest()) === undefined) await new Promise((resolve) => setTimeout(resolve, 1));
    const size = log.size;
    await append(log, statements(5, 20));
    const later = post(app, '/add-checkpoint', await addition(log, size));
    while ((await mirror.pending.newest())?.size === size) await new Promise((resolve) => setTimeout(resolve, 1));
    await catchUp(mirror, { source: logSource(log) });
    const [first, second] = await Promise.all([earlier, later]);
    expect([first.status, await first.text()]).toEqual([409, `${log.size}\n`]);
    await expectCosigned(second, log.checkpoint().note, vkeys(INDEX_KEYS));
  });

  test('lets nobody wait for what it knows to be false', async () => {
    const log = await createLog(statements(20), { indexed: true });
    // To this mirror no entry is in the index, so the log's is false.
    const mirror = await createMirror({ keys: MIRROR_KEYS, indexKeys: INDEX_KEYS, mapping: () => undefined });
    const app = mirrorApp({ mirror, waitTimeout: 3_600_000 });
    await mirror.pending.add(await addition(log, 0));
    await expect(catchUp(mirror, { source: logSource(log) })).rejects.toMatchObject({ code: 'index-false' });
    const response = await post(app, '/add-checkpoint', await addition(log, log.size));
    expect(response.status).toBe(503);
    expect(((await response.json()) as { detail: string }).detail).toContain('is an index entry that has another root');
  });

  test('cosigns nothing of a log that lies in its index, and names the entry', async () => {
    const log = await createLog([utf8('stream a 1'), utf8('stream a 2')]);
    const { mirror, app, failures } = await served({
      waitTimeout: 100,
      onPending: undefined,
    });
    const response = post(app, '/add-checkpoint', await addition(log, 0));
    while ((await mirror.pending.newest()) === undefined) await new Promise((resolve) => setTimeout(resolve, 1));
    await expect(catchUp(mirror, { source: logSource(log) })).rejects.toMatchObject({
      code: 'index-false',
      message: expect.stringContaining('entry 1'),
    });
    expect((await response).status).toBe(503);
    expect((await app.request(`/index/${originHash(ORIGIN)}/checkpoint`)).status).toBe(404);
    expect(mirror.replica.published()).toBeUndefined();
    expect(failures).toEqual([]);
  });
});
