import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { HttpDerived } from '../../src/log/http-derived.ts';
import { HttpProblem } from '../../src/log/http-problem.ts';
import type { LogReading } from '../../src/log/log-reading.ts';
import { MAX_COMMIT_ENTRIES } from '../../src/log/sequencer.ts';
import { KEY_TYPE_ED25519, KEY_TYPE_ED25519_COSIGNATURE } from '../../src/note/key-type.ts';
import { privateKeyFromSeed } from '../../src/note/private-key.ts';
import { formatVkey } from '../../src/note/vkey.ts';
import { formatBundle } from '../../src/tile/entry-bundle.ts';
import { parseTilePath, tileWidth } from '../../src/tile/tile.ts';
import { leafHash } from '../../src/tree/hash.ts';
import { collect, cosigned, createLog, entriesOf, entryOf, expectCode, expectLog, KEY, utf8 } from './fixtures.ts';
import { commit, createIndexed, STREAM, statement, word } from './indexed-fixtures.ts';
import { changed, serveLog } from './remote-fixtures.ts';

const OTHER_STREAM = { ...STREAM, stream: 'tool/beta' };

/** All that a log of statements can be asked. */
async function answers(log: LogReading): Promise<unknown> {
  const subject = leafHash(statement(STREAM, 0));
  const size = log.checkpoint().size;
  return {
    size: log.size,
    root: log.root,
    checkpoint: log.checkpoint(),
    cosigned: log.cosignedCheckpoint(),
    entries: await collect(log.entries()),
    found: await log.indexOf(subject),
    missing: await log.indexOf(new Uint8Array(32)),
    inclusion: await log.proveInclusion(1, size),
    consistency: await log.proveConsistency(2, size),
    multi: await log.proveMulti({ indices: [0, 3], oldSizes: [2] }, size),
    latest: await log.latest(STREAM),
    history: await collect(log.history(STREAM)),
    later: await collect(log.history(STREAM, 3)),
    streams: await collect(log.streams()),
    subject: await log.subject(subject),
    nobody: await log.subject(new Uint8Array(32)),
    proofs: [
      await log.proveLatest(STREAM),
      await log.proveAbsent({ ...STREAM, stream: 'none' }),
      await log.proveHistory(STREAM, 2),
      await log.proveSubject(subject),
      await log.proveStreams(),
    ],
  };
}

async function indexedLog(count = 6) {
  const memory = await createIndexed();
  for (let i = 0; i < count; i++) await commit(memory.log, [statement(STREAM, i), statement(OTHER_STREAM, i)]);
  await memory.log.append(word('review', 'reviewer.example', leafHash(statement(STREAM, 0))));
  return memory;
}

describe('a log that is served', () => {
  test('answers what the log itself answers', async () => {
    const memory = await indexedLog();
    const shown = await memory.log.publish(await cosigned(memory.log.checkpoint().note));
    await memory.log.append(statement(STREAM, 100));
    const publishing = { published: () => shown, waitFor: async () => shown, refusal: () => undefined };
    const served = await serveLog(memory, { publishing });
    expect(await answers(await served.open())).toEqual(await answers(memory.log));
    expect(await answers(await served.open({ key: KEY.vkey }))).toEqual(await answers(memory.log));
  });

  test.each([0, 1, 255, 256, 257, 700, 70_000])('has all of its %i entries', async (count) => {
    const memory = await createLog();
    for await (const _ of memory.log.appendAll(entriesOf(count)));
    const served = await serveLog(memory);
    const remote = await served.open();
    if (count < 1000) return expectLog(remote, entriesOf(count));
    const hash = createHash('sha256');
    for await (const entry of remote.entries()) hash.update(entry);
    const expected = createHash('sha256');
    for (const entry of entriesOf(count)) expected.update(entry);
    expect(hash.digest('hex')).toBe(expected.digest('hex'));
  });

  test('with duplicates finds the first of them', async () => {
    const memory = await createLog({ duplicates: true });
    await commit(memory.log, [entryOf(0), entryOf(1), entryOf(1)]);
    expect(await (await (await serveLog(memory)).open()).indexOf(leafHash(entryOf(1)))).toBe(1);
  });

  test('finds a leaf that came after it was opened', async () => {
    const memory = await createLog();
    const remote = await (await serveLog(memory)).open();
    await memory.log.append(entryOf(0));
    expect(remote.size).toBe(0);
    expect(await remote.indexOf(leafHash(entryOf(0)))).toBe(0);
    expect(remote.size).toBe(1);
  });

  test('is read as of one checkpoint until it is refreshed', async () => {
    const memory = await indexedLog(4);
    const remote = await (await serveLog(memory)).open();
    const before = await answers(remote);
    await memory.log.append(statement(STREAM, 100));
    expect(await answers(remote)).toEqual(before);
    expect(await remote.refresh()).toBe(true);
    expect(await answers(remote)).toEqual(await answers(memory.log));
    expect(await remote.refresh()).toBe(false);
  });

  test('is none where something else is served', async () => {
    const served = await serveLog(await createLog());
    served.tamper = async (path, answer) =>
      path === '/description' ? new Response('<!doctype html>', { status: 200 }) : answer();
    await expect(served.open()).rejects.toMatchObject({
      code: 'fetch-failed',
      message: `${served.url}/description describes no log, so there may be none: the description of the log is not JSON`,
    });
  });

  test('does not go back where it is refreshed twice at once, and the first answer comes last', async () => {
    const memory = await createLog();
    const served = await serveLog(memory);
    const remote = await served.open();
    let looks = 0;
    served.tamper = async (path, answer) => {
      const response = await answer();
      if (path.startsWith('/checkpoint') && looks++ < 2) await new Promise((resolve) => setTimeout(resolve, 300));
      return response;
    };
    await memory.log.append(entryOf(0));
    const first = remote.refresh();
    await expect.poll(() => looks).toBe(2);
    await memory.log.append(entryOf(1));
    await Promise.all([first, remote.refresh()]);
    expect(remote.size).toBe(2);
    expect(await collect(remote.entries())).toEqual(entriesOf(2));
  });

  test('is read as of the checkpoint that it shows, where that is wanted', async () => {
    const memory = await createLog();
    await memory.log.append(entryOf(0));
    const shown = memory.log.checkpoint();
    const publishing = { published: () => shown, waitFor: async () => shown, refusal: () => undefined };
    const served = await serveLog(memory, { publishing });
    await memory.log.append(entryOf(1));
    expect((await served.open()).checkpoint()).toEqual(memory.log.checkpoint());
    expect((await served.open({ published: true })).checkpoint()).toEqual(shown);
  });

  test('that shows no checkpoint yet is said to show none', async () => {
    const memory = await createLog();
    const publishing = { published: () => undefined, waitFor: () => expect.fail(), refusal: () => undefined };
    const served = await serveLog(memory, { publishing });
    await expectCode(served.open({ published: true }), 'checkpoint-missing');
    expect((await served.open()).size).toBe(0);
  });

  test('a checkpoint without a signature of others is no cosigned one', async () => {
    const memory = await createLog();
    const remote = await (await serveLog(memory)).open();
    expect(remote.cosignedCheckpoint()).toBeUndefined();
  });
});

// https://c2sp.org/tlog-tiles#partial-tiles
describe('tiles of a log that is served', () => {
  test('are asked for once a checkpoint is verified whose size requires them, and as wide as that says', async () => {
    const memory = await createLog();
    const sizes: number[] = [];
    for (let size = 0; size < 1400; size += 173) {
      for await (const _ of memory.log.appendAll(entriesOf(173, size)));
      sizes.push(memory.log.size);
    }
    const served = await serveLog(memory);
    const remote = await served.open();
    for (let size = 0; size <= 1400; size += 90) await remote.proveConsistency(size);
    for (let index = 0; index < 1384; index += 40) {
      await remote.entry(index);
      await remote.proveInclusion(index);
    }
    await remote.proveInclusion(100, sizes[0]!);
    const paths = served.requests
      .filter((request) => request.startsWith('GET /tile/'))
      .map((request) => request.slice(5));
    expect(paths.length).toBeGreaterThan(10);
    for (const path of paths) {
      const { level, index, width } = parseTilePath(path);
      expect(width, path).toBe(tileWidth(level, index, remote.size));
    }
  });

  test('are not asked for where the checkpoint is not verified', async () => {
    const memory = await createLog();
    await memory.log.append(entryOf(0));
    const served = await serveLog(memory);
    served.tamper = async (path, answer) => {
      if (!path.startsWith('/checkpoint')) return answer();
      return changed(await answer(), (note) => utf8(new TextDecoder().decode(note).replace('\n1\n', '\n2\n')));
    };
    await expectCode(served.open(), 'note-signature');
    expect(served.requests.filter((request) => request.includes('tile'))).toEqual([]);
  });

  test('are taken from the full one where the partial one is gone', async () => {
    const memory = await createLog();
    for await (const _ of memory.log.appendAll(entriesOf(300)));
    const served = await serveLog(memory);
    const remote = await served.open();
    for await (const _ of memory.log.appendAll(entriesOf(300, 300)));
    served.tamper = async (path, answer) => (path.includes('.p/44') ? new Response('', { status: 404 }) : answer());
    expect(await remote.entry(299)).toEqual(entryOf(299));
    expect(remote.size).toBe(300);
  });

  test('are read once, and several at a time', async () => {
    const memory = await createLog();
    for await (const _ of memory.log.appendAll(entriesOf(256 * 30)));
    const served = await serveLog(memory);
    const remote = await served.open();
    let running = 0;
    let most = 0;
    served.tamper = async (_, answer) => {
      most = Math.max(most, ++running);
      try {
        return await answer();
      } finally {
        running--;
      }
    };
    expect(await collect(remote.entries())).toHaveLength(7680);
    expect(most).toBeGreaterThan(4);
    expect(new Set(served.requests).size).toBe(served.requests.length);
  });
});

describe('whose log it is', () => {
  const OTHER = privateKeyFromSeed(KEY.vkey.keyName, KEY_TYPE_ED25519, new Uint8Array(32).fill(2)).vkey;
  const WITNESS = privateKeyFromSeed('witness.example', KEY_TYPE_ED25519_COSIGNATURE, new Uint8Array(32).fill(3)).vkey;

  test('says the key that the caller knows', async () => {
    const served = await serveLog(await createLog());
    await expectCode(served.open({ key: OTHER }), 'log-key');
    await expectCode(served.open({ key: WITNESS }), 'key-type');
    expect((await served.open({ key: KEY.vkey })).origin).toBe(KEY.vkey.keyName);
  });

  test('is not said by one that the log has besides', async () => {
    const memory = await createLog();
    const served = await serveLog(memory);
    // The server names its own key first, and the one that is known after it.
    served.tamper = async (path, answer) => {
      if (path !== '/description') return answer();
      return changed(await answer(), (body) => {
        const description = JSON.parse(new TextDecoder().decode(body));
        const evil = privateKeyFromSeed(KEY.vkey.keyName, KEY_TYPE_ED25519, new Uint8Array(32).fill(9)).vkey;
        const vkeys = [formatVkey(evil), ...description.vkeys];
        return utf8(JSON.stringify({ ...description, vkeys }));
      });
    };
    await expectCode(served.open({ key: KEY.vkey }), 'log-key');
  });
});

test('derived values that are too large for one answer are asked for in several', async () => {
  const derived = {
    readDerived: async (keys: readonly Uint8Array[]) => keys.map(([byte]) => new Uint8Array(2 ** 20).fill(byte!)),
    derived: async function* () {},
  };
  const served = await serveLog(await createLog(), { derived });
  const keys = Array.from({ length: 9 }, (_, i) => Uint8Array.of(i));
  const values = await new HttpDerived(served.client()).read(keys);
  expect(values?.map((value) => [value?.length, value?.[0]])).toEqual(keys.map((_, i) => [2 ** 20, i]));
  expect(served.requests).toHaveLength(3);
});

describe('a log of which there are only files', () => {
  const files = async (count = 300) => {
    const memory = await indexedLog(count / 2);
    const served = await serveLog(memory);
    served.tamper = async (path, answer) =>
      /^\/(?:checkpoint|description|tile\/.*)$/.test(path)
        ? answer()
        : new Response('no', { status: path === '/derived' ? 405 : 404 });
    return { memory, served };
  };

  test('has its entries, and finds leaves by reading all of their hashes', async () => {
    const { memory, served } = await files();
    const remote = await served.open();
    expect(remote.answersDerived).toBe(false);
    expect(remote.description).toEqual(memory.log.description);
    expect(await collect(remote.entries())).toEqual(await collect(memory.log.entries()));
    expect(await remote.indexOf(leafHash(statement(STREAM, 140)))).toBe(
      await memory.log.indexOf(leafHash(statement(STREAM, 140))),
    );
    expect(await remote.indexOf(new Uint8Array(32))).toBeUndefined();
    expect(await remote.proveInclusion(5)).toEqual(await memory.log.proveInclusion(5));
  });

  test('says so when its index is asked', async () => {
    const { served } = await files(4);
    const remote = await served.open();
    await expectCode(remote.latest(STREAM), 'log-static');
    await expectCode(collect(remote.streams()), 'log-static');
    await expectCode(collect(remote.history(STREAM)), 'log-static');
    await expectCode(remote.derived(new Uint8Array(1)), 'log-static');
  });

  test.each([404, 405, 410, 501])('is known by the answer %i', async (status) => {
    const { served } = await files(4);
    served.tamper = async (path, answer) => (path === '/derived' ? new Response('', { status }) : answer());
    expect((await served.open()).answersDerived).toBe(false);
  });

  test('is read without a description, by a key that the caller knows', async () => {
    const { memory, served } = await files(4);
    served.tamper = async (path, answer) =>
      /^\/(?:checkpoint|tile\/.*)$/.test(path) ? answer() : new Response('', { status: 404 });
    await expectCode(served.open(), 'log-key');
    const remote = await served.open({ key: KEY.vkey });
    expect(remote.description).toMatchObject({ origin: KEY.vkey.keyName, kind: 'raw', indexed: false });
    expect(await collect(remote.entries())).toEqual(await collect(memory.log.entries()));
    expect(await remote.indexOf(leafHash(statement(STREAM, 1)))).toBeDefined();
    await expectCode(remote.latest(STREAM), 'log-index');
  });
});

describe('appending by URL', () => {
  test('gives what the log itself gives', async () => {
    const memory = await createLog();
    const served = await serveLog(memory);
    const remote = await served.open();
    const { index, checkpoint } = await remote.append(entryOf(0));
    expect(index).toBe(0);
    expect(checkpoint).toEqual(memory.log.checkpoint().note);
    expect(remote.size).toBe(1);
    const batches = await collect(remote.appendAll(entriesOf(MAX_COMMIT_ENTRIES + 10)));
    expect(batches.map(({ length }) => length)).toEqual([MAX_COMMIT_ENTRIES, 10]);
    expect(batches.flatMap((batch) => [...batch]).map((appended) => appended.index)).toEqual(
      Array.from({ length: MAX_COMMIT_ENTRIES + 10 }, (_, i) => i),
    );
    await expectLog(memory.log, entriesOf(MAX_COMMIT_ENTRIES + 10));
  });

  test('fills requests up to what a server takes', async () => {
    const memory = await createLog();
    const remote = await (await serveLog(memory)).open();
    const large = Array.from({ length: 40 }, (_, i) => new Uint8Array(65_535).fill(i + 1));
    const odd = new Uint8Array(2 * 1024 * 1024 - 31 * 65_537 - 2).fill(77);
    const batches = await collect(remote.appendAll([...large.slice(0, 31), odd, ...large.slice(31)]));
    expect(batches.map(({ length }) => length)).toEqual([32, 9]);
    expect(memory.log.size).toBe(41);
  });

  test('tells what the server refuses, and nothing is appended', async () => {
    const refusal = Object.assign(new Error('not in this house'), { code: 'admission-key' });
    const memory = await createIndexed({ admission: { admit: () => Promise.reject(refusal) } });
    const remote = await (await serveLog(memory)).open();
    const error = await remote.append(statement(STREAM, 0)).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(HttpProblem);
    expect(error).toMatchObject({ status: 403, problem: 'admission-key', detail: 'not in this house' });
    expect(memory.log.size).toBe(0);
  });

  test('is refused here where the server would refuse it anyway', async () => {
    const served = await serveLog(await createLog());
    const remote = await served.open();
    served.requests.length = 0;
    await expectCode(remote.append(new Uint8Array(0)), 'entry-empty');
    await expectCode(remote.append(new Uint8Array(65_536)), 'entry-too-large');
    expect(served.requests).toEqual([]);
  });

  test('is not possible where nothing takes entries', async () => {
    const served = await serveLog(await createLog());
    served.tamper = async (path, answer) => (path === '/add-batch' ? new Response('', { status: 404 }) : answer());
    await expectCode((await served.open()).append(entryOf(0)), 'log-read-only');
    const readOnly = await serveLog(await createLog(), { append: undefined });
    expect(await (await readOnly.open()).append(entryOf(0)).catch((error) => error)).toMatchObject({
      problem: 'log-read-only',
    });
  });

  describe('over a connection that breaks', () => {
    const CUT = new TypeError('terminated', { cause: Object.assign(new Error('reset'), { code: 'ECONNRESET' }) });
    const before = (cuts: number) => {
      let cut = 0;
      return async (path: string, answer: () => Promise<Response>): Promise<Response> => {
        if (path === '/add-batch' && cut++ < cuts) throw CUT;
        return answer();
      };
    };
    const after = (cuts: number) => {
      let cut = 0;
      return async (path: string, answer: () => Promise<Response>): Promise<Response> => {
        const response = await answer();
        if (path === '/add-batch' && cut++ < cuts) throw CUT;
        return response;
      };
    };

    test.each([
      ['before the server took them', before],
      ['after the server took them', after],
    ])('%s, entries are sent again, and are in the log once', async (_, cut) => {
      const memory = await createLog();
      const served = await serveLog(memory);
      const remote = await served.open();
      served.tamper = cut(3);
      const [batch] = await collect(remote.appendAll(entriesOf(5)));
      expect([...batch!].map(({ index }) => index)).toEqual([0, 1, 2, 3, 4]);
      await expectLog(memory.log, entriesOf(5));
      expect(served.requests.filter((request) => request === 'POST /add-batch')).toHaveLength(4);
    });

    test.each([
      ['before the server took them', before, 0],
      ['after the server took them', after, 5],
    ])('%s, a log that allows duplicates does not get them again, and that is said', async (_, cut, size) => {
      const memory = await createLog({ duplicates: true });
      const served = await serveLog(memory);
      const remote = await served.open();
      served.tamper = cut(1);
      const error = await expectCode(collect(remote.appendAll(entriesOf(5))), 'fetch-failed');
      expect(error.message).toMatch(/; whether the server took what was sent is not known$/);
      expect(memory.log.size).toBe(size);
    });

    test('for good, the entries may be there, and are found when they are sent again', async () => {
      const memory = await createLog();
      const served = await serveLog(memory);
      const remote = await served.open();
      served.tamper = after(100);
      await expectCode(remote.append(entryOf(0)), 'fetch-failed');
      served.tamper = before(0);
      expect((await remote.append(entryOf(0))).index).toBe(0);
      expect(memory.log.size).toBe(1);
    });
  });

  test('takes many entries at once', async () => {
    const memory = await createLog();
    const remote = await (await serveLog(memory)).open();
    const entries = entriesOf(100);
    const appended = await Promise.all(entries.map((entry) => remote.append(entry)));
    for (const [i, { index }] of appended.entries()) expect(await remote.entry(index)).toEqual(entries[i]);
    expect(memory.log.size).toBe(100);
  });

  test('waits for a copy of the log that is behind', async () => {
    const memory = await createLog();
    const served = await serveLog(memory);
    await memory.log.append(entryOf(0));
    const remote = await served.open();
    const old = memory.log.checkpoint().note;
    let looks = 0;
    served.tamper = async (path, answer) => {
      const response = await answer();
      return path.startsWith('/checkpoint') && looks++ < 4 ? changed(response, () => old) : response;
    };
    expect((await remote.append(entryOf(1))).index).toBe(1);
    expect(looks).toBeGreaterThan(4);
  });

  test('is as the server sends entries: in the encoding of bundles', async () => {
    const memory = await createLog();
    const served = await serveLog(memory);
    const bodies: unknown[] = [];
    const client = served.client({
      fetch: (async (url: string, init: RequestInit) => {
        if (init.method === 'POST') bodies.push(init.body);
        return fetch(url, init);
      }) as typeof fetch,
    });
    const { RemoteLog } = await import('../../src/log/remote-log.ts');
    await (await RemoteLog.open(client)).append(entryOf(3));
    expect(bodies.at(-1)).toEqual(formatBundle([entryOf(3)]));
  });
});
