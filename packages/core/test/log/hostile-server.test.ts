import { describe, expect, test } from 'vitest';
import { decodeCbor, encodeCbor } from '../../src/cbor/cbor.ts';
import { CoreError } from '../../src/error.ts';
import { nameKey } from '../../src/log/index-keys.ts';
import { leafKey } from '../../src/log/known-leaves.ts';
import type { LogReading } from '../../src/log/log-reading.ts';
import type { RemoteLog } from '../../src/log/remote-log.ts';
import { streamKey, streamPreimage } from '../../src/log-index/stream.ts';
import { formatBundle, parseBundle } from '../../src/tile/entry-bundle.ts';
import { leafHash } from '../../src/tree/hash.ts';
import { collect, createLog, entriesOf, entryOf, errorOf, expectCode, KEY, type MemoryLog, utf8 } from './fixtures.ts';
import { commit, createIndexed, STREAM, statement, word } from './indexed-fixtures.ts';
import { changed, flipped, type ServedLog, serveLog, type Tamper } from './remote-fixtures.ts';

const OTHER_STREAM = { ...STREAM, stream: 'tool/beta' };
const SUBJECT = leafHash(statement(STREAM, 0));

async function indexedLog(count = 4): Promise<MemoryLog> {
  const memory = await createIndexed();
  for (let i = 0; i < count; i++) await commit(memory.log, [statement(STREAM, i), statement(OTHER_STREAM, i)]);
  await memory.log.append(word('review', 'reviewer.example', SUBJECT));
  await memory.log.append(word('withdrawal', 'acme.example', SUBJECT));
  return memory;
}

/** Changes one value, by its number, in the answers about derived keys. */
const changingValues =
  (change: (values: (Uint8Array | null)[], keys: readonly Uint8Array[]) => (Uint8Array | null)[]) =>
  (served: ServedLog): void => {
    served.tamper = async (path, answer) => {
      if (path !== '/derived') return answer();
      // What was asked is not at hand here: the fixtures have only the path.
      return changed(await answer(), (body) => encodeCbor(change([...(decodeCbor(body, 'test') as Uint8Array[])], [])));
    };
  };

describe('whatever one answer of a server is', () => {
  const QUESTIONS: Readonly<Record<string, (log: LogReading) => Promise<unknown>>> = {
    head: async (log) => [log.size, log.root],
    entries: (log) => collect(log.entries()),
    entry: (log) => log.entry(3),
    tile: (log) => log.tile(0, 0, 5),
    inclusion: (log) => log.proveInclusion(4),
    consistency: (log) => log.proveConsistency(5),
    'what a leaf hash leads to': (log) => log.indexOf(SUBJECT),
    latest: (log) => log.latest(STREAM),
    'a stream that is not there': async (log) => (await log.latest({ ...STREAM, stream: 'none' })) ?? 'none',
    history: (log) => collect(log.history(STREAM)),
    'the end of a history': (log) => collect(log.history(STREAM, 3)),
    streams: (log) => collect(log.streams()),
    subject: (log) => log.subject(SUBJECT),
    'a subject that nobody spoke of': (log) => log.subject(leafHash(statement(STREAM, 1))),
    'proof of the latest': (log) => log.proveLatest(STREAM),
    'proof of absence': (log) => log.proveAbsent({ ...STREAM, stream: 'none' }),
    'proof of a history': (log) => log.proveHistory(STREAM, 1),
    'proof about a subject': (log) => log.proveSubject(SUBJECT),
    'proof of all streams': (log) => log.proveStreams(),
  };

  type Change = (body: Uint8Array, others: readonly Uint8Array[]) => Uint8Array | number;
  const cbor = (body: Uint8Array): unknown => {
    try {
      return decodeCbor(body, 'test');
    } catch {
      return undefined;
    }
  };
  const inList = (body: Uint8Array, change: (list: never[]) => unknown): Uint8Array => {
    const list = cbor(body);
    return Array.isArray(list) && list.length > 0
      ? encodeCbor(change([...list] as never[]) as never)
      : flipped(body, 1);
  };
  const CHANGES: Readonly<Record<string, Change>> = {
    'another first byte': (body) => flipped(body, 0),
    'another last byte': (body) => flipped(body, -1),
    'another byte in the middle': (body) => flipped(body, body.length >> 1),
    'a byte less': (body) => body.subarray(0, -1),
    'a byte more': (body) => new Uint8Array([...body, 0]),
    nothing: () => new Uint8Array(0),
    '404': () => 404,
    '500': () => 500,
    'what another one was': (body, others) => others.find((other) => other.length !== body.length) ?? body,
    'no first value': (body) => inList(body, ([_, ...rest]) => [null, ...rest]),
    'no last value': (body) => inList(body, (list) => [...list.slice(0, -1), null]),
    'a value less': (body) => inList(body, ([_, ...rest]) => rest),
    'the values in another order': (body) => inList(body, (list) => list.reverse()),
    'an empty list': () => encodeCbor([]),
    'numbers in a list': () => encodeCbor([1, 2, 3]),
    'a map': () => encodeCbor(new Map([['a', 1]])),
  };
  const NOT_VERIFIED = new Set(['what a leaf hash leads to']);

  test.each(Object.entries(QUESTIONS))('%s is right or an error', async (question, ask) => {
    const memory = await indexedLog();
    const expected = await ask(memory.log);
    const served = await serveLog(memory);
    const bodies: Uint8Array[] = [];
    served.tamper = async (_, answer) =>
      changed(await answer(), (body) => {
        bodies.push(body);
        return body;
      });
    expect(await ask(await served.open())).toEqual(expected);
    const count = bodies.length;
    for (let i = 0; i < count; i++) {
      for (const [name, change] of Object.entries(CHANGES)) {
        let at = 0;
        let path = '';
        served.tamper = async (asked, answer) => {
          if (at++ !== i) return answer();
          path = asked;
          const response = await answer();
          const body = new Uint8Array(await response.arrayBuffer());
          const other = change(body, bodies);
          if (typeof other === 'number') return new Response('', { status: other });
          return new Response(other as Uint8Array<ArrayBuffer>, { status: response.status });
        };
        let found: unknown;
        try {
          found = await ask(await served.open());
        } catch (error) {
          // Never a fault of the program: one of its refusals.
          expect(error, `${path}: ${name}: ${(error as Error).stack}`).toBeInstanceOf(CoreError);
          continue;
        }
        if (found === undefined && NOT_VERIFIED.has(question)) continue;
        expect(found, `${path}: ${name}`).toEqual(expected);
      }
    }
  });
});

const tampered = async (
  memory: MemoryLog,
  tamper: Tamper,
): Promise<{ readonly served: ServedLog; readonly remote: RemoteLog }> => {
  const served = await serveLog(memory);
  const remote = await served.open();
  served.tamper = tamper;
  return { served, remote };
};

describe('tiles and entries', () => {
  const rawLog = async (count = 600): Promise<MemoryLog> => {
    const memory = await createLog();
    for await (const _ of memory.log.appendAll(entriesOf(count)));
    return memory;
  };

  test.each(['/tile/0/000', '/tile/0/001', '/tile/entries/000', '/tile/entries/002.p/88'])(
    'that are not of the tree are refused: %s',
    async (wrong) => {
      const { remote } = await tampered(await rawLog(), async (path, answer) =>
        path === wrong ? changed(await answer(), (body) => flipped(body, -1)) : answer(),
      );
      await expectCode(collect(remote.entries()), 'tile-mismatch');
    },
  );

  test.each(['/tile/0/002.p/88', '/tile/1/000.p/2'])(
    'of the right edge that are not its are refused: %s',
    async (wrong) => {
      const served = await serveLog(await rawLog());
      served.tamper = async (path, answer) =>
        path === wrong ? changed(await answer(), (body) => flipped(body, -1)) : answer();
      const remote = await served.open();
      await expectCode(remote.entry(599), 'tile-mismatch');
      await expectCode(remote.proveInclusion(3), 'tile-mismatch');
    },
  );

  test('that change between two looks are refused each time', async () => {
    const { served, remote } = await tampered(await rawLog(), (_, answer) => answer());
    expect(await remote.entry(300)).toEqual(entryOf(300));
    served.tamper = async (path, answer) =>
      path.startsWith('/tile') ? changed(await answer(), (body) => flipped(body, 5)) : answer();
    await expectCode(remote.entry(0), 'tile-mismatch');
    served.tamper = (_, answer) => answer();
    expect(await remote.entry(0)).toEqual(entryOf(0));
  });

  test('of a bundle with other entries are refused', async () => {
    const { remote } = await tampered(await rawLog(3), async (path, answer) => {
      if (!path.startsWith('/tile/entries')) return answer();
      return changed(await answer(), (body) => formatBundle(parseBundle(body, 3).toReversed()));
    });
    await expectCode(remote.entry(0), 'tile-mismatch');
  });

  test('that are not there are said to be missing', async () => {
    const { remote } = await tampered(await rawLog(3), async (path, answer) =>
      path.startsWith('/tile') ? new Response('', { status: 404 }) : answer(),
    );
    await expectCode(remote.entry(0), 'tile-missing');
  });
});

describe('checkpoints', () => {
  const grown = async (): Promise<{ served: ServedLog; remote: RemoteLog; memory: MemoryLog; old: Uint8Array }> => {
    const memory = await createLog();
    await commit(memory.log, entriesOf(3));
    const old = memory.log.checkpoint().note;
    await commit(memory.log, entriesOf(3, 3));
    const { served, remote } = await tampered(memory, (_, answer) => answer());
    return { served, remote, memory, old };
  };
  /** A log of the same key with other entries. */
  const forked = async (count: number): Promise<MemoryLog> => {
    const other = await createLog();
    await commit(other.log, entriesOf(count, 1000));
    return other;
  };
  const serving =
    ({ log }: MemoryLog): Tamper =>
    async (path, answer) => {
      if (path.startsWith('/checkpoint')) return new Response(log.checkpoint().note as Uint8Array<ArrayBuffer>);
      if (!path.startsWith('/tile')) return answer();
      const [, level, width] = /^\/tile\/(\w+)\/000\.p\/(\d+)$/.exec(path)!;
      const tile = await log.tile(level === 'entries' ? level : Number(level), 0, Number(width));
      return new Response(tile as Uint8Array<ArrayBuffer>);
    };

  test.each([
    ['of another log', (note: string) => note.replace(KEY.vkey.keyName, 'other.example/log'), 'checkpoint-origin'],
    ['of another size', (note: string) => note.replace('\n6\n', '\n7\n'), 'note-signature'],
    ['without a signature', (note: string) => `${note.split('\n\n')[0]}\n\n`, 'note-malformed'],
    ['that is none', () => 'hello\n', 'note-malformed'],
  ])('%s are refused', async (_, change, code) => {
    const { served } = await grown();
    served.tamper = async (path, answer) =>
      path.startsWith('/checkpoint')
        ? changed(await answer(), (body) => utf8(change(new TextDecoder().decode(body))))
        : answer();
    const error = await errorOf(served.open());
    expect(error).toBeInstanceOf(CoreError);
    expect([code, 'note-unsigned', 'checkpoint-malformed']).toContain(error.code);
  });

  test('that are older than before change nothing', async () => {
    const { served, remote, old } = await grown();
    served.tamper = async (path, answer) =>
      path.startsWith('/checkpoint') ? changed(await answer(), () => old) : answer();
    await expectCode(remote.refresh(), 'checkpoint-older');
    expect(remote.size).toBe(6);
    expect(await remote.entry(5)).toEqual(entryOf(5));
    expect((await served.open()).size).toBe(3);
  });

  test.each([
    ['of the same size', 6],
    ['that is larger', 9],
    ['that is smaller', 2],
  ])('of another tree %s show that the log has forked', async (_, size) => {
    const { served, remote } = await grown();
    // Tiles of the tree that was read are kept.
    await remote.proveConsistency(1);
    served.tamper = serving(await forked(size));
    const { message } = await expectCode(remote.refresh(), 'proof-mismatch');
    expect(message).toContain('the log has signed two trees');
    expect(remote.size).toBe(6);
    served.tamper = (_, answer) => answer();
    expect(await remote.entry(5)).toEqual(entryOf(5));
  });

  test('of two trees at once show that too', async () => {
    const { served } = await grown();
    const other = await forked(2);
    const { cosigned } = await import('./fixtures.ts');
    const note = await cosigned(other.log.checkpoint().note);
    served.tamper = async (path, answer) => (path === '/checkpoint' ? changed(await answer(), () => note) : answer());
    await expectCode(served.open(), 'proof-mismatch');
  });

  test('of which one is from an old cache do not matter', async () => {
    const { served, old } = await grown();
    served.tamper = async (path, answer) =>
      path === '/checkpoint/newest' ? changed(await answer(), () => old) : answer();
    expect((await served.open()).size).toBe(6);
  });
});

describe('what a leaf hash leads to', () => {
  const answered = async (...values: (Uint8Array | null)[]) => {
    const memory = await createLog();
    await commit(memory.log, entriesOf(3));
    const served = await serveLog(memory);
    const remote = await served.open();
    changingValues(() => values)(served);
    return remote.indexOf(leafHash(entryOf(1)));
  };
  const index = (n: number): Uint8Array => new Uint8Array(8).fill(n, 7);

  test('is refused where another leaf is', () => expectCode(answered(index(0)), 'log-corrupt'));
  test('is refused where none is', () => expectCode(answered(index(200)), 'log-corrupt'));
  test('is refused if it is no index', () => expectCode(answered(utf8('one')), 'log-corrupt'));
  test('is right otherwise', async () => expect(await answered(index(1))).toBe(1));
  test('is refused in an answer about nothing', () => expectCode(answered(), 'fetch-failed'));
  test('is refused in an answer about more than was asked', () =>
    expectCode(answered(index(1), index(1)), 'fetch-failed'));
  // Which docs/threat-model.md says.
  test('can be hidden', async () => expect(await answered(null)).toBeUndefined());
});

describe('the index', () => {
  test('of which a statement in the middle of a history is another one hands out none', async () => {
    const memory = await createIndexed();
    for (let i = 0; i < 600; i += 100) {
      await commit(
        memory.log,
        Array.from({ length: 100 }, (_, j) => statement(STREAM, i + j)),
      );
    }
    const served = await serveLog(memory);
    const remote = await served.open();
    served.tamper = async (path, answer) => {
      if (path !== '/derived') return answer();
      return changed(await answer(), (body) => {
        const values = decodeCbor(body, 'test') as Uint8Array[];
        // The one of the last 88 statements: those before it have been read.
        return values.length === 88 ? encodeCbor([values[1]!, values[0]!, ...values.slice(2)]) : body;
      });
    };
    const seen: number[] = [];
    const read = async (): Promise<void> => {
      for await (const { index } of remote.history(STREAM)) seen.push(index);
    };
    await expectCode(read(), 'log-corrupt');
    expect(seen).toEqual([]);
  });

  const listing =
    (change: (pairs: (readonly [Uint8Array, Uint8Array])[], path: string) => unknown): Tamper =>
    async (path, answer) => {
      if (!path.startsWith('/derived/')) return answer();
      return changed(await answer(), (body) =>
        encodeCbor(change([...(decodeCbor(body, 'test') as [Uint8Array, Uint8Array][])], path) as never),
      );
    };
  const isOf = (stream: typeof STREAM, key: Uint8Array): boolean =>
    Buffer.from(key).equals(Buffer.from(nameKey(streamPreimage(stream))));

  test('of which a stream is left out has no list', async () => {
    const { remote } = await tampered(
      await indexedLog(),
      listing((pairs) => pairs.filter(([key]) => !isOf(STREAM, key))),
    );
    await expectCode(collect(remote.streams()), 'log-corrupt');
    await expectCode(remote.proveStreams(), 'log-corrupt');
  });

  test('of which a stream is made up lists it not', async () => {
    const invented = nameKey(streamPreimage({ ...STREAM, stream: 'tool/made-up' }));
    const memory = await indexedLog();
    const { remote } = await tampered(
      memory,
      listing((pairs) =>
        pairs.length === 0
          ? pairs
          : [...pairs, [invented, new Uint8Array(0)] as const].sort(([a], [b]) => Buffer.compare(a, b)),
      ),
    );
    expect(await collect(remote.streams())).toEqual(await collect(memory.log.streams()));
  });

  test.each([
    ['no CBOR', new Uint8Array([0xff])],
    ['a number', encodeCbor(7)],
    ['another kind', encodeCbor(['other', 'a', 'b', 'c'])],
    ['too few parts', encodeCbor(['stream', 'a', 'b'])],
    ['numbers for texts', encodeCbor(['stream', 1, 2, 3])],
    ['a text for a leaf hash', encodeCbor(['subject', 'a'])],
  ])('has no name that is %s', async (_, preimage) => {
    const { remote } = await tampered(
      await indexedLog(),
      listing((pairs, path) =>
        path.includes('after') ? [] : [[nameKey(preimage), new Uint8Array(0)], ...pairs.slice(0, 0)],
      ),
    );
    await expectCode(collect(remote.streams()), 'log-corrupt');
  });

  test('ends, also if a server lists for ever', async () => {
    const ever: Tamper = async (path, answer) => {
      if (!path.startsWith('/derived/')) return answer();
      const after = /after=([0-9a-f]*)$/.exec(path)?.[1] ?? '696b';
      const from = BigInt(`0x${after.padEnd(40, '0')}`);
      const pairs = Array.from({ length: 5_000 }, (_, i) => [
        new Uint8Array(Buffer.from((from + BigInt(i) + 1n).toString(16), 'hex')),
        new Uint8Array(0),
      ]);
      return new Response(encodeCbor(pairs as never) as Uint8Array<ArrayBuffer>);
    };
    const served = await serveLog(await createLog());
    served.tamper = ever;
    const { HttpStore } = await import('../../src/log/http-store.ts');
    const store = await HttpStore.open(served.client());
    const { message } = await expectCode(collect(store.derived(Uint8Array.of(0x69, 0x6b))), 'fetch-failed');
    expect(message).toContain('lists more derived keys than its log can have');
  });

  test.each([
    ['again', (key: Uint8Array) => key],
    ['of another prefix', (key: Uint8Array) => key.with(0, key[0]! + 1)],
  ])('lists no key %s', async (_, other) => {
    const { remote } = await tampered(
      await indexedLog(),
      listing((pairs) => pairs.flatMap((pair) => [pair, [other(pair[0]), pair[1]] as const])),
    );
    await expectCode(collect(remote.streams()), 'fetch-failed');
  });

  test('is there where a server says that there is none', async () => {
    const served = await serveLog(await indexedLog());
    served.tamper = async (path, answer) => {
      if (path !== '/description') return answer();
      return changed(await answer(), (body) =>
        utf8(new TextDecoder().decode(body).replace('"indexed": true', '"indexed": false')),
      );
    };
    const remote = await served.open();
    await expectCode(remote.derived(new Uint8Array(1)), 'log-corrupt');
  });

  test('is none where a server says that there is one', async () => {
    const memory = await createLog();
    await commit(memory.log, entriesOf(3));
    const served = await serveLog(memory);
    served.tamper = async (path, answer) => {
      if (path !== '/description') return answer();
      return changed(await answer(), (body) =>
        utf8(
          new TextDecoder()
            .decode(body)
            .replace('"indexed": false', '"indexed": true')
            .replace('"kind": "raw"', '"kind": "statements"'),
        ),
      );
    };
    await expectCode((await served.open()).latest(STREAM), 'log-range');
  });

  test('is asked for the key that was asked for', async () => {
    const memory = await indexedLog();
    const { remote } = await tampered(memory, (_, answer) => answer());
    expect((await remote.latest(STREAM))!.index).toBe((await memory.log.latestOf(streamKey(STREAM)))!.index);
  });
});

describe('what a server answers to an append', () => {
  const appended = async (answer: string, { before = 2 } = {}) => {
    const memory = await createLog();
    await commit(memory.log, entriesOf(before));
    const { remote } = await tampered(memory, async (path, honest) =>
      path === '/add-batch' ? new Response(answer) : honest(),
    );
    return errorOf(remote.append(entryOf(5)));
  };

  test('is not believed if the entry is not there', async () => {
    expect(await appended('1\n')).toMatchObject({ code: 'log-corrupt' });
  });

  test('is not believed if the log does not reach so far', async () => {
    const error = await appended('2\n');
    expect(error).toMatchObject({ code: 'fetch-failed' });
    expect(error.message).toContain('whether they are in the log is not known');
  });

  test.each(['', '1', '1\n2\n', 'one\n', '-1\n', '1.5\n', '01\n', '9007199254740992\n', '\n', '<html>\n'])(
    'is refused if it is no index: %j',
    async (answer) => {
      expect(await appended(answer)).toMatchObject({ code: 'fetch-failed' });
    },
  );
});

test('no answer is without end or too long', async () => {
  const memory = await indexedLog();
  for (const size of [0, Number.POSITIVE_INFINITY]) {
    const { served } = await tampered(memory, (_, answer) => answer());
    for (const prefix of ['/description', '/checkpoint', '/derived']) {
      served.tamper = async (path, answer) => {
        if (!path.startsWith(prefix)) return answer();
        if (size === 0) return new Response(new Uint8Array(17 * 1024 * 1024));
        return new Response(
          new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(1024 * 1024)) }),
        );
      };
      await expectCode(served.open(), 'fetch-failed');
    }
  }
});

test('a leaf key is what the other side reads it as', () => {
  // So that the tests above change what they mean to change.
  expect(leafKey(SUBJECT)[0]).toBe(0x6c);
});
