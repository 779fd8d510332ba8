import { getEventListeners } from 'node:events';
import { formatBundle, leafHash } from '@vitrine/core';
import type { Log, LogCheckpoint } from '@vitrine/core/log';
import { describe, expect, test } from 'vitest';
import type { AppendingLog } from '../src/appender.ts';
import { Metrics } from '../src/metrics.ts';
import type { Publishing } from '../src/publishing.ts';
import { problemIn, refusalIn, ServedLog, STRANGER, utf8, VENDOR } from './support/served-log.ts';

const BUILD = {
  type: 'source',
  product: 'tool',
  version: '1',
  revision: 'r1',
  tree: { root: new Uint8Array(32), files: 1, size: 1 },
} as const;

describe('adding an entry', () => {
  test('answers its index once it is durable', async () => {
    const served = await ServedLog.create();
    await served.fill(2);
    const response = await served.post('/add', 'an entry');
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/plain; charset=utf-8']);
    expect(await response.text()).toBe('2\n');
    expect(await served.log.entry(2)).toEqual(utf8('an entry'));
    // Again.
    expect(await (await served.post('/add', 'an entry')).text()).toBe('2\n');
    expect(served.log.size).toBe(3);
  });

  test('takes any bytes, up to the largest entry', async () => {
    const served = await ServedLog.create();
    const largest = new Uint8Array(65_535).fill(0xff);
    expect(await (await served.post('/add', largest)).text()).toBe('0\n');
    expect(await served.log.entry(0)).toEqual(largest);
    expect(await refusalIn(await served.post('/add', new Uint8Array(65_536)))).toEqual([413, 'http-too-large']);
    expect(served.log.size).toBe(1);
  });

  test.each([[[1]], [[3, 1]], [[1, 1, 1, 1, 1, 1, 1]], [[1, 40_000, 1, 25_533]], [[0, 5, 0, 300, 2]]])(
    'takes one that comes in chunks of %j bytes',
    async (lengths) => {
      const served = await ServedLog.create();
      // Parts of something larger, as they may be anywhere.
      const all = new Uint8Array(100_000).map((_, i) => i % 251);
      const chunks = lengths.map((length, i) => all.subarray(10 * i, 10 * i + length));
      const body = new ReadableStream<Uint8Array>({
        start(controller) {
          for (const chunk of chunks) controller.enqueue(chunk);
          controller.close();
        },
      });
      const init = { method: 'POST', body, duplex: 'half' } as RequestInit;
      expect((await served.app.request('/add', init)).status).toBe(200);
      expect(Buffer.from(await served.log.entry(0))).toEqual(Buffer.concat(chunks));
    },
  );

  test.each([
    ['an empty body', '', {}, [400, 'entry-empty']],
    [
      'what only the log writes',
      Uint8Array.of(0xa1, 0x64, 0x74, 0x79, 0x70, 0x65, 0x65, 0x69, 0x6e, 0x64, 0x65, 0x78),
      {},
      [400, 'entry-reserved'],
    ],
    ['a compressed body', 'x', { 'content-encoding': 'gzip' }, [415, 'http-encoding']],
  ] as const)('refuses %s', async (_, body, headers, expected) => {
    const served = await ServedLog.create();
    expect(await refusalIn(await served.post('/add', body, headers))).toEqual(expected);
    expect(served.log.size).toBe(0);
  });

  test.each(['?wait=', '?wait=forever', '?wiat=witnessed', '?wait=witnessed&wait=witnessed'])(
    'refuses the query %s',
    async (query) => {
      const served = await ServedLog.create();
      expect(await refusalIn(await served.post(`/add${query}`, 'x'))).toEqual([400, 'http-malformed']);
      expect(served.log.size).toBe(0);
    },
  );

  test('refuses everything where the log is only read', async () => {
    const served = await ServedLog.create({ readOnly: true });
    for (const path of ['/add', '/add-batch']) {
      expect(await refusalIn(await served.post(path, 'x'))).toEqual([403, 'log-read-only']);
    }
  });
});

describe('adding a batch', () => {
  test('answers an index for each entry, in order, also of those that are there', async () => {
    const served = await ServedLog.create();
    await served.log.append(utf8('b'));
    const response = await served.post('/add-batch', formatBundle(['a', 'b', 'c', 'a'].map(utf8)));
    expect(await response.text()).toBe('1\n0\n2\n1\n');
    expect(served.log.size).toBe(3);
  });

  test('takes 4,096 entries, and not one more', async () => {
    const served = await ServedLog.create();
    const entries = Array.from({ length: 4097 }, (_, i) => utf8(`${i}`));
    expect(await refusalIn(await served.post('/add-batch', formatBundle(entries)))).toEqual([413, 'http-too-large']);
    expect(served.log.size).toBe(0);
    const response = await served.post('/add-batch', formatBundle(entries.slice(1)));
    expect((await response.text()).split('\n')).toHaveLength(4097);
    expect(served.log.size).toBe(4096);
  });

  test('takes 2 MiB, and not one byte more', async () => {
    const served = await ServedLog.create();
    const entries = Array.from({ length: 32 }, (_, i) => new Uint8Array(65_534).fill(i));
    const full = formatBundle(entries);
    expect(full.length).toBe(2 ** 21);
    expect((await served.post('/add-batch', full)).status).toBe(200);
    const more = formatBundle([...entries.slice(1), new Uint8Array(65_535)]);
    expect(await refusalIn(await served.post('/add-batch', more))).toEqual([413, 'http-too-large']);
  });

  test.each([
    ['nothing', new Uint8Array(0), 'bundle-malformed'],
    ['half a length', Uint8Array.of(0, 1, 7, 0), 'bundle-malformed'],
    ['an entry that ends early', Uint8Array.of(0, 1, 7, 0, 2, 7), 'bundle-malformed'],
    ['an empty entry', Uint8Array.of(0, 1, 7, 0, 0), 'bundle-malformed'],
    [
      'an entry that only the log writes',
      formatBundle([utf8('x'), Uint8Array.of(0xa1, 0x64, 0x74, 0x79, 0x70, 0x65, 0x65, 0x69, 0x6e, 0x64, 0x65, 0x78)]),
      'entry-reserved',
    ],
  ])('refuses %s, and takes nothing', async (_, body, code) => {
    const served = await ServedLog.create();
    expect(await refusalIn(await served.post('/add-batch', body))).toEqual([400, code]);
    expect(served.log.size).toBe(0);
  });
});

describe('a log of statements', () => {
  test('takes what its admission takes, from anybody, and says why it does not', async () => {
    const served = await ServedLog.create({ kind: 'statements' });
    const statement = await served.sign(BUILD);
    expect(await refusalIn(await served.post('/add', statement))).toEqual([403, 'admission-key']);
    await served.admitVendor();
    const response = await served.post('/add', statement);
    expect(await response.text()).toBe('2\n');
    expect(await served.log.indexOf(leafHash(statement))).toBe(2);
    expect(await refusalIn(await served.post('/add', await served.sign(BUILD, STRANGER)))).toEqual([
      403,
      'admission-key',
    ]);
    expect(await refusalIn(await served.post('/add', await served.sign(BUILD, VENDOR, 'elsewhere')))).toEqual([
      403,
      'admission-audience',
    ]);
    const forged = statement.slice();
    forged[forged.length - 1]! ^= 1;
    expect(await refusalIn(await served.post('/add', forged))).toEqual([403, 'statement-signature']);
    expect(await refusalIn(await served.post('/add', 'no statement'))).toEqual([400, 'statement-malformed']);
    expect(served.log.size).toBe(4);
  });

  test('takes a batch whole or not at all', async () => {
    const served = await ServedLog.create({ kind: 'statements' });
    await served.admitVendor();
    const good = await served.sign(BUILD);
    const bad = await served.sign(BUILD, STRANGER);
    expect(await refusalIn(await served.post('/add-batch', formatBundle([good, bad])))).toEqual([403, 'admission-key']);
    expect(served.log.size).toBe(2);
    expect(await (await served.post('/add-batch', formatBundle([good]))).text()).toBe('2\n');
  });
});

describe('a token', () => {
  const tokens = { nameOf: async (token: string) => (token === 'right' ? 'ci' : undefined) };

  test('lets its bearer append', async () => {
    const served = await ServedLog.create({ admitting: tokens });
    expect(await (await served.post('/add', 'x', { authorization: 'Bearer right' })).text()).toBe('0\n');
    expect((await served.post('/add-batch', formatBundle([utf8('y')]), { authorization: 'bearer right' })).status).toBe(
      200,
    );
  });

  test.each([
    undefined,
    'Bearer wrong',
    'Bearer ',
    'right',
    'Basic right',
    'Bearer right right',
    `Bearer ${'x'.repeat(300)}`,
  ])('is missing in "%s"', async (authorization) => {
    const served = await ServedLog.create({ admitting: tokens });
    for (const path of ['/add', '/add-batch']) {
      const response = await served.post(
        path,
        formatBundle([utf8('x')]),
        authorization === undefined ? {} : { authorization },
      );
      expect(response.headers.get('www-authenticate')).toBe('Bearer');
      expect(await refusalIn(response)).toEqual([401, 'token-missing']);
    }
    expect(served.log.size).toBe(0);
  });
});

/** A publishing that a test moves. */
class ManualPublishing implements Publishing {
  #waiting: (() => void)[] = [];
  #size = 0;
  refused: Error | undefined;

  published(): LogCheckpoint {
    return { size: this.#size, root: new Uint8Array(32), note: new Uint8Array() };
  }

  publish(size: number): void {
    this.#size = size;
    for (const wake of this.#waiting.splice(0)) wake();
  }

  async waitFor(size: number, signal: AbortSignal): Promise<LogCheckpoint> {
    while (this.#size < size) {
      await new Promise<void>((resolve, reject) => {
        signal.throwIfAborted();
        signal.addEventListener('abort', () => reject(signal.reason), { once: true });
        this.#waiting.push(resolve);
      });
    }
    return this.published();
  }

  refusal(): Error | undefined {
    return this.refused;
  }
}

describe('waiting for witnesses', () => {
  test('answers once the published checkpoint covers the entry', async () => {
    const publishing = new ManualPublishing();
    const served = await ServedLog.create({ publishing });
    await served.fill(1);
    publishing.publish(1);
    let isAnswered = false;
    const asked = served.post('/add?wait=witnessed', 'x').then((response) => {
      isAnswered = true;
      return response;
    });
    while (served.log.size < 2) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(isAnswered).toBe(false);
    publishing.publish(2);
    expect(await (await asked).text()).toBe('1\n');
  });

  test('ends in time, with the index, because the entry is in the log', async () => {
    const served = await ServedLog.create({ publishing: new ManualPublishing(), append: { waitTimeout: 20 } });
    await served.fill(3);
    const problem = await problemIn(await served.post('/add?wait=witnessed', 'x'));
    expect(problem).toMatchObject({ status: 504, code: 'witness-timeout', index: 3 });
    expect(await served.log.entry(3)).toEqual(utf8('x'));
    const batch = await problemIn(await served.post('/add-batch?wait=witnessed', formatBundle(['y', 'z'].map(utf8))));
    expect(batch).toMatchObject({ status: 504, indices: [4, 5] });
  });

  test('ends when the server is about to stop', async () => {
    const stopping = new AbortController();
    const served = await ServedLog.create({
      publishing: new ManualPublishing(),
      append: { stopping: stopping.signal, waitTimeout: 10 ** 9 },
    });
    const asked = served.post('/add?wait=witnessed', 'x');
    while (served.log.size < 1) await new Promise((resolve) => setTimeout(resolve, 5));
    stopping.abort();
    expect(await problemIn(await asked)).toMatchObject({ status: 504, index: 0 });
  });

  test('is for so many at one time, and the others are told at once', async () => {
    const publishing = new ManualPublishing();
    const served = await ServedLog.create({ publishing, append: { maxWaiting: 2 } });
    const waiting = ['a', 'b'].map((entry) => served.post('/add?wait=witnessed', entry));
    while (served.log.size < 2) await new Promise((resolve) => setTimeout(resolve, 5));
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await problemIn(await served.post('/add?wait=witnessed', 'c'))).toMatchObject({ status: 504, index: 2 });
    publishing.publish(3);
    for (const response of await Promise.all(waiting)) expect(response.status).toBe(200);
    expect((await served.post('/add?wait=witnessed', 'a')).status).toBe(200);
  });

  test.each(['log-behind', 'log-closed', undefined])(
    'that fails with the code %s is answered with the index all the same',
    async (code) => {
      const publishing = new ManualPublishing();
      publishing.waitFor = async () => Promise.reject(Object.assign(new Error('secret'), { code }));
      const served = await ServedLog.create({ publishing });
      const problem = await problemIn(await served.post('/add?wait=witnessed', 'x'));
      expect(problem).toMatchObject({ status: 504, code: 'witness-timeout', index: 0 });
      expect(problem.detail).not.toContain('secret');
      const batch = formatBundle(['y', 'z'].map(utf8));
      expect(await problemIn(await served.post('/add-batch?wait=witnessed', batch))).toMatchObject({ indices: [1, 2] });
    },
  );

  test('leaves nothing behind on the signal that lives as long as the server', async () => {
    const { signal } = new AbortController();
    const publishing = new ManualPublishing();
    const served = await ServedLog.create({ publishing, append: { stopping: signal, waitTimeout: 5 } });
    const waits = async (count: number): Promise<number> => {
      for (let i = 0; i < count; i++) await served.post('/add?wait=witnessed', `entry ${served.log.size}`);
      // Node keeps listeners, and the signals that depend on this one, in maps and sets of the signal.
      const own = Object.getOwnPropertySymbols(signal).map(
        (symbol) => Reflect.get(signal, symbol) as { size?: number },
      );
      const sizes = own.map((value) => value?.size ?? 0);
      return getEventListeners(signal, 'abort').length + sizes.reduce((sum, size) => sum + size, 0);
    };
    expect(await waits(3)).toBe(await waits(10));
  });

  test('without a policy is no waiting', async () => {
    const served = await ServedLog.create();
    expect(await (await served.post('/add?wait=witnessed', 'x')).text()).toBe('0\n');
  });
});

test('a log whose witnesses know a larger tree takes nothing', async () => {
  const publishing = new ManualPublishing();
  const served = await ServedLog.create({ publishing });
  publishing.refused = Object.assign(new Error('w1 has cosigned 100 entries'), { code: 'log-behind' });
  expect(await problemIn(await served.post('/add', 'x'))).toMatchObject({
    status: 409,
    code: 'log-behind',
    detail: 'w1 has cosigned 100 entries',
  });
  expect(served.log.size).toBe(0);
  publishing.refused = undefined;
  expect((await served.post('/add', 'x')).status).toBe(200);
});

test('an entry whose body was on its way when that became known is not taken', async () => {
  const publishing = new ManualPublishing();
  const served = await ServedLog.create({ publishing });
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        publishing.refused = Object.assign(new Error('w1 has cosigned 100 entries'), { code: 'log-behind' });
        controller.enqueue(utf8('x'));
        controller.close();
      },
    },
    { highWaterMark: 0 },
  );
  const init = { method: 'POST', body, duplex: 'half' } as RequestInit;
  expect(await refusalIn(await served.app.request('/add', init))).toEqual([409, 'log-behind']);
  expect(served.log.size).toBe(0);
});

describe('when too much waits', () => {
  /** A log whose appends wait until a test lets them go. */
  async function slowLog(queue: {
    maxEntries?: number;
    maxBytes?: number;
  }): Promise<{ served: ServedLog; go: () => void }> {
    let go = (): void => {};
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    const slow: AppendingLog = {
      append: async (entry) => {
        await gate;
        return real.log.append(entry);
      },
      appendTogether: (entries) => real.log.appendTogether(entries),
    };
    const real = await ServedLog.create();
    return { served: await ServedLog.create({ append: { log: slow, queue } }), go };
  }

  test('another entry is turned away, and taken later', async () => {
    const { served, go } = await slowLog({ maxEntries: 3 });
    const waiting = ['a', 'b', 'c'].map((entry) => served.post('/add', entry));
    await new Promise((resolve) => setTimeout(resolve, 20));
    const response = await served.post('/add', 'd');
    expect(response.headers.get('retry-after')).toBe('1');
    expect(await refusalIn(response)).toEqual([503, 'log-busy']);
    expect(await refusalIn(await served.post('/add-batch', formatBundle([utf8('e')])))).toEqual([503, 'log-busy']);
    go();
    for (const response of await Promise.all(waiting)) expect(response.status).toBe(200);
    expect((await served.post('/add', 'd')).status).toBe(200);
  });

  test('bytes count too, also of a body that is being read, and are given back', async () => {
    const { served, go } = await slowLog({ maxBytes: 100 });
    const waiting = served.post('/add', 'x'.repeat(60));
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await refusalIn(await served.post('/add', 'y'.repeat(41)))).toEqual([503, 'log-busy']);
    const fits = served.post('/add', 'z'.repeat(40));
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await refusalIn(await served.post('/add', 'y'))).toEqual([503, 'log-busy']);
    go();
    expect((await waiting).status).toBe(200);
    expect((await fits).status).toBe(200);
    // Refused ones give back what they took as well.
    for (let i = 0; i < 5; i++) expect((await served.post('/add', '')).status).toBe(400);
    for (let i = 0; i < 5; i++) expect((await served.post('/add', `${i}`.repeat(100))).status).toBe(200);
  });
});

test('a log that cannot write any more says so, and is not healthy', async () => {
  const failures: Error[] = [];
  const broken = { append: async () => Promise.reject(Object.assign(new Error('disk full'), { code: 'log-failed' })) };
  const served = await ServedLog.create({
    append: { log: broken as unknown as Log, failed: (error) => failures.push(error) },
  });
  expect((await served.get('/healthz')).status).toBe(200);
  for (let i = 0; i < 2; i++) expect(await refusalIn(await served.post('/add', 'x'))).toEqual([503, 'log-failed']);
  expect(failures.map(({ message }) => message)).toEqual(['disk full']);
  expect(await refusalIn(await served.get('/healthz'))).toEqual([503, 'log-failed']);
});

test.each([
  ['log-behind', 503],
  ['log-unwitnessed', 200],
])('a log that is kept from appending by %s has the health %i', async (code, status) => {
  const publishing = new ManualPublishing();
  publishing.refused = Object.assign(new Error('why'), { code });
  const served = await ServedLog.create({ publishing });
  expect((await served.get('/healthz')).status).toBe(status);
  expect((await served.post('/add', 'x')).status).not.toBe(200);
});

test('the figures of a log are those of the log', async () => {
  const metrics = new Metrics();
  const served = await ServedLog.create({ metrics });
  await served.fill(5);
  await served.cosign(Math.floor(Date.now() / 1000) - 100);
  await served.fill(2);
  await served.post('/add', 'x');
  const text = await (await served.get('/metrics')).text();
  for (const line of [
    'vitrine_log_entries 8',
    'vitrine_log_signed_entries 8',
    'vitrine_log_published_entries 8',
    'vitrine_log_cosigned_entries 5',
    'vitrine_queue_entries 0',
    'vitrine_queue_bytes 0',
    'vitrine_http_requests_total{route="/add",method="POST",status="200"} 1',
    'vitrine_http_request_duration_seconds_count{route="/add",method="POST"} 1',
  ]) {
    expect(text.split('\n')).toContain(line);
  }
  const [, age] = /^vitrine_log_cosigned_age_seconds (.*)$/m.exec(text)!;
  expect(Number(age)).toBeGreaterThanOrEqual(100);
  expect(Number(age)).toBeLessThan(200);
  expect(text).toContain('nodejs_eventloop_lag_seconds');
});
