import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, onTestFinished, test } from 'vitest';
import { bodyBudget, MAX_BODY_SIZE, withBody } from '../src/http/read-body.ts';
import { eventually } from './support/eventually.ts';
import { TestLog, utf8 } from './support/logs.ts';
import { refusal } from './support/refusal.ts';
import { serveWitness } from './support/servers.ts';
import { testWitness } from './support/witnesses.ts';

const log = new TestLog();

const request = (body: Uint8Array | ReadableStream): Request =>
  new Request('http://w', { method: 'POST', body, duplex: 'half' } as unknown as RequestInit);

/** A request whose body is sent by and by. */
class Sending {
  readonly request: Request;
  #controller!: ReadableStreamDefaultController<Uint8Array>;

  constructor() {
    const stream = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#controller = controller;
      },
    });
    this.request = request(stream);
  }

  async send(bytes: number): Promise<this> {
    this.#controller.enqueue(new Uint8Array(bytes));
    // Until it was read.
    await setImmediate();
    return this;
  }

  end(): void {
    this.#controller.close();
  }
}

test('Bodies that are kept at one time are limited together, and what one had is free after it', async () => {
  const budget = bodyBudget(10);
  const options = { limit: 8, budget };
  const body = (size: number): Request => request(new Uint8Array(size));
  await withBody(body(8), options, async () => {
    expect(await refusal(withBody(body(3), options, async () => {}))).toMatchObject({
      code: 'witness-limit',
      retryAfter: 1,
    });
    await withBody(body(2), options, async () => {});
  });
  await expect(withBody(body(8), options, () => Promise.reject(new Error('failed')))).rejects.toThrow('failed');
  await withBody(body(8), options, async () => {});
  const broken = new ReadableStream({ start: (controller) => controller.error(new Error('gone')) });
  expect((await refusal(withBody(request(broken), options, async () => {}))).code).toBe('witness-request');
});

test('A body has all bytes that came, in whatever pieces, and no more than its limit', async () => {
  const options = { limit: 1000, budget: bodyBudget(1000) };
  const sent = Uint8Array.from({ length: 1000 }, (_, i) => i);
  for (const piece of [1, 7, 512, 1000]) {
    const stream = new ReadableStream<Uint8Array>({
      start: (controller) => {
        for (let at = 0; at < sent.length; at += piece) controller.enqueue(sent.slice(at, at + piece));
        controller.close();
      },
    });
    await withBody(request(stream), options, async (body) => expect(body).toEqual(sent));
  }
  await withBody(new Request('http://w', { method: 'POST' }), options, async (body) => expect(body).toHaveLength(0));
  const long = await new Sending().send(999);
  const refused = refusal(withBody(long.request, options, async () => {}));
  await long.send(2);
  expect((await refused).code).toBe('witness-too-large');
  await withBody(request(sent), options, async () => {});
});

test('Nothing is kept of the pieces in which a body comes but their bytes', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const pieces: WeakRef<Uint8Array>[] = [];
  const stalled = new ReadableStream<Uint8Array>(
    {
      pull: (controller) => {
        // Then nothing comes.
        if (pieces.length === 10_000) return new Promise(() => {});
        const piece = new Uint8Array(1);
        pieces.push(new WeakRef(piece));
        controller.enqueue(piece);
        return undefined;
      },
    },
    { highWaterMark: 0 },
  );
  void withBody(request(stalled), { limit: MAX_BODY_SIZE, budget: bodyBudget(1 << 20) }, async () => {});
  await eventually(() => expect(pieces).toHaveLength(10_000));
  await eventually(() => {
    collect();
    expect(pieces.filter((piece) => piece.deref() !== undefined).length).toBeLessThan(100);
  });
});

test('The body that has been unfinished the longest gives way to one that needs the room', async () => {
  const options = { limit: 8, budget: bodyBudget(10) };
  const [first, second, third] = [new Sending(), new Sending(), new Sending()];
  const results = [first, second, third].map(({ request }) =>
    withBody(request, options, async (body) => body.length).catch(async (error) => error.code),
  );
  // The order is that of their first bytes.
  await second.send(3);
  await first.send(3);
  await third.send(5);
  expect(await results[1]).toBe('witness-slow');
  first.end();
  third.end();
  expect(await Promise.all(results)).toEqual([3, 'witness-slow', 5]);
  await withBody(request(new Uint8Array(8)), options, async () => {});
});

test('A body that gave way just when it came to its end is not taken for an empty one', async () => {
  const budget = bodyBudget(10);
  const sending = new Sending();
  const result = refusal(withBody(sending.request, { limit: 8, budget }, async () => {}));
  await sending.send(3);
  sending.end();
  // One step later the end is known, and whoever waits for it has not gone on yet.
  await Promise.resolve();
  budget.take(8, {} as never);
  expect((await result).code).toBe('witness-slow');
});

test('A request has few lines, however short', async () => {
  const w = await testWitness();
  const ask = async (count: number): Promise<number> => {
    const extensions = Array.from({ length: count }, () => 'x');
    return (await w.add(await log.request(0, 5, { extensions }))).status;
  };
  expect(await ask(4096)).toBe(413);
  expect(await ask(4000)).toBe(200);
});

test('A request may say that it has no content encoding, in any case', async () => {
  const w = await testWitness();
  const ask = async (encoding: string): Promise<number> => {
    const headers = { 'content-encoding': encoding };
    const body = new Uint8Array(await log.request(0, 5));
    return (await w.app.request('/add-checkpoint', { method: 'POST', body, headers })).status;
  };
  expect(await ask('gzip')).toBe(400);
  expect(await ask('Identity')).toBe(200);
});

/** A connection to a server, and what came over it. */
function connection(url: string): { readonly socket: Socket; received: string; isClosed: boolean } {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  const state = { socket, received: '', isClosed: false };
  socket.on('data', (chunk) => {
    state.received += chunk.toString('latin1');
  });
  socket.on('error', () => {});
  socket.on('close', () => {
    state.isClosed = true;
  });
  return state;
}

const HEAD = 'POST /add-checkpoint HTTP/1.1\r\nhost: w\r\n';

test('Bodies that never end do not keep out those who have something to say', async () => {
  const w = await testWitness();
  const { url } = await serveWitness(w);
  const almost = utf8('x'.repeat(MAX_BODY_SIZE - 1));
  const connections: ReturnType<typeof connection>[] = [];
  // More than have room together.
  for (let i = 0; i < 260; i++) {
    const opened = connection(url);
    connections.push(opened);
    await once(opened.socket, 'connect');
    opened.socket.write(`${HEAD}content-length: ${MAX_BODY_SIZE}\r\n\r\n`);
    opened.socket.write(almost);
  }
  await eventually(() => expect(connections.some(({ isClosed }) => isClosed)).toBe(true));
  for (const { received } of connections.filter(({ isClosed }) => isClosed)) {
    expect(received).toMatch(/^HTTP\/1\.1 408 /);
    expect(received).toContain('"code":"witness-slow"');
    expect(received).toMatch(/\r\nconnection: close\r\n/i);
  }
  const body = new Uint8Array(await log.request(0, 5));
  expect((await fetch(`${url}/add-checkpoint`, { method: 'POST', body })).status).toBe(200);
  expect(connections.filter(({ isClosed }) => isClosed).length).toBeLessThan(20);
});

test('Whoever sends more than a request can have is told so, also in chunks', async () => {
  const w = await testWitness();
  const { url } = await serveWitness(w);
  const opened = connection(url);
  opened.socket.write(`${HEAD}transfer-encoding: chunked\r\n\r\n`);
  for (let i = 0; i < 5; i++) opened.socket.write(`10000\r\n${'x'.repeat(0x10000)}\r\n`);
  await eventually(() => expect(opened.isClosed).toBe(true));
  expect(opened.received).toMatch(/^HTTP\/1\.1 413 /);
});
