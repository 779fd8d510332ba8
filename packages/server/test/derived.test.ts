import { type CborValue, decodeCbor, encodeCbor } from '@vitrine/core';
import { expect, test } from 'vitest';
import { bytesOf, hex, refusalIn, ServedLog, utf8 } from './support/served-log.ts';
import { listening, RawClient, statusLine } from './support/sockets.ts';

type Pairs = readonly (readonly [Uint8Array, Uint8Array])[];

async function valuesOf(served: ServedLog, keys: readonly Uint8Array[]): Promise<CborValue> {
  const response = await served.post('/derived', encodeCbor(keys), { 'content-type': 'application/cbor' });
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'application/cbor']);
  return decodeCbor(await bytesOf(response), 'the values');
}

async function pairsOf(served: ServedLog, path: string): Promise<Pairs> {
  return decodeCbor(await bytesOf(await served.get(path)), 'the pairs') as unknown as Pairs;
}

test('the values of keys come in their order, null where there is none', async () => {
  const served = await ServedLog.create();
  await served.fill(3);
  const keyOf = async (index: number): Promise<Uint8Array> =>
    Uint8Array.of(0x6c, ...(await served.log.leafHash(index)));
  const values = await valuesOf(served, [await keyOf(2), utf8('none'), await keyOf(0), new Uint8Array()]);
  expect(values).toEqual([Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 2), null, new Uint8Array(8), null]);
});

test('up to 1,024 keys of up to 128 bytes can be asked for, and nothing else', async () => {
  const served = await ServedLog.create();
  const most = Array.from({ length: 1024 }, (_, i) => new Uint8Array(128).fill(i));
  expect(await valuesOf(served, most)).toHaveLength(1024);
  for (const [body, expected] of [
    [encodeCbor([...most, utf8('x')]), [400, 'http-malformed']],
    [encodeCbor(Array.from({ length: 1025 }, () => utf8('x'))), [400, 'http-malformed']],
    [encodeCbor([new Uint8Array(129)]), [400, 'http-malformed']],
    [encodeCbor([]), [400, 'http-malformed']],
    [encodeCbor(['text']), [400, 'http-malformed']],
    [encodeCbor(new Map()), [400, 'http-malformed']],
    [Uint8Array.of(0x9f, 0x41, 1, 0xff), [400, 'cbor-malformed']],
    [new Uint8Array(), [400, 'cbor-malformed']],
    [new Uint8Array(200_000), [413, 'http-too-large']],
  ] as const) {
    expect(await refusalIn(await served.post('/derived', body))).toEqual(expected);
  }
});

test('an answer has 4 MiB of values, and whoever wants more asks again', async () => {
  const read: Uint8Array[] = [];
  const derived = {
    readDerived: async (keys: readonly Uint8Array[]): Promise<Uint8Array[]> => {
      read.push(...keys);
      return keys.map((key) => new Uint8Array(1_000_000).fill(key[0]!));
    },
    derived: async function* () {},
  };
  const served = await ServedLog.create({ derived });
  const keys = Array.from({ length: 1024 }, (_, i) => Uint8Array.of(i % 7));
  const values = (await valuesOf(served, keys)) as Uint8Array[];
  expect(values.map((value) => [value.length, value[0]])).toEqual([0, 1, 2, 3, 4].map((i) => [1_000_000, i]));
  // Nor is more read than that, but for a few.
  expect(read.length).toBeLessThan(20);
});

test('bodies that do not come to their end take only so much, and keep nobody from asking', async () => {
  const { listener, port } = await listening();
  const clients: RawClient[] = [];
  // 16 MiB of them, and one more.
  for (let i = 0; i < 129; i++) {
    const client = await RawClient.open(port);
    clients.push(
      client.send(`POST /derived HTTP/1.1\r\nHost: a\r\nContent-Length: 131073\r\n\r\n${'x'.repeat(131_072)}`),
    );
  }
  const gone = await Promise.race(clients.map((client) => client.until('\r\n')));
  expect(statusLine(gone)).toBe('HTTP/1.1 503 Service Unavailable');
  const body = encodeCbor([utf8('x')]) as Uint8Array<ArrayBuffer>;
  expect((await fetch(`${listener.url}/derived`, { method: 'POST', body })).status).toBe(200);
});

test('a body that was read takes nothing any more, whatever the answer', async () => {
  const served = await ServedLog.create();
  // More than 16 MiB.
  for (let i = 0; i < 150; i++) expect((await served.post('/derived', new Uint8Array(131_072))).status).toBe(400);
});

test('all pairs below a prefix are listed in the order of their keys, a part at a time', async () => {
  const served = await ServedLog.create();
  await served.fill(2300);
  const all: (readonly [Uint8Array, Uint8Array])[] = [];
  const sizes: number[] = [];
  for (let after = ''; ; after = `?after=${hex(all.at(-1)![0])}`) {
    const part = await pairsOf(served, `/derived/6c${after}`);
    sizes.push(part.length);
    if (part.length === 0) break;
    all.push(...part);
  }
  expect(sizes).toEqual([1000, 1000, 300, 0]);
  const keys = all.map(([key]) => hex(key));
  expect(keys).toEqual([...keys].sort());
  expect(new Set(keys).size).toBe(2300);
  const [first] = await pairsOf(served, `/derived/${keys[1234]}`);
  expect(hex(first![0])).toBe(keys[1234]);
  expect(await pairsOf(served, '/derived/7a')).toEqual([]);
});

test.each([
  '/derived/6',
  '/derived/6C',
  '/derived/zz',
  `/derived/${'00'.repeat(129)}`,
  '/derived/6c?after=6',
  '/derived/6c?after=6b00',
  '/derived/6c?before=6c',
])('is refused: %s', async (path) => {
  expect(await refusalIn(await (await ServedLog.create()).get(path))).toEqual([400, 'http-malformed']);
});

test('a page may ask', async () => {
  const served = await ServedLog.create();
  const response = await served.app.request('/derived', { method: 'OPTIONS' });
  expect(response.status).toBe(204);
  expect(response.headers.get('access-control-allow-methods')).toBe('POST');
  expect(response.headers.get('access-control-allow-headers')).toContain('Content-Type');
});
