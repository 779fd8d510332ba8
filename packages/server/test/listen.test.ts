import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { Agent, get as getTls } from 'node:https';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Hono } from 'hono';
import { describe, expect, onTestFinished, test } from 'vitest';
import { parseAddress } from '../src/address.ts';
import { bodyBudget, readBody } from '../src/body.ts';
import { listen } from '../src/listen.ts';
import { Metrics } from '../src/metrics.ts';
import type { ServerEnv } from '../src/observed.ts';
import { ServedLog } from './support/served-log.ts';
import { answerTo, listening, listenTo, RawClient, statusLine, wait } from './support/sockets.ts';

const END = 'Host: a\r\nConnection: close\r\n\r\n';

async function codeOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: { code?: unknown }) => error.code,
  );
}

/** MiB of memory that is in use. */
function usedMemory(): number {
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return (heapUsed + external) / 2 ** 20;
}

describe('an address', () => {
  test.each([
    ['8080', '127.0.0.1', 8080],
    ['0', '127.0.0.1', 0],
    [':8080', '::', 8080],
    ['127.0.0.1:65535', '127.0.0.1', 65535],
    ['0.0.0.0:80', '0.0.0.0', 80],
    ['[::1]:8080', '::1', 8080],
    ['[fe80::1%eth0]:1', 'fe80::1%eth0', 1],
    ['log.example.com:443', 'log.example.com', 443],
  ])('%s', (text, host, port) => {
    expect(parseAddress(text)).toEqual({ host, port });
  });

  test.each([
    '',
    ':',
    'host',
    'host:',
    '::1:80',
    '[::1]',
    '[::1]80',
    '65536',
    '08',
    '-1',
    '1.5',
    '8080 ',
    'a b:1',
    'http://a:1',
    'a:1/',
  ])('is none: "%s"', (text) => {
    expect(() => parseAddress(text)).toThrow(expect.objectContaining({ code: 'address-malformed' }));
  });

  test('that is taken, or that this machine does not have, is refused with a reason', async () => {
    const { url } = await listenTo(new Hono());
    const port = Number(new URL(url).port);
    const again = listen(new Hono(), { host: '127.0.0.1', port });
    await expect(again).rejects.toThrow('another program does');
    expect(await codeOf(again)).toBe('address-unavailable');
    expect(await codeOf(listen(new Hono(), { host: '192.0.2.1', port: 0 }))).toBe('address-unavailable');
  });
});

test('the URL is one that can be asked', async () => {
  const app = new Hono().get('/', (c) => c.text('here'));
  for (const host of ['127.0.0.1', '::1', 'localhost']) {
    const { url } = await listenTo(app, { host });
    expect(await (await fetch(url)).text()).toBe('here');
  }
});

describe('TLS', () => {
  function certificate(): { cert: string; key: string } {
    const directory = mkdtempSync(join(tmpdir(), 'vitrine-tls-'));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    const [cert, key] = ['cert.pem', 'key.pem'].map((name) => join(directory, name)) as [string, string];
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
    const how = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1'];
    execFileSync('openssl', [...how, ...subject, '-keyout', key, '-out', cert], { stdio: 'ignore' });
    return { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') };
  }

  test('serves under https, and nothing without', async () => {
    const tls = certificate();
    const { url } = await listenTo(
      new Hono().get('/', (c) => c.text(c.req.url)),
      { tls },
    );
    expect(url).toMatch(/^https:/);
    const agent = new Agent({ ca: tls.cert, keepAlive: true });
    const text = await new Promise<string>((resolve, reject) => {
      getTls(url, { agent }, (response) => {
        response.setEncoding('utf8').on('data', resolve);
      }).on('error', reject);
    });
    expect(text).toBe(`${url}/`);
    const plain = await answerTo(Number(new URL(url).port), `GET / HTTP/1.1\r\n${END}`);
    expect(plain).not.toContain('200');
    agent.destroy();
  });

  test('closes connections that shake no hands, and drops idle ones when there are many', async () => {
    const tls = certificate();
    const limits = { headersTimeout: 2000, maxConnections: 2 };
    const metrics = new Metrics();
    const { url } = await listenTo(
      new Hono().get('/', (c) => c.text('here')),
      { tls, limits, metrics },
    );
    const port = Number(new URL(url).port);
    const silent = await RawClient.open(port);
    await silent.closed();
    const agents = Array.from({ length: 4 }, () => new Agent({ ca: tls.cert, keepAlive: true }));
    for (const agent of agents) {
      const status = await new Promise((resolve, reject) => {
        getTls(url, { agent }, (response) => response.resume().on('end', () => resolve(response.statusCode))).on(
          'error',
          reject,
        );
      });
      expect(status).toBe(200);
    }
    expect(await metrics.text()).toMatch(/^vitrine_http_connections [12]$/m);
    for (const agent of agents) agent.destroy();
  });

  test('needs a certificate that fits its key', async () => {
    const [one, other] = [certificate(), certificate()];
    for (const tls of [
      { cert: one.cert, key: other.key },
      { cert: 'x', key: one.key },
      { cert: one.cert, key: '' },
    ]) {
      expect(await codeOf(listen(new Hono(), { host: '127.0.0.1', port: 0, tls }))).toBe('tls-malformed');
    }
  });
});

describe('a path', () => {
  test.each([
    '/tile/0/../../checkpoint',
    '/../checkpoint',
    '/./checkpoint',
    '/tile/0/000/..',
    '/tile/0/%2e%2e/%2e%2e/checkpoint',
    '/%2e/checkpoint',
    '/tile%2f0%2f000',
    '/%63heckpoint',
    '/tile\\0\\000',
    '/..\\checkpoint',
    '/checkpoint%00',
    '/checkpoint%',
    '/heads/..%2f..%2fetc%2fpasswd.vitrine',
    '/checkpoint/..',
  ])('has one spelling: %s is refused', async (path) => {
    const { served, port } = await listening();
    await served.fill(256);
    const answer = await answerTo(port, `GET ${path} HTTP/1.1\r\n${END}`);
    expect(statusLine(answer)).toBe('HTTP/1.1 400 Bad Request');
    expect(answer).toContain('"code":"http-malformed"');
  });

  test.each(['//checkpoint', '/checkpoint/', '/Checkpoint', '/checkpoint;x', '/tile/0/000.', '/tile/0/0x0'])(
    'is another one, which is not there: %s',
    async (path) => {
      const { served, port } = await listening();
      await served.fill(256);
      expect(statusLine(await answerTo(port, `GET ${path} HTTP/1.1\r\n${END}`))).toBe('HTTP/1.1 404 Not Found');
    },
  );

  test('can come with the whole URL, as through a proxy, and is as strict then', async () => {
    const { port } = await listening();
    const ask = async (target: string): Promise<string> =>
      statusLine(await answerTo(port, `GET ${target} HTTP/1.1\r\n${END}`));
    expect(await ask('http://log.example/checkpoint')).toBe('HTTP/1.1 200 OK');
    expect(await ask('http://log.example/x/../checkpoint')).toBe('HTTP/1.1 400 Bad Request');
    expect(await ask('ftp://log.example/checkpoint')).toBe('HTTP/1.1 400 Bad Request');
    expect(await ask('checkpoint')).toMatch(/^HTTP\/1.1 400/);
  });
});

describe('a request that is none', () => {
  test.each([
    ['no HTTP', 'hello\r\n\r\n', '400'],
    ['no host', 'GET /checkpoint HTTP/1.1\r\n\r\n', '400'],
    ['two lengths', `POST /add HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx`, '400'],
    [
      'a length and chunks',
      `POST /add HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      '400',
    ],
    ['a length that is no number', `POST /add HTTP/1.1\r\nHost: a\r\nContent-Length: 1x\r\n\r\nx`, '400'],
    ['a negative length', `POST /add HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\nx`, '400'],
    ['a chunk of no length', `POST /add HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n`, '400'],
    ['a header over two lines', `GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n`, '400'],
    ['a header without a name', `GET / HTTP/1.1\r\nHost: a\r\n: x\r\n\r\n`, '400'],
    ['headers of 20 kB', `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, '431'],
    ['5,000 headers', `GET / HTTP/1.1\r\nHost: a\r\n${'X: y\r\n'.repeat(5000)}\r\n`, '431'],
  ])('is answered with 4xx, and its connection closed: %s', async (_, request, status) => {
    const { served, port } = await listening();
    expect(statusLine(await answerTo(port, request))).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(served.log.size).toBe(0);
    expect(statusLine(await answerTo(port, `GET /checkpoint HTTP/1.1\r\n${END}`))).toBe('HTTP/1.1 200 OK');
  });

  test('what stands behind the length of a body is not of it, and ends the connection', async () => {
    const { served, port } = await listening();
    const answer = await answerTo(port, 'POST /add HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nxyz');
    expect(statusLine(answer)).toBe('HTTP/1.1 200 OK');
    expect(answer).toMatch(/\r\n\r\n0\n$/);
    expect(await served.log.entry(0)).toEqual(Uint8Array.of(0x78));
    expect(served.log.size).toBe(1);
  });

  test('what ends before its length is not taken', async () => {
    const { served, port } = await listening();
    const client = await RawClient.open(port);
    client.send('POST /add HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nonly');
    await wait(50);
    client.socket.destroy();
    await wait(50);
    expect(served.log.size).toBe(0);
    const half = await RawClient.open(port);
    half.send('POST /add HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nonly').socket.end();
    expect(await half.closed()).not.toContain('200');
    expect(served.log.size).toBe(0);
  });
});

describe('a body', () => {
  test('whose client goes away while its token is looked up is not waited for', async () => {
    let look = (): void => {};
    const looked = new Promise<void>((resolve) => {
      look = resolve;
    });
    const admitting = { nameOf: () => looked.then(() => 'ci') };
    const served = await ServedLog.create({ admitting });
    const { url, close } = await listen(served.bare, { host: '127.0.0.1', port: 0 });
    const client = await RawClient.open(Number(new URL(url).port));
    client.send('POST /add HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer x\r\nContent-Length: 10\r\n\r\nonly');
    await wait(50);
    client.socket.destroy();
    await wait(50);
    look();
    await close();
    expect(served.log.size).toBe(0);
  });

  test('that is too long is refused before it is read, by its header', async () => {
    const { served, port } = await listening();
    const client = await RawClient.open(port);
    client.send('POST /add HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n');
    const answer = await client.until('}\n');
    expect(statusLine(answer)).toBe('HTTP/1.1 413 Payload Too Large');
    expect(answer).toMatch(/connection: close/i);
    await client.closed();
    expect(served.log.size).toBe(0);
  });

  test('that is too long is refused as soon as that shows, by its chunks', async () => {
    const { served, port } = await listening();
    const client = await RawClient.open(port);
    client.send('POST /add HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n');
    const chunk = `8000\r\n${'x'.repeat(0x8000)}\r\n`;
    client.send(chunk + chunk);
    expect(statusLine(await client.until('}\n'))).toBe('HTTP/1.1 413 Payload Too Large');
    await client.closed();
    expect(served.log.size).toBe(0);
  });

  test('in chunks is one entry', async () => {
    const { served, port } = await listening();
    const answer = await answerTo(
      port,
      'POST /add HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n',
    );
    expect(answer).toMatch(/\r\n\r\n0\n$/);
    expect(await served.log.entry(0)).toEqual(new TextEncoder().encode('abcde'));
  });

  test('in chunks of one byte takes no more memory than its bytes do', async () => {
    const metrics = new Metrics();
    const { port } = await listening({ metrics });
    const bytes = 64 * 1024;
    const clients = await Promise.all(Array.from({ length: 16 }, () => RawClient.open(port)));
    const before = usedMemory();
    for (const client of clients) {
      client.send('POST /add-batch HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n');
      client.send('1\r\nx\r\n'.repeat(bytes));
    }
    const taken = `vitrine_queue_bytes ${clients.length * bytes}`;
    while (!(await metrics.text()).split('\n').includes(taken)) await wait(20);
    // Twice that, and room for what else there is. An object for each chunk would be 150 MiB.
    expect(usedMemory() - before).toBeLessThan(30);
  });

  test('that nobody reads is not kept while the answer is not taken', async () => {
    const large = new Uint8Array(50_000_000);
    const sockets: Socket[] = [];
    const app = new Hono<ServerEnv>().get('/', (c) => {
      sockets.push(c.env.incoming!.socket);
      return c.body(large);
    });
    const { url } = await listenTo(app, { limits: { closeTimeout: 50 } });
    const port = Number(new URL(url).port);
    const clients = await Promise.all(Array.from({ length: 16 }, () => RawClient.open(port)));
    const before = usedMemory();
    for (const client of clients) {
      client.socket.pause();
      client.send('GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n');
      client.send('1\r\nx\r\n'.repeat(64 * 1024));
    }
    while (sockets.length < clients.length || sockets.some(({ bytesRead }) => bytesRead < 100_000)) await wait(20);
    // Its chunks would be 4 MiB each.
    expect(usedMemory() - before).toBeLessThan(30);
  });

  test('that came in a small part of a buffer does not keep that', async () => {
    const budget = bodyBudget(1000);
    const kept: number[] = [];
    const app = new Hono<ServerEnv>().post('/', async (c) => {
      kept.push((await readBody(c, { limit: 1000, budget })).buffer.byteLength);
      return c.body(null);
    });
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(new Uint8Array(100_000).subarray(5, 105));
        controller.close();
      },
    });
    await app.request('/', { method: 'POST', body, duplex: 'half' } as RequestInit);
    expect(kept).toEqual([100]);
  });

  test('is waited for only so long', async () => {
    const { served, port } = await listening({ limits: { headersTimeout: 300, requestTimeout: 400 } });
    const client = await RawClient.open(port);
    client.send('POST /add HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n');
    const dripping = setInterval(() => client.socket.write('x'), 50);
    onTestFinished(() => clearInterval(dripping));
    expect(statusLine(await client.closed())).toBe('HTTP/1.1 408 Request Timeout');
    expect(served.log.size).toBe(0);
  });
});

describe('a slow client', () => {
  test('has its headers waited for only so long', async () => {
    const { port } = await listening({ limits: { headersTimeout: 300 } });
    const client = await RawClient.open(port);
    client.send('GET /checkpoint HTTP/1.1\r\n');
    const dripping = setInterval(() => client.socket.write('X: y\r\n'), 50);
    onTestFinished(() => clearInterval(dripping));
    expect(statusLine(await client.closed())).toBe('HTTP/1.1 408 Request Timeout');
  });

  test('that says nothing is disconnected, before its first request and between two', async () => {
    const { port } = await listening({ limits: { headersTimeout: 2000, keepAliveTimeout: 200 } });
    const [silent, waiting] = await Promise.all([RawClient.open(port), RawClient.open(port)]);
    waiting.send('GET /checkpoint HTTP/1.1\r\nHost: a\r\n\r\n');
    expect(await silent.closed()).not.toContain('200');
    expect(statusLine(await waiting.closed())).toBe('HTTP/1.1 200 OK');
  });

  test('that does not read its answer is disconnected', async () => {
    const app = new Hono().get('/', (c) => c.body(new Uint8Array(50_000_000)));
    const { url } = await listenTo(app, { limits: { idleTimeout: 300 } });
    const client = await RawClient.open(Number(new URL(url).port));
    client.socket.pause();
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await wait(1000);
    client.socket.resume();
    expect((await client.closed()).length).toBeLessThan(50_000_000);
  });

  test('that holds back the end of its body does not keep others from appending', async () => {
    const { served, port } = await listening({ append: { queue: { maxBytes: 100 } } });
    const request = (length: number): string => `POST /add HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\n`;
    const slow: RawClient[] = [];
    for (let i = 0; i < 3; i++) {
      slow.push((await RawClient.open(port)).send(`${request(31)}${String(i).repeat(30)}`));
      await wait(20);
    }
    const other = (await RawClient.open(port)).send(`${request(50)}${'x'.repeat(50)}`);
    expect(statusLine(await other.until('0\n'))).toBe('HTTP/1.1 200 OK');
    // Those that have been there for longest gave way, and are told so.
    for (const client of slow.slice(0, 2)) {
      const answer = await client.closed();
      expect(statusLine(answer)).toBe('HTTP/1.1 503 Service Unavailable');
      expect(answer).toContain('"code":"log-busy"');
    }
    slow[2]!.send('2');
    expect(statusLine(await slow[2]!.until('\r\n1\n'))).toBe('HTTP/1.1 200 OK');
    expect(await served.log.entry(1)).toEqual(new TextEncoder().encode('2'.repeat(31)));
    // Nothing is kept of those that were dropped.
    const full = (await RawClient.open(port)).send(`${request(100)}${'y'.repeat(100)}`);
    expect(statusLine(await full.until('\r\n2\n'))).toBe('HTTP/1.1 200 OK');
  });

  test('by the hundred does not keep others from being answered: the oldest idle ones go', async () => {
    const { served, listener, port } = await listening({ limits: { maxConnections: 50 } });
    const idle: RawClient[] = [];
    for (let i = 0; i < 300; i++) idle.push(await RawClient.open(port));
    // Half of them have begun to ask.
    for (const client of idle.slice(275)) client.send('GET /checkpoint HTTP/1.1\r\nHost: ');
    for (let i = 0; i < 5; i++) {
      const response = await fetch(`${listener.url}/add`, { method: 'POST', body: `entry ${i}` });
      expect(await response.text()).toBe(`${i}\n`);
    }
    expect(served.log.size).toBe(5);
    await wait(100);
    const open = idle.filter((client) => !client.isClosed);
    expect(open.length).toBeLessThanOrEqual(50);
    expect(open.length).toBeGreaterThan(40);
    // The newest ones.
    expect(open).toEqual(idle.slice(-open.length));
    open.at(-1)!.send('a\r\n\r\n');
    expect(statusLine(await open.at(-1)!.until('\r\n\r\n'))).toBe('HTTP/1.1 200 OK');
  });

  test('is not dropped while it waits for its answer', async () => {
    let answer = (): void => {};
    const gate = new Promise<void>((resolve) => {
      answer = resolve;
    });
    const app = new Hono().get('/slow', async (c) => {
      await gate;
      return c.text('at last');
    });
    const { url } = await listenTo(app, { limits: { maxConnections: 3 } });
    const port = Number(new URL(url).port);
    const slow = await RawClient.open(port);
    slow.send('GET /slow HTTP/1.1\r\nHost: a\r\n\r\n');
    await wait(30);
    for (let i = 0; i < 20; i++) await RawClient.open(port);
    await wait(30);
    answer();
    expect(await slow.until('at last')).toContain('200 OK');
  });

  test('that sends its body slowly, or does not take its answer, gives way to others', async () => {
    const large = new Uint8Array(50_000_000);
    const budget = bodyBudget(10_000);
    const app = new Hono<ServerEnv>()
      .get('/large', (c) => c.body(large))
      .post('/read', async (c) => c.text(String((await readBody(c, { limit: 1000, budget })).length)));
    const { url } = await listenTo(app, { limits: { maxConnections: 4, closeTimeout: 50 } });
    const port = Number(new URL(url).port);
    const slow: RawClient[] = [];
    for (const request of ['POST /read HTTP/1.1\r\nContent-Length: 9\r\n', 'GET /large HTTP/1.1\r\n']) {
      for (let i = 0; i < 2; i++) {
        const client = await RawClient.open(port);
        client.socket.pause();
        slow.push(client.send(`${request}Host: a\r\n\r\n`));
        await wait(50);
      }
    }
    for (let i = 0; i < 4; i++) {
      const other = await RawClient.open(port);
      other.send('POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx');
      expect(statusLine(await other.until('\r\n\r\n'))).toBe('HTTP/1.1 200 OK');
      other.socket.destroy();
      await wait(20);
    }
    slow[0]!.socket.resume();
    expect(await slow[0]!.closed()).toBe('');
  });

  test('that is one too many is turned away where all others wait for an answer', async () => {
    let asked = 0;
    const app = new Hono().get('/slow', () => {
      asked++;
      return new Promise<Response>(() => {});
    });
    const { url } = await listenTo(app, { limits: { maxConnections: 2, closeTimeout: 50 } });
    const port = Number(new URL(url).port);
    for (let i = 0; i < 2; i++) (await RawClient.open(port)).send('GET /slow HTTP/1.1\r\nHost: a\r\n\r\n');
    while (asked < 2) await wait(5);
    const third = await RawClient.open(port);
    expect(await third.closed()).toBe('');
  });
});

describe('closing', () => {
  test('answers what was asked, and ends connections that ask nothing', async () => {
    const seen: string[] = [];
    const app = new Hono().get('/slow', async (c) => {
      seen.push('asked');
      await wait(200);
      return c.text('answered');
    });
    const { url, close } = await listen(app, { host: '127.0.0.1', port: 0 });
    const port = Number(new URL(url).port);
    const [idle, kept, half] = await Promise.all([1, 2, 3].map(() => RawClient.open(port)));
    kept!.send('GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n');
    await kept!.until('ok\n');
    half!.send('GET /slow HTTP/1.1\r\n');
    const asked = await RawClient.open(port);
    asked.send('GET /slow HTTP/1.1\r\nHost: a\r\n\r\n');
    while (seen.length === 0) await wait(5);
    const closing = close();
    expect(close()).toBe(closing);
    await Promise.all([idle!.closed(), kept!.closed(), half!.closed()]);
    const answer = await asked.closed();
    expect(answer).toContain('answered');
    expect(answer).toMatch(/connection: close/i);
    await closing;
    await expect(RawClient.open(port)).rejects.toThrow();
  });

  test('answers what has arrived, and was not read yet', async () => {
    const app = new Hono().get('/', (c) => c.text('answered'));
    const metrics = new Metrics();
    const { url, close } = await listen(app, { host: '127.0.0.1', port: 0, metrics });
    const clients = await Promise.all(Array.from({ length: 20 }, () => RawClient.open(Number(new URL(url).port))));
    // What it has not accepted it never answers.
    while (!/^vitrine_http_connections 20$/m.test(await metrics.text())) await wait(5);
    for (const client of clients) client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await close();
    for (const client of clients) expect(await client.closed()).toContain('answered');
  });

  test('waits only so long', async () => {
    const app = new Hono().get('/', () => new Promise<Response>(() => {}));
    const { url, close } = await listen(app, { host: '127.0.0.1', port: 0, limits: { closeTimeout: 100 } });
    const client = await RawClient.open(Number(new URL(url).port));
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await wait(50);
    await close();
    expect(await client.closed()).toBe('');
  });
});

test('answers of a real server carry the identifier of the request', async () => {
  const { listener } = await listening();
  const response = await fetch(`${listener.url}/checkpoint`, { headers: { 'x-request-id': 'mine' } });
  expect(response.headers.get('x-request-id')).toBe('mine');
  const refused = await fetch(`${listener.url}/nothing`);
  expect(refused.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
});
