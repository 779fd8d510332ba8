import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { HttpError } from '../../src/log/http-error.ts';
import { type EndpointOptions, LogEndpoint } from '../../src/log/log-endpoint.ts';
import { serveHttp } from './tile-server.ts';

const endpoint = (url: string, options: Partial<EndpointOptions> = {}): LogEndpoint =>
  new LogEndpoint({ url, fetch, ...options });

const failure = (promise: Promise<unknown>): Promise<HttpError> =>
  promise.then(
    () => expect.fail('it did not fail'),
    (error) => {
      expect(error).toBeInstanceOf(HttpError);
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
    expect(endpoint(url).url).toBe(prefix);
  });

  test.each([
    'example.com',
    'ftp://example.com/',
    'file:///etc',
    'https://example.com/?a',
    'https://example.com/log#a',
    'https://user@example.com/',
    'https://user:secret@example.com/',
    '',
  ])('%s is none', (url) => {
    expect(() => endpoint(url)).toThrow(RangeError);
  });
});

test('an answer is what is below the prefix, and 404 is that nothing is', async () => {
  const server = await serveHttp((request, response) => {
    if (request.url === '/log/checkpoint') response.end('note');
    else response.writeHead(404).end('x'.repeat(100_000));
  });
  const asked = endpoint(`${server.url}/log`);
  expect(await asked.get('checkpoint', 4)).toEqual(new TextEncoder().encode('note'));
  expect(await asked.fetchTile('checkpoint')).toEqual(new TextEncoder().encode('note'));
  expect(await asked.fetchTile('tile/0/000')).toBeUndefined();
  expect(server.requests).toEqual(['GET /log/checkpoint', 'GET /log/checkpoint', 'GET /log/tile/0/000']);
});

test('nothing is asked for that is no tile', async () => {
  const server = await serveHttp((_, response) => response.end());
  expect(() => endpoint(server.url).fetchTile('../secret')).toThrow('is not the path of a tile');
  expect(() => endpoint(server.url).fetchTile('tile/0/0')).toThrow('is not the path of a tile');
  expect(server.requests).toEqual([]);
});

test('gzip and identity are asked for, and gzip is taken without being asked for', async () => {
  const asked: unknown[] = [];
  const server = await serveHttp((request, response) => {
    asked.push(request.headers['accept-encoding']);
    response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('entries'));
  });
  expect(await endpoint(server.url).get('tile/entries/000', 7)).toEqual(new TextEncoder().encode('entries'));
  expect(asked).toEqual(['gzip, identity']);
});

describe('an answer is bounded', () => {
  test.each([
    ['as it is', {}, Buffer.alloc(8193)],
    ['once it is decompressed', { 'content-encoding': 'gzip' }, gzipSync(Buffer.alloc(100_000_000))],
  ])('%s', async (_, headers, body) => {
    const server = await serveHttp((_, response) => response.writeHead(200, headers).end(body));
    const { code, message } = await failure(endpoint(server.url).fetchTile('tile/0/000'));
    expect(code).toBe('log-http');
    expect(message).toBe(`${server.url}/tile/0/000 has more than the 8192 bytes that it can have`);
  });

  test('also one that never ends', async () => {
    const server = await serveHttp((_, response) => {
      const more = (): void => {
        while (response.write(Buffer.alloc(65_536)));
        response.once('drain', more);
      };
      more();
    });
    await expect(endpoint(server.url).fetchTile('tile/0/000')).rejects.toThrow('has more than the 8192 bytes');
  });

  test('in time until it begins', async () => {
    const server = await serveHttp(() => {});
    const { message, status } = await failure(endpoint(server.url, { timeout: 50 }).get('checkpoint', 10));
    expect({ message, status }).toEqual({
      message: `${server.url}/checkpoint did not answer in time`,
      status: undefined,
    });
    // It may be at work on it still.
    expect(server.requests).toHaveLength(1);
  });

  test('in time until it ends, and what comes byte by byte gets no more for it', async () => {
    const server = await serveHttp((_, response) => {
      const timer = setInterval(() => response.write('x'), 5);
      response.on('close', () => clearInterval(timer));
    });
    const { message } = await failure(endpoint(server.url, { timeout: 200 }).get('checkpoint', 1_000_000));
    expect(message).toMatch(/\/checkpoint sent \d+ bytes, and then no more in time$/);
  });

  test('and one that goes on gets longer', async () => {
    const server = await serveHttp((_, response) => {
      let parts = 0;
      const timer = setInterval(() => {
        response.write(Buffer.alloc(16_384));
        if (++parts < 10) return;
        clearInterval(timer);
        response.end();
      }, 40);
    });
    expect(await endpoint(server.url, { timeout: 200 }).get('checkpoint', 1_000_000)).toHaveLength(163_840);
  });
});

test.each([301, 302, 303, 307, 308])('a redirect is not followed: %i', async (status) => {
  const server = await serveHttp((request, response) => {
    if (request.url === '/log/there') response.end('there');
    else response.writeHead(status, { location: '/log/there' }).end();
  });
  const error = await failure(endpoint(`${server.url}/log`).get('checkpoint', 10));
  expect(error.message).toBe(`${server.url}/log/checkpoint redirects to /log/there, which is not followed`);
  expect(error.status).toBe(status);
  expect(server.requests).toEqual(['GET /log/checkpoint']);
});

describe('what is asked for again', () => {
  test.each([429, 502, 503, 504])('what was answered with %i, when the server says', async (status) => {
    let asked = 0;
    const server = await serveHttp((_, response) => {
      if (++asked < 3) response.writeHead(status, { 'retry-after': '0' }).end();
      else response.end('note');
    });
    expect(await endpoint(server.url).get('checkpoint', 4)).toHaveLength(4);
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
      await endpoint(server.url).get('checkpoint', 4);
      expect(times[1]! - times[0]!).toBeGreaterThanOrEqual(900);
    }
  });

  test('not a server that wants to be left alone for long', async () => {
    const server = await serveHttp((_, response) => response.writeHead(503, { 'retry-after': '86400' }).end());
    const { status } = await failure(endpoint(server.url).get('checkpoint', 4));
    expect(status).toBe(503);
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
    expect(await endpoint(server.url).get('checkpoint', 4)).toEqual(new TextEncoder().encode('note'));
    expect(asked).toBe(3);
  });

  test('a few times, and not for ever', async () => {
    const server = await serveHttp((request) => request.socket.destroy());
    const { message } = await failure(endpoint(server.url).get('checkpoint', 4));
    expect(message).toContain(`${server.url}/checkpoint: `);
    expect(server.requests).toHaveLength(5);
  });

  test('a server that is not there, for a while', async () => {
    const server = await serveHttp(() => {});
    await server.close();
    expect((await failure(endpoint(server.url).get('checkpoint', 4))).message).toContain('ECONNREFUSED');
  });

  test.each([400, 401, 403, 500, 501])('not what was answered with %i', async (status) => {
    const server = await serveHttp((_, response) => response.writeHead(status).end());
    const error = await failure(endpoint(server.url).get('checkpoint', 4));
    expect(error.message).toBe(`${server.url}/checkpoint answered with status ${status}`);
    expect(server.requests).toHaveLength(1);
  });

  test('nothing that cannot be repeated once it may have been heard', async () => {
    for (const answer of ['broken', 503] as const) {
      const server = await serveHttp((request, response) => {
        if (answer === 'broken') request.socket.destroy();
        else response.writeHead(answer).end();
      });
      await endpoint(server.url)
        .request({ path: 'add', method: 'POST', body: new Uint8Array(1), limit: 10, repeatable: false })
        .catch((error) => expect(error).toBeInstanceOf(HttpError));
      expect(server.requests).toEqual(['POST /add']);
    }
  });

  test('what cannot be repeated if the log says that it did nothing', async () => {
    let asked = 0;
    const server = await serveHttp((_, response) => {
      if (++asked === 1) response.writeHead(429, { 'retry-after': '0' }).end();
      else if (asked === 2) {
        const body = JSON.stringify({ code: 'log-busy', detail: 'later' });
        response.writeHead(503, { 'content-type': 'application/problem+json', 'retry-after': '0' }).end(body);
      } else response.end('7\n');
    });
    const request = { path: 'add', method: 'POST', body: new Uint8Array(1), limit: 10, repeatable: false } as const;
    expect(await endpoint(server.url).request(request)).toMatchObject({ status: 200 });
  });
});

describe('what a server says of a request that it refused', () => {
  const answered = async (type: string, body: string): Promise<HttpError> => {
    const server = await serveHttp((_, response) => response.writeHead(403, { 'content-type': type }).end(body));
    return failure(endpoint(server.url).get('x', 10_000));
  };

  test('has a stable code', async () => {
    const error = await answered('application/problem+json', '{"code":"admission-key","detail":"not you"}');
    expect(error.problem).toEqual({ code: 'admission-key', detail: 'not you' });
    expect(error.message).toMatch(/\/x answered with status 403: admission-key: not you$/);
  });

  test.each([
    ['text/plain', '{"code":"admission-key","detail":"not you"}'],
    ['application/problem+json', '{"code":"admission key","detail":"not you"}'],
    ['application/problem+json', '{"code":7}'],
    ['application/problem+json', 'null'],
    ['application/problem+json', '{'],
    ['application/problem+json', `{"code":"a","detail":"${'x'.repeat(100_000)}"}`],
  ])('is not taken from %s, %s', async (type, body) => {
    const { problem, status } = await answered(type, body);
    expect({ problem, status }).toEqual({ problem: undefined, status: 403 });
  });
});

test('few connections are made, and they stay open', async () => {
  let running = 0;
  let most = 0;
  const server = await serveHttp((_, response) => {
    most = Math.max(most, ++running);
    setTimeout(() => {
      running--;
      response.end('x');
    }, 5);
  });
  const asked = endpoint(server.url);
  await Promise.all(Array.from({ length: 200 }, (_, i) => asked.get(`tile/0/${i}`, 1)));
  expect(most).toBe(16);
  // One more is opened where a request comes before the connection of the one before it is free.
  expect(server.connections()).toBeLessThan(100);
});

test('a signal stops what is under way, and what waits', async () => {
  const hanging = await serveHttp(() => {});
  const busy = await serveHttp((_, response) => response.writeHead(503, { 'retry-after': '10' }).end());
  for (const { url, requests } of [hanging, busy]) {
    const controller = new AbortController();
    const asked = endpoint(url, { signal: controller.signal }).get('checkpoint', 10);
    asked.catch(() => {});
    await expect.poll(() => requests.length).toBe(1);
    controller.abort();
    await expect(asked).rejects.toMatchObject({ name: 'AbortError' });
  }
});
