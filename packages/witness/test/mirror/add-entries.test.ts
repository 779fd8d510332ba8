import { formatAddCheckpoint, HASH_SIZE, openCheckpoint, parseVkey } from '@vitrine/core';
import type { Log } from '@vitrine/core/log';
import { ReferenceTree } from '@vitrine/testkit';
import { describe, expect, test } from 'vitest';
import { type AddEntriesAnswer, addEntries } from '../../src/mirror/add-entries.ts';
import { ByteStream } from '../../src/mirror/byte-stream.ts';
import {
  formatAddEntriesHeader,
  formatEntryPackage,
  packageIntervals,
  subtreeOf,
} from '../../src/mirror/entry-package.ts';
import type { Mirror } from '../../src/mirror/mirror.ts';
import { formatMirrorInfo, parseMirrorInfo } from '../../src/mirror/mirror-info.ts';
import { ORIGIN, schemes, TestLog, utf8 } from '../support/logs.ts';
import { addSignatureLines } from '../support/notes.ts';
import { append, createLog, createMirror, entriesOf, LOG_VKEY, MAPPING, MIRROR_KEYS } from './support.ts';

// https://c2sp.org/tlog-mirror#add-entries

interface Upload {
  readonly origin?: string;
  readonly start?: number;
  readonly end?: number;
  readonly ticket?: Uint8Array;
  /** How many packages; all by default. */
  readonly packages?: number;
  /** What becomes of the packages. */
  readonly change?: (packages: Uint8Array[]) => Uint8Array[];
}

/** The body of a request that uploads a part of a log. */
async function body(
  log: Log,
  { origin = ORIGIN, start = 0, ticket = new Uint8Array(0), ...rest }: Upload = {},
): Promise<Uint8Array> {
  const { end = log.size, packages: count = Number.POSITIVE_INFINITY, change = (packages) => packages } = rest;
  const packages: Uint8Array[] = [];
  for (const interval of end <= log.size ? packageIntervals(start, end) : []) {
    if (packages.length === count) break;
    const entries: Uint8Array[] = [];
    for await (const entry of log.entries(interval.start, interval.end)) entries.push(entry);
    const { proof } = await log.proveSubtreeConsistency(subtreeOf(interval), end);
    packages.push(formatEntryPackage({ entries, proof }));
  }
  return new Uint8Array(Buffer.concat([formatAddEntriesHeader({ origin, start, end, ticket }), ...change(packages)]));
}

/** In chunks of any size. */
async function* chunks(bytes: Uint8Array, size: number = bytes.length || 1): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.slice(at, at + size);
}

const send = (mirror: Mirror, bytes: Uint8Array, size?: number): Promise<AddEntriesAnswer> =>
  addEntries(mirror, new ByteStream(chunks(bytes, size)));

/** Makes the newest checkpoint of a log, or an earlier one, the pending one. */
async function announce(mirror: Mirror, log: Log, note: Uint8Array = log.checkpoint().note): Promise<void> {
  const newest = await mirror.pending.newest();
  const { size } = openCheckpoint(note, { origin: ORIGIN, keys: [parseVkey(LOG_VKEY)] }).checkpoint;
  const { proof } = await log.proveConsistency(newest?.size ?? 0, size);
  await mirror.pending.add(formatAddCheckpoint({ oldSize: newest?.size ?? 0, proof, checkpoint: note }));
}

const conflict = (size: number, next: number): unknown => ({
  status: 409,
  info: { size, next, ticket: new Uint8Array(0) },
});
const accepted = (size: number, next: number): unknown => ({
  status: 202,
  info: { size, next, ticket: new Uint8Array(0) },
});

async function both(count = 1000, keys = MIRROR_KEYS): Promise<{ log: Log; mirror: Mirror }> {
  const log = await createLog(entriesOf(count));
  const mirror = await createMirror({ keys });
  await announce(mirror, log);
  return { log, mirror };
}

describe('adding entries', () => {
  test('stores all of them, publishes the pending checkpoint and answers with its cosignatures', async () => {
    const { log, mirror } = await both();
    const answer = await send(mirror, await body(log));
    if (answer.status !== 200) throw new Error(`status ${answer.status}`);
    const note = addSignatureLines(log.checkpoint().note, answer.signatures);
    const opened = openCheckpoint(note, {
      origin: ORIGIN,
      keys: [parseVkey(LOG_VKEY)],
      cosigners: MIRROR_KEYS.map(({ vkey }) => vkey),
      schemes,
    });
    expect(opened.note.verified.map(({ verifier }) => verifier.type)).toEqual([0x01, 0x04, 0x06]);
    // Persisted with the mirror's cosignature and the log's.
    expect(mirror.replica.checkpoint().note).toEqual(note);
    expect(mirror.replica.root).toEqual(log.root);
  });

  test.each([1, 7, 100_000])('reads a request that comes in chunks of %i bytes', async (size) => {
    const { log, mirror } = await both(600);
    expect((await send(mirror, await body(log), size)).status).toBe(200);
    expect(mirror.replica.root).toEqual(log.root);
  });

  test('takes prefixes of the packages, says where to go on, and is done with the last', async () => {
    const { log, mirror } = await both();
    expect(await send(mirror, await body(log, { packages: 2 }))).toEqual(accepted(1000, 512));
    expect(mirror.replica.published()).toBeUndefined();
    expect(await send(mirror, await body(log, { start: 512, packages: 1 }))).toEqual(accepted(1000, 768));
    expect((await send(mirror, await body(log, { start: 768 }))).status).toBe(200);
    expect(mirror.replica.root).toEqual(log.root);
  });

  test('takes what begins in the middle of a bundle, by the entries that are there', async () => {
    const { log, mirror } = await both(300);
    expect((await send(mirror, await body(log))).status).toBe(200);
    await append(log, entriesOf(700, 300));
    await announce(mirror, log);
    expect((await send(mirror, await body(log, { start: 300 }))).status).toBe(200);
    expect(mirror.replica.root).toEqual(log.root);
    await append(log, entriesOf(3, 1000));
    await announce(mirror, log);
    expect((await send(mirror, await body(log, { start: 1000 }))).status).toBe(200);
    expect(mirror.replica.checkpoint().size).toBe(1003);
  });

  test('skips entries that are there, and authenticates them all the same', async () => {
    const { log, mirror } = await both();
    await send(mirror, await body(log, { packages: 3 }));
    expect(await send(mirror, await body(log, { packages: 2 }))).toEqual(accepted(1000, 768));
    const wrong = await body(log, {
      change: ([first, ...more]) => [first!.map((b, i) => (i === 5 ? b ^ 1 : b)), ...more],
    });
    expect((await send(mirror, wrong)).status).toBe(422);
    expect((await send(mirror, await body(log, { start: 100 }))).status).toBe(200);
  });

  test('with nothing to add publishes what is there', async () => {
    const { log, mirror } = await both(600);
    await send(mirror, await body(log, { packages: 2 }));
    expect((await send(mirror, await body(log, { start: 512 }))).status).toBe(200);
    const empty = await body(log, { start: 600 });
    expect((await send(mirror, empty)).status).toBe(200);
    const fresh = await createMirror({ keys: MIRROR_KEYS });
    const none = await createLog();
    await announce(fresh, none);
    expect((await send(fresh, await body(none))).status).toBe(200);
    expect(fresh.replica.checkpoint().size).toBe(0);
  });

  test('of a log that is not mirrored is 404', async () => {
    const { log, mirror } = await both();
    expect(await send(mirror, await body(log, { origin: 'example.com/other' }))).toMatchObject({ status: 404 });
  });

  test('before any checkpoint was added is 422', async () => {
    const log = await createLog(entriesOf(10));
    const mirror = await createMirror();
    expect(await send(mirror, await body(log))).toMatchObject({ status: 422 });
  });

  test('up to a size that no pending checkpoint has is 409, which says what it has', async () => {
    const { log, mirror } = await both();
    expect(await send(mirror, await body(log, { end: 999 }))).toEqual(conflict(1000, 0));
    expect(await send(mirror, await body(log, { end: 2000 }))).toEqual(conflict(1000, 0));
    expect(await send(mirror, await body(log, { end: Number.MAX_SAFE_INTEGER }))).toEqual(conflict(1000, 0));
    const huge = await body(log);
    huge.fill(0xff, 2 + ORIGIN.length + 8, 2 + ORIGIN.length + 16);
    expect(await send(mirror, huge)).toEqual(conflict(1000, 0));
  });

  test('up to any of the last 16 pending checkpoints is taken, and of an earlier one is 409', async () => {
    const log = await createLog(entriesOf(10));
    const mirror = await createMirror({ keys: MIRROR_KEYS });
    await announce(mirror, log);
    for (let i = 1; i <= 16; i++) {
      await append(log, entriesOf(10, 10 * i));
      await announce(mirror, log);
    }
    expect(await send(mirror, await body(log, { end: 10 }))).toEqual(conflict(170, 0));
    expect((await send(mirror, await body(log, { end: 20 }))).status).toBe(200);
    expect(mirror.replica.size).toBe(20);
    expect((await send(mirror, await body(log, { end: 150 }))).status).toBe(200);
    expect((await send(mirror, await body(log, { start: 150 }))).status).toBe(200);
  });

  test('up to the size of the checkpoint of the mirror is taken, also if that is no pending one any more', async () => {
    const log = await createLog(entriesOf(10));
    const mirror = await createMirror({ keys: MIRROR_KEYS });
    await announce(mirror, log);
    await send(mirror, await body(log));
    for (let i = 1; i <= 16; i++) {
      await append(log, entriesOf(1, 9 + i));
      await announce(mirror, log);
    }
    expect((await mirror.pending.all()).map(({ size }) => size)).not.toContain(10);
    expect((await send(mirror, await body(log, { start: 3, end: 10 }))).status).toBe(200);
  });

  test('up to less than the checkpoint of the mirror is 409, and nothing goes back', async () => {
    const log = await createLog(entriesOf(500));
    const mirror = await createMirror({ keys: MIRROR_KEYS });
    await announce(mirror, log);
    await append(log, entriesOf(500, 500));
    await announce(mirror, log);
    expect((await send(mirror, await body(log))).status).toBe(200);
    const { note } = mirror.replica.checkpoint();
    expect(await send(mirror, await body(log, { end: 500 }))).toEqual(conflict(1000, 1000));
    // Before any package is looked at.
    expect(await send(mirror, await body(log, { end: 500, packages: 0 }))).toEqual(conflict(1000, 1000));
    expect(mirror.replica.checkpoint().note).toEqual(note);
  });

  test('from behind the next entry is 409', async () => {
    const { log, mirror } = await both();
    expect(await send(mirror, await body(log, { start: 256 }))).toEqual(conflict(1000, 0));
    await send(mirror, await body(log, { packages: 1 }));
    expect(await send(mirror, await body(log, { start: 257 }))).toEqual(conflict(1000, 256));
    expect((await send(mirror, await body(log, { start: 256 }))).status).toBe(200);
  });

  test('with far more entries than the mirror needs is 409', async () => {
    const { log, mirror } = await both(10_000);
    expect((await send(mirror, await body(log, { packages: 34 }))).status).toBe(202);
    expect(mirror.replica.next).toBe(34 * 256);
    expect(await send(mirror, await body(log, { start: 34 * 256 - 8193 }))).toEqual(conflict(10_000, 34 * 256));
    expect((await send(mirror, await body(log, { start: 34 * 256 - 8192 }))).status).toBe(200);
  });

  test('whose start is above the end is 400', async () => {
    const { log, mirror } = await both();
    expect(await send(mirror, await body(log, { start: 11, end: 10 }))).toMatchObject({ status: 400 });
  });

  test('that ends before the first package does is 400, and later 202', async () => {
    const { log, mirror } = await both(600);
    const whole = await body(log);
    const header = formatAddEntriesHeader({ origin: ORIGIN, start: 0, end: 600, ticket: new Uint8Array(0) }).length;
    const first = (await body(log, { packages: 1 })).length - header;
    for (const at of [0, 1, 10, header - 1, header, header + 1, header + 100, header + first - 1]) {
      expect(await send(mirror, whole.slice(0, at)), `at ${at}`).toMatchObject({ status: 400 });
    }
    expect(mirror.replica.next).toBe(0);
    expect(await send(mirror, whole.slice(0, header + first))).toEqual(accepted(600, 256));
    expect(await send(mirror, whole.slice(0, header + first + 50))).toEqual(accepted(600, 256));
    expect((await send(mirror, whole)).status).toBe(200);
  });

  test('that breaks off is taken as far as it came', async () => {
    const { log, mirror } = await both(600);
    const whole = await body(log);
    const broken = async function* (): AsyncGenerator<Uint8Array> {
      yield whole.slice(0, 5000);
      throw new Error('the client went away');
    };
    expect(await addEntries(mirror, new ByteStream(broken()))).toEqual(accepted(600, 256));
  });

  test('with bytes behind the last package is taken without them', async () => {
    const { log, mirror } = await both(600);
    const more = new Uint8Array([...(await body(log)), 1, 2, 3]);
    expect((await send(mirror, more)).status).toBe(200);
  });

  test.each<[string, (packages: Uint8Array[]) => Uint8Array[]]>([
    [
      'an entry with a changed byte',
      ([a, b, ...more]) => [a!, b!.map((byte, i) => (i === 9 ? byte ^ 1 : byte)), ...more],
    ],
    [
      'a proof with a changed byte',
      ([a, b, ...more]) => [a!, b!.map((byte, i) => (i === b!.length - 1 ? byte ^ 1 : byte)), ...more],
    ],
    ['packages in another order', ([a, b, c, d]) => [a!, c!, b!, d!]],
    ['a package twice', ([a, ...more]) => [a!, a!, ...more]],
    ['a proof without its last hash', ([a, b, ...more]) => [a!, shorter(b!), ...more]],
    ['a proof with a hash too many', ([a, b, ...more]) => [a!, longer(b!, 1), ...more]],
    ['a proof of 64 hashes', ([a, b, ...more]) => [a!, longer(b!, 64), ...more]],
    ['an empty entry', ([a, b, ...more]) => [a!, new Uint8Array([0, 0, ...b!]), ...more]],
  ])('that cannot be authenticated is 422, and what is before that stays: %s', async (_, change) => {
    const { log, mirror } = await both(1000);
    const answer = await send(mirror, await body(log, { change }));
    expect(answer).toMatchObject({ status: 422 });
    expect(mirror.replica.next).toBe(256);
    expect(mirror.replica.published()).toBeUndefined();
    expect((await send(mirror, await body(log, { start: 256 }))).status).toBe(200);
    expect(mirror.replica.root).toEqual(log.root);
  });

  /** The first bytes of a package's proof. */
  function proofAt(bytes: Uint8Array): number {
    let at = 0;
    for (let i = 0; i < 256; i++) at += 2 + bytes[at]! * 256 + bytes[at + 1]!;
    return at;
  }

  function shorter(bytes: Uint8Array): Uint8Array {
    const copy = bytes.slice(0, -HASH_SIZE);
    copy[proofAt(bytes)]!--;
    return copy;
  }

  function longer(bytes: Uint8Array, hashes: number): Uint8Array {
    const at = proofAt(bytes);
    const copy = new Uint8Array([...bytes, ...new Uint8Array((hashes === 64 ? 64 - bytes[at]! : hashes) * HASH_SIZE)]);
    copy[at]! += hashes === 64 ? 64 - bytes[at]! : hashes;
    return copy;
  }

  test('that are right in another tree of the log are 422', async () => {
    const { mirror } = await both(1000);
    const other = await createLog([...entriesOf(300), ...entriesOf(700, 5000)]);
    expect(await send(mirror, await body(other))).toMatchObject({ status: 422 });
    expect(mirror.replica.next).toBe(0);
  });

  test('with an entry of no bytes, which tlog-tiles does not rule out, are 422', async () => {
    const mirror = await createMirror({ keys: MIRROR_KEYS });
    const entries = [utf8('a'), new Uint8Array(0)];
    const note = await new TestLog().note(2, { root: new ReferenceTree(entries).root(2) });
    await mirror.pending.add(formatAddCheckpoint({ oldSize: 0, proof: [], checkpoint: note }));
    const header = formatAddEntriesHeader({ origin: ORIGIN, start: 0, end: 2, ticket: new Uint8Array(0) });
    const upload = new Uint8Array([...header, 0, 1, 97, 0, 0, 0]);
    expect(await send(mirror, upload)).toMatchObject({
      status: 422,
      reason: expect.stringContaining('entry 1 is empty'),
    });
  });

  test('any ticket is taken for none', async () => {
    const { log, mirror } = await both(600);
    expect((await send(mirror, await body(log, { ticket: new Uint8Array(65_535).fill(7), packages: 1 }))).status).toBe(
      202,
    );
    expect((await send(mirror, await body(log, { start: 256, ticket: utf8('x') }))).status).toBe(200);
  });

  test('can be done by many at once, some of whom stop in between', async () => {
    const { log, mirror } = await both(3000);
    const whole = await body(log);
    let release!: () => void;
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const slow = async function* (): AsyncGenerator<Uint8Array> {
      yield whole.slice(0, 9000);
      await released;
      yield whole.slice(9000);
    };
    const paused = addEntries(mirror, new ByteStream(slow()));
    const answers = await Promise.all([1, 777, 50_000].map((size) => send(mirror, whole, size)));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    release();
    expect((await paused).status).toBe(200);
    expect(mirror.replica.root).toEqual(log.root);
  });

  test('an upload to an earlier checkpoint that ends late is 409, and rewinds nothing', async () => {
    const log = await createLog(entriesOf(600));
    const mirror = await createMirror({ keys: MIRROR_KEYS });
    await announce(mirror, log);
    await append(log, entriesOf(400, 600));
    await announce(mirror, log);
    const early = await body(log, { end: 600 });
    const late = async function* (): AsyncGenerator<Uint8Array> {
      yield early.slice(0, 5000);
      expect((await send(mirror, await body(log))).status).toBe(200);
      yield early.slice(5000);
    };
    expect(await addEntries(mirror, new ByteStream(late()))).toEqual(conflict(1000, 1000));
    expect(mirror.replica.checkpoint().size).toBe(1000);
  });

  test('of a log that lies in its index are kept, and its checkpoint is not', async () => {
    const log = await createLog(entriesOf(10));
    const mirror = await createMirror({ keys: MIRROR_KEYS, mapping: MAPPING });
    await announce(mirror, log);
    const answer = await send(mirror, await body(log));
    expect(answer).toMatchObject({ status: 422, reason: expect.stringContaining('entry 9') });
    expect([mirror.replica.next, mirror.replica.published()]).toEqual([10, undefined]);
    const honest = await createLog([utf8('stream a 1'), utf8('stream b 2')], { indexed: true });
    const other = await createMirror({ keys: MIRROR_KEYS, mapping: MAPPING });
    await announce(other, honest);
    expect((await send(other, await body(honest))).status).toBe(200);
    expect(await other.replica.latest({ type: 'build', issuer: 'acme.example', stream: 'a' })).toMatchObject({
      position: 0,
    });
  });
});

describe('what a mirror says of itself', () => {
  test('is three lines, and nothing else is read', () => {
    const info = { size: 20_852_163, next: 512, ticket: Uint8Array.of(1, 2, 3) };
    expect(formatMirrorInfo(info)).toBe('20852163\n512\nAQID\n');
    expect(parseMirrorInfo(utf8(formatMirrorInfo(info)))).toEqual(info);
    expect(parseMirrorInfo(utf8('7\n3\n\n'))).toEqual({ size: 7, next: 3, ticket: new Uint8Array(0) });
    for (const text of [
      '',
      '7\n3\n',
      '7\n3\n\n\n',
      '07\n3\n\n',
      '7\n-3\n\n',
      '7\n3\nAQ\n',
      '7\n3\n\nx',
      '7\r\n3\r\n\r\n',
    ]) {
      expect(parseMirrorInfo(utf8(text)), JSON.stringify(text)).toBeUndefined();
    }
    expect(parseMirrorInfo(new Uint8Array(100_000))).toBeUndefined();
  });
});

test('packages end where bundles do', () => {
  expect([...packageIntervals(0, 0)]).toEqual([]);
  expect([...packageIntervals(300, 300)]).toEqual([]);
  expect([...packageIntervals(0, 256)]).toEqual([{ start: 0, end: 256 }]);
  expect([...packageIntervals(250, 520)]).toEqual([
    { start: 250, end: 256 },
    { start: 256, end: 512 },
    { start: 512, end: 520 },
  ]);
  expect(subtreeOf({ start: 250, end: 256 })).toEqual({ start: 0, end: 256 });
  expect(subtreeOf({ start: 513, end: 520 })).toEqual({ start: 512, end: 520 });
});
