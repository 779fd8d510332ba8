import { type CborValue, decodeCbor, encodeCbor } from '@vitrine/core';
import type { Store } from '@vitrine/core/log';
import type { Hono } from 'hono';
import { bodyBudget, readBody } from './body.ts';
import { FRESH } from './caching.ts';
import { ServerError } from './error.ts';
import { CBOR_TYPE } from './media-types.ts';
import type { ServerEnv } from './observed.ts';
import { queryOf } from './query.ts';

/** Where derived keys are read. */
export type DerivedSource = Pick<Store, 'readDerived' | 'derived'>;

/** Keys that one request asks for. */
const MAX_KEYS = 1024;
/** Bytes of a key. */
const MAX_KEY_SIZE = 128;
/** Pairs in one answer of a listing. */
const MAX_PAIRS = 1000;
/** Bytes of values after which an answer ends: the next one goes on there. */
const MAX_ANSWER_BYTES = 4 * 1024 * 1024;
/** Keys that are read at a time: what is read beyond an answer is for nothing. */
const READ_AT_ONCE = 16;
const MAX_BODY_SIZE = 16 + MAX_KEYS * (MAX_KEY_SIZE + 2);
/** Bytes of all bodies that are read at one time. */
const MAX_BODY_BYTES = 16 * 1024 * 1024;
const HEADERS = { 'content-type': CBOR_TYPE, 'access-control-allow-origin': '*' };
const HEX = /^(?:[0-9a-f]{2}){0,128}$/;

/**
 * Adds what a log derived from its entries, so that `LogReading` can work elsewhere: `POST /derived` for the values of keys,
 * `GET /derived/<prefix>` for all pairs below a prefix. Whoever uses them checks them against the checkpoint.
 */
export function derivedRoutes(app: Hono<ServerEnv>, source: DerivedSource): void {
  const budget = bodyBudget(MAX_BODY_BYTES);
  app.post('/derived', async (c) => {
    queryOf(c.req, []);
    const body = await readBody(c, { limit: MAX_BODY_SIZE, budget });
    try {
      const values = await valuesOf(source, keysOf(body));
      return new Response(encodeCbor(values), {
        headers: { ...HEADERS, 'cache-control': 'no-store' },
      });
    } finally {
      budget.give(body.length);
    }
  });
  // A question in a body, so a page has to ask for leave first.
  app.options('/derived', (c) =>
    c.body(null, 204, {
      allow: 'OPTIONS, POST',
      'access-control-allow-origin': '*',
      'access-control-allow-methods': 'POST',
      'access-control-allow-headers': 'Content-Type, X-Request-Id',
      'access-control-max-age': '86400',
    }),
  );
  app.get('/derived/:prefix', async (c) => {
    const prefix = bytesOf(c.req.param('prefix'), 'the prefix');
    const { after } = queryOf(c.req, ['after']);
    if (after !== undefined && !after.startsWith(c.req.param('prefix'))) {
      throw new ServerError('http-malformed', 'after is a key that begins with the prefix');
    }
    const pairs = await pairsOf(source, prefix, after === undefined ? undefined : bytesOf(after, 'after'));
    return new Response(encodeCbor(pairs), { headers: { ...HEADERS, 'cache-control': FRESH } });
  });
}

/** The values of keys, from the first one on: of fewer keys where they are large. */
async function valuesOf(source: DerivedSource, keys: readonly Uint8Array[]): Promise<(Uint8Array | null)[]> {
  const values: (Uint8Array | null)[] = [];
  let size = 0;
  for (let at = 0; at < keys.length; at += READ_AT_ONCE) {
    for (const value of await source.readDerived(keys.slice(at, at + READ_AT_ONCE))) {
      values.push(value ?? null);
      size += value?.length ?? 0;
      if (size >= MAX_ANSWER_BYTES) return values;
    }
  }
  return values;
}

async function pairsOf(
  source: DerivedSource,
  prefix: Uint8Array,
  after: Uint8Array | undefined,
): Promise<[Uint8Array, Uint8Array][]> {
  const pairs: [Uint8Array, Uint8Array][] = [];
  let size = 0;
  for await (const [key, value] of source.derived(prefix, after)) {
    pairs.push([key, value]);
    size += key.length + value.length;
    if (pairs.length === MAX_PAIRS || size >= MAX_ANSWER_BYTES) break;
  }
  return pairs;
}

/** @throws CoreError `cbor-malformed`; ServerError `http-malformed` */
function keysOf(body: Uint8Array): Uint8Array[] {
  const keys: CborValue = decodeCbor(body, 'the keys');
  const areKeys =
    Array.isArray(keys) &&
    keys.length >= 1 &&
    keys.length <= MAX_KEYS &&
    keys.every((key) => key instanceof Uint8Array && key.length <= MAX_KEY_SIZE);
  if (areKeys) return keys as Uint8Array[];
  throw new ServerError(
    'http-malformed',
    `the body is a CBOR array of 1 to ${MAX_KEYS} byte strings, each of at most ${MAX_KEY_SIZE} bytes`,
  );
}

function bytesOf(hex: string, what: string): Uint8Array {
  if (!HEX.test(hex)) {
    throw new ServerError(
      'http-malformed',
      `${what} is an even number of hexadecimal digits in lower case, at most 256`,
    );
  }
  return new Uint8Array(Buffer.from(hex, 'hex'));
}
