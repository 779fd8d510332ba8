import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { CoreError } from '../../src/error.ts';
import { HttpClient, type HttpOptions } from '../../src/log/http-client.ts';
import { HttpProblem } from '../../src/log/http-problem.ts';
import { serveHttp } from './test-server.ts';

const client = (url: string, options: Partial<HttpOptions> = {}): HttpClient =>
  new HttpClient(url, { fetch, backoff: 10, ...options });

const TILE = { path: 'tile/0/000', limit: 8192 };
const NOTE = { path: 'checkpoint', limit: 10 };
const POST = { path: 'add', limit: 10, type: 'application/octet-stream', body: new Uint8Array(1) };

const failure = (promise: Promise<unknown>): Promise<CoreError> =>
  promise.then(
    () => expect.fail('it did not fail'),
    (error) => {
      expect(error).toBeInstanceOf(CoreError);
      expect(error).toMatchObject({ code: 'fetch-failed' });
      return error;
    },
  );

describe('what is a prefix', () => {
  test.each([
    ['https://example.com/log', 'https://example.com/log/'],
    ['https://example.com/log/', 'https://example.com/log/'],
    ['http://example.com', 'http://example.com/'],
    ['HTTP://EXAMPLE.com:8080/a/../b', 'http://example.com:8080/b/'],
  ])('%s is %s', (url, prefix) => {
    expect(client(url).prefix).toBe(prefix);
  });

  test.each([
    'example.com',
    'ftp://example.com/',
    'file:///etc',
    'https://example.com/?a',
    'https://example.com/log?',
    'https://example.com/log#a',
    'https://user@example.com/',
    'https://user:secret@example.com/',
    '',
  ])('%s is none', (url) => {
    expect(() => client(url)).toThrow(CoreError);
  });
});

test('an answer is what is below the prefix, and 404 is that nothing is', async () => {
  const server = await serveHttp((request, response) => {
    if (request.url === '/log/checkpoint') response.end('note');
    else response.writeHead(404).end('x'.repeat(100_000));
  });
  const asked = client(`${server.url}/log`);
  expect(await asked.get(NOTE)).toEqual(new TextEncoder().encode('note'));
  expect(await asked.get(TILE)).toBeUndefined();
  expect(await asked.post({ ...POST, again: true })).toBeUndefined();
  expect(server.requests).toEqual(['GET /log/checkpoint', 'GET /log/tile/0/000', 'POST /log/add']);
});

test('gzip and identity are asked for, and gzip is taken without being asked for', async () => {
  const asked: unknown[] = [];
  const server = await serveHttp((request, response) => {
    asked.push(request.headers['accept-encoding']);
    response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('entries'));
  });
  expect(await client(server.url).get({ path: 'tile/entries/000', limit: 7 })).toEqual(
    new TextEncoder().encode('entries'),
  );
  expect(asked).toEqual(['gzip, identity']);
});

describe('an answer is bounded', () => {
  test.each([
    ['as it is', {}, Buffer.alloc(8193)],
    ['once it is decompressed', { 'content-encoding': 'gzip' }, gzipSync(Buffer.alloc(100_000_000))],
  ])('%s', async (_, headers, body) => {
    const server = await serveHttp((_, response) => response.writeHead(200, headers).end(body));
    const { message } = await failure(client(server.url).get(TILE));
    expect(message).toBe(`${server.url}/tile/0/000 is longer than the 8192 bytes that it can have`);
    expect(server.requests).toHaveLength(1);
  });

  test('also one that never ends', async () => {
    const server = await serveHttp((_, response) => {
      const more = (): void => {
        while (response.write(Buffer.alloc(65_536)));
        response.once('drain', more);
      };
      more();
    });
    await expect(client(server.url).get(TILE)).rejects.toThrow('is longer than the 8192 bytes');
  });

  test('in time until it begins', async () => {
    const server = await serveHttp(() => {});
    const { message } = await failure(client(server.url, { timeout: 50 }).get(NOTE));
    expect(message).toBe(`${server.url}/checkpoint cannot be fetched: no answer came in time`);
    // It may be at work on it still.
    expect(server.requests).toHaveLength(1);
  });

  test('in time until it ends, and what comes byte by byte gets no more for it', async () => {
    const server = await serveHttp((_, response) => {
      const timer = setInterval(() => response.write('x'), 5);
      response.on('close', () => clearInterval(timer));
    });
    const { message } = await failure(client(server.url, { timeout: 200 }).get({ ...NOTE, limit: 1_000_000 }));
    expect(message).toMatch(/\/checkpoint cannot be fetched: \d+ bytes came, and then no more in time$/);
  });

  test('and one that goes on gets longer', async () => {
    const server = await serveHttp((_, response) => {
      let parts = 0;
      const timer = setInterval(() => {
        response.write(Buffer.alloc(16_384));
        if (++parts < 10) return;
        clearInterval(timer);
        response.end();
      }, 200);
    });
    expect(await client(server.url, { timeout: 1000 }).get({ ...NOTE, limit: 1_000_000 })).toHaveLength(163_840);
  });
});

describe('a redirect', () => {
  test.each([301, 302, 303, 307, 308])('with status %i is followed below the prefix', async (status) => {
    const server = await serveHttp((request, response) => {
      if (request.url === '/log/there') response.end('there');
      else response.writeHead(status, { location: 'there' }).end();
    });
    expect(await client(`${server.url}/log`).get(NOTE)).toHaveLength(5);
    expect(server.requests).toEqual(['GET /log/checkpoint', 'GET /log/there']);
  });

  test.each([
    '/there',
    '/log',
    '../there',
    '/log/../there',
    '/log/%2e%2e/there',
    '/login/there',
    '//127.0.0.1:1/log/there',
    'http://169.254.169.254/log/there',
    'file:///log/there',
    'http://[',
    '',
  ])('to %s is not', async (location) => {
    const server = await serveHttp((_, response) => response.writeHead(302, { location }).end());
    const { message } = await failure(client(`${server.url}/log`).get(NOTE));
    expect(message).toContain(`${server.url}/log/checkpoint redirects to `);
    // An empty one is where it comes from.
    expect(new Set(server.requests)).toEqual(new Set(['GET /log/checkpoint']));
  });

  test('is not followed for ever', async () => {
    const server = await serveHttp((_, response) => response.writeHead(302, { location: 'checkpoint' }).end());
    await failure(client(server.url).get(NOTE));
    expect(server.requests).toHaveLength(4);
  });

  test('of what was sent is not followed, and takes no token anywhere', async () => {
    const server = await serveHttp((_, response) => response.writeHead(307, { location: 'there' }).end());
    await failure(client(server.url, { token: 'secret' }).post({ ...POST, again: true }));
    expect(server.requests).toEqual(['POST /add']);
  });
});

test('a token is sent with what is posted, and with nothing else', async () => {
  const seen: unknown[] = [];
  const server = await serveHttp((request, response) => {
    seen.push(request.headers.authorization);
    response.end();
  });
  const asked = client(server.url, { token: 'secret' });
  await asked.get(NOTE);
  await asked.post({ ...POST, again: false });
  expect(seen).toEqual([undefined, 'Bearer secret']);
});

describe('what is asked for again', () => {
  test.each([408, 429, 502, 503, 504])('what was answered with %i', async (status) => {
    let asked = 0;
    const server = await serveHttp((_, response) => {
      if (++asked < 3) response.writeHead(status, { 'retry-after': '0' }).end();
      else response.end('note');
    });
    expect(await client(server.url).get(NOTE)).toHaveLength(4);
    expect(asked).toBe(3);
  });

  test('not before the server says, in seconds or as a date', async () => {
    for (const retryAfter of [() => '1', () => new Date(Date.now() + 2000).toUTCString()]) {
      const times: number[] = [];
      const server = await serveHttp((_, response) => {
        times.push(Date.now());
        if (times.length === 1) response.writeHead(503, { 'retry-after': retryAfter() }).end();
        else response.end();
      });
      await client(server.url).get(NOTE);
      expect(times[1]! - times[0]!).toBeGreaterThanOrEqual(900);
    }
  });

  test('not a server that wants to be left alone for long', async () => {
    const server = await serveHttp((_, response) => response.writeHead(503, { 'retry-after': '86400' }).end());
    await failure(client(server.url).get(NOTE));
    expect(server.requests).toHaveLength(1);
  });

  test('what a connection broke of, before and within its answer', async () => {
    let asked = 0;
    const server = await serveHttp((request, response) => {
      asked++;
      if (asked === 1) request.socket.destroy();
      else if (asked === 2) {
        response.writeHead(200, { 'content-length': '4' }).write('no');
        setImmediate(() => request.socket.destroy());
      } else response.end('note');
    });
    expect(await client(server.url).get(NOTE)).toEqual(new TextEncoder().encode('note'));
    expect(asked).toBe(3);
  });

  test('a few times, and not for ever', async () => {
    const server = await serveHttp((request) => request.socket.destroy());
    expect((await failure(client(server.url).get(NOTE))).message).toContain(
      `${server.url}/checkpoint cannot be fetched`,
    );
    expect(server.requests).toHaveLength(5);
  });

  test('a server that is not there, for a while', async () => {
    const server = await serveHttp(() => {});
    await server.close();
    expect((await failure(client(server.url).get(NOTE))).message).toContain('ECONNREFUSED');
  });

  test.each([400, 401, 403, 500, 501])('not what was answered with %i', async (status) => {
    const server = await serveHttp((_, response) => response.writeHead(status).end());
    const { message } = await failure(client(server.url).get(NOTE));
    expect(message).toBe(`${server.url}/checkpoint answers with status ${status}`);
    expect(server.requests).toHaveLength(1);
  });

  test('nothing that may have been heard, where that would do harm', async () => {
    for (const answer of ['broken', 'hanging', 502, 503] as const) {
      const server = await serveHttp((request, response) => {
        if (answer === 'broken') request.socket.destroy();
        else if (answer !== 'hanging') response.writeHead(answer).end();
      });
      const { message } = await failure(client(server.url, { timeout: 100 }).post({ ...POST, again: false }));
      expect(message).toMatch(/; whether the server took what was sent is not known$/);
      expect(server.requests).toEqual(['POST /add']);
    }
  });

  test('what was refused was not taken', async () => {
    const server = await serveHttp((_, response) => response.writeHead(413).end());
    const { message } = await failure(client(server.url).post({ ...POST, again: false }));
    expect(message).toBe(`${server.url}/add answers with status 413`);
  });

  test('what the log says it did not touch', async () => {
    let asked = 0;
    const server = await serveHttp((_, response) => {
      if (++asked === 1) response.writeHead(429, { 'retry-after': '0' }).end();
      else if (asked === 2) {
        const body = JSON.stringify({ code: 'log-busy', detail: 'later' });
        response.writeHead(503, { 'content-type': 'application/problem+json', 'retry-after': '0' }).end(body);
      } else response.end('7\n');
    });
    expect(await client(server.url).post({ ...POST, again: false })).toHaveLength(2);
  });
});

describe('what a server says of a request that it refused', () => {
  const answered = async (type: string, body: string): Promise<CoreError> => {
    const server = await serveHttp((_, response) => response.writeHead(403, { 'content-type': type }).end(body));
    return failure(client(server.url).get(NOTE));
  };

  test('has a stable code', async () => {
    const error = await answered(
      'application/problem+json; charset=utf-8',
      '{"code":"admission-key","detail":"not you"}',
    );
    expect(error).toBeInstanceOf(HttpProblem);
    expect(error).toMatchObject({ problem: 'admission-key', detail: 'not you', status: 403 });
  });

  test('also where it was asked several times', async () => {
    const body = '{"code":"log-busy","detail":"later"}';
    const headers = { 'content-type': 'application/problem+json', 'retry-after': '0' };
    const server = await serveHttp((_, response) => response.writeHead(503, headers).end(body));
    expect(await failure(client(server.url).get(NOTE))).toMatchObject({ problem: 'log-busy', status: 503 });
    expect(server.requests).toHaveLength(5);
  });

  test('is cut if it is long', async () => {
    const error = await answered('application/problem+json', `{"code":"a","detail":"${'x'.repeat(9000)}"}`);
    expect((error as HttpProblem).detail).toHaveLength(1000);
  });

  test.each([
    ['text/plain', '{"code":"admission-key","detail":"not you"}'],
    ['application/problem+json', '{"code":"admission key","detail":"not you"}'],
    ['application/problem+json', '{"code":7,"detail":"not you"}'],
    ['application/problem+json', '{"code":"admission-key"}'],
    ['application/problem+json', 'null'],
    ['application/problem+json', '{'],
    ['application/problem+json', ''],
    ['application/problem+json', `{"code":"a","detail":"${'x'.repeat(100_000)}"}`],
  ])('is not taken from %s, %.50s', async (type, body) => {
    expect(await answered(type, body)).not.toBeInstanceOf(HttpProblem);
  });
});

test('few requests are under way at a time, over connections that stay open', async () => {
  let running = 0;
  let most = 0;
  const server = await serveHttp((_, response) => {
    most = Math.max(most, ++running);
    setTimeout(() => {
      running--;
      response.end('x');
    }, 5);
  });
  const asked = client(server.url);
  await Promise.all(Array.from({ length: 200 }, (_, i) => asked.get({ path: `${i}`, limit: 1 })));
  expect(most).toBe(16);
  // One more is opened where a request comes before the connection of the one before it is free.
  expect(server.connections()).toBeLessThan(100);
});

test('a signal stops what is under way, and what waits', async () => {
  const hanging = await serveHttp(() => {});
  const busy = await serveHttp((_, response) => response.writeHead(503, { 'retry-after': '10' }).end());
  for (const { url, requests } of [hanging, busy]) {
    const controller = new AbortController();
    const asked = client(url, { signal: controller.signal }).get(NOTE);
    asked.catch(() => {});
    await expect.poll(() => requests.length).toBe(1);
    controller.abort();
    await expect(asked).rejects.toMatchObject({ name: 'AbortError' });
    await expect(client(url, { signal: controller.signal }).get(NOTE)).rejects.toMatchObject({ name: 'AbortError' });
  }
});
