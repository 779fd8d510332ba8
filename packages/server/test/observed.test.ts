import { Hono } from 'hono';
import { type Logger, pino } from 'pino';
import { expect, test } from 'vitest';
import { Metrics } from '../src/metrics.ts';
import { observed, type ServerEnv } from '../src/observed.ts';
import { asked, problemIn, refusalIn, ServedLog } from './support/served-log.ts';

/** A logger whose lines a test can read. */
function keptLines(level: string): { logger: Logger; lines: Record<string, unknown>[] } {
  const lines: Record<string, unknown>[] = [];
  const logger = pino({ level, base: null }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  return { logger, lines };
}

test('a request keeps the identifier that it has, if that is one, and gets one otherwise', async () => {
  const app = asked(observed(new Hono<ServerEnv>().get('/', (c) => c.text(String(c.env.requestId)))));
  for (const id of ['a', 'abc-DEF_0.9', 'x'.repeat(64)]) {
    const response = await app.request('/', { headers: { 'x-request-id': id } });
    expect([response.headers.get('x-request-id'), await response.text()]).toEqual([id, id]);
  }
  for (const id of ['', 'x'.repeat(65), 'with space', '"quoted"', 'a,b']) {
    const response = await app.request('/', { headers: { 'x-request-id': id } });
    expect(response.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  }
});

test('what is not there is a problem, and what is there with another method says so', async () => {
  const served = await ServedLog.create();
  expect(await refusalIn(await served.get('/nothing'))).toEqual([404, 'http-not-found']);
  for (const [method, path, allow] of [
    ['POST', '/checkpoint', 'GET, HEAD, OPTIONS'],
    ['DELETE', '/tile/0/000', 'GET, HEAD, OPTIONS'],
    ['GET', '/add', 'OPTIONS, POST'],
    ['PUT', '/add-batch', 'OPTIONS, POST'],
    ['GET', '/derived', 'OPTIONS, POST'],
    ['POST', '/healthz', 'GET, HEAD, OPTIONS'],
  ] as const) {
    const response = await served.app.request(path, { method });
    expect([path, response.headers.get('allow')]).toEqual([path, allow]);
    expect(await refusalIn(response)).toEqual([405, 'http-method']);
  }
});

test('any page may read, and no page may append', async () => {
  const served = await ServedLog.create();
  const read = await served.app.request('/tile/0/000', { method: 'OPTIONS' });
  expect(read.status).toBe(204);
  expect(Object.fromEntries(read.headers)).toMatchObject({
    allow: 'GET, HEAD, OPTIONS',
    'access-control-allow-origin': '*',
    'access-control-allow-methods': 'GET, HEAD',
  });
  const add = await served.app.request('/add', { method: 'OPTIONS' });
  expect([add.status, add.headers.get('allow')]).toEqual([204, 'OPTIONS, POST']);
  expect(add.headers.get('access-control-allow-origin')).toBeNull();
  expect((await served.post('/add', 'x')).headers.get('access-control-allow-origin')).toBeNull();
  // Also of what is refused, or a page could not tell why.
  expect((await served.get('/tile/0/001')).headers.get('access-control-allow-origin')).toBe('*');
});

test('a fault is told to the log, and not to the client', async () => {
  const { logger, lines } = keptLines('info');
  const app = new Hono().get('/', () => {
    throw new Error('the password is 1234');
  });
  const response = await asked(observed(app, { logger })).request('/', { headers: { 'x-request-id': 'one' } });
  const text = await response.clone().text();
  expect(await problemIn(response)).toMatchObject({ status: 500, code: 'unexpected' });
  expect(text).not.toMatch(/1234|\.ts|at /);
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatchObject({ level: 50, id: 'one', path: '/', err: { message: 'the password is 1234' } });
});

test('requests are logged where that is wanted', async () => {
  for (const [level, count] of [
    ['info', 0],
    ['debug', 1],
  ] as const) {
    const { logger, lines } = keptLines(level);
    const app = new Hono().get('/a', (c) => c.text('x'));
    await asked(observed(app, { logger })).request('/a?secret=1');
    expect(lines).toHaveLength(count);
    if (count > 0) expect(lines[0]).toMatchObject({ method: 'GET', path: '/a', status: 200, msg: 'request' });
    expect(JSON.stringify(lines)).not.toContain('secret');
  }
});

test('figures name routes and methods, and nothing that a client made up', async () => {
  const metrics = new Metrics();
  const inner = new Hono().get('/tile/:name', (c) => c.text('x'));
  const app = asked(observed(inner, { metrics }));
  for (let i = 0; i < 50; i++) {
    await app.request(`/tile/${i}`);
    await app.request(`/nothing/${i}`);
    await app.request('/tile/1', { method: `METHOD${i}` });
  }
  const text = await (await app.request('/metrics')).text();
  const lines = text.split('\n').filter((line) => line.startsWith('vitrine_http_requests_total{'));
  expect(lines.sort()).toEqual([
    'vitrine_http_requests_total{route="/tile/:name",method="GET",status="200"} 50',
    'vitrine_http_requests_total{route="none",method="GET",status="404"} 50',
    'vitrine_http_requests_total{route="none",method="OTHER",status="405"} 50',
  ]);
});

test('two servers in one process have figures of their own', async () => {
  const [one, other] = [new Metrics(), new Metrics()];
  one.gauge('vitrine_a', 'A.', () => 1);
  other.gauge('vitrine_a', 'A.', () => undefined);
  expect(await one.text()).toContain('vitrine_a 1\n');
  expect(await other.text()).toMatch(/^vitrine_a nan$/im);
});

test('the log says whether it is well', async () => {
  let reason: Error | undefined;
  const app = asked(observed(new Hono(), { health: () => reason }));
  expect(await (await app.request('/healthz')).text()).toBe('ok\n');
  reason = Object.assign(new Error('disk full'), { code: 'store-io' });
  expect(await problemIn(await app.request('/healthz'))).toMatchObject({
    status: 503,
    code: 'store-io',
    detail: 'disk full',
  });
});
