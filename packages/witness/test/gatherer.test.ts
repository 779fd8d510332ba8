import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import {
  addSignatures,
  CoreError,
  cosign,
  cosignatureTime,
  cosignerOf,
  formatSignatureLines,
  formatSignedNote,
  parseCheckpoint,
  parseSignedNote,
  verifyCheckpoint,
} from '@vitrine/core';
import { describe, expect, test } from 'vitest';
import { temporaryDirectory } from './support/directory.ts';
import { eventually } from './support/eventually.ts';
import {
  createLog,
  failureOf,
  gather,
  grow,
  never,
  openLog,
  policyOf,
  runningWitness,
  seconds,
  served,
  THIRD,
  wrapped,
} from './support/gathering.ts';
import { keyOf, ORIGIN, schemes, TestLog } from './support/logs.ts';
import { refusal } from './support/refusal.ts';
import { bodyOf, serve, serveWitness, type TestServer } from './support/servers.ts';
import { ED25519, ML_DSA, testWitness } from './support/witnesses.ts';

test('A checkpoint is published once as many witnesses as the policy asks for have cosigned it, and again with those that come later', async () => {
  const log = await createLog();
  const servers = [await served(ED25519), await served(ML_DSA), await served(THIRD)] as const;
  await servers[2].stop();
  const policy = policyOf(
    [ED25519, ML_DSA, THIRD].map((key, i) => [key, servers[i]!.url] as const),
    2,
  );
  const size = await grow(log, 5);
  const gatherer = gather({ log, policy });
  expect(gatherer.published()).toBeUndefined();
  const published = await gatherer.waitFor(size, never());
  const names = (note: Uint8Array): Set<string> =>
    new Set(verifyCheckpoint(note, policy, { schemes }).cosignatures.map(({ witness }) => witness));
  expect(names(published.note)).toEqual(new Set(['w0', 'w1']));
  expect(log.cosignedCheckpoint()).toEqual(published);
  await eventually(() => expect(failureOf(gatherer, 'w2')).toBe('witness-unreachable'));
  await servers[2].start();
  await eventually(() => expect(names(gatherer.published()!.note)).toEqual(new Set(['w0', 'w1', 'w2'])));
  expect(log.cosignedCheckpoint()).toEqual(gatherer.published());
  expect(gatherer.status()).toMatchObject(
    [0, 1, 2].map((i) => ({ name: `w${i}`, url: servers[i]!.url, size, cosigned: { size } })),
  );
  expect(gatherer.status().some(({ failure }) => failure !== undefined)).toBe(false);
});

test('Nothing is published that the policy is not satisfied by', async () => {
  const log = await createLog();
  const server = await served(ED25519);
  const policy = policyOf([
    [ED25519, server.url],
    [THIRD, 'http://127.0.0.1:9'],
  ]);
  await grow(log, 3);
  const gatherer = gather({ log, policy });
  gatherer.start();
  await gatherer.settled();
  expect(gatherer.status()[0]?.cosigned).toMatchObject({ size: 3 });
  expect(gatherer.published()).toBeUndefined();
  expect(log.cosignedCheckpoint()).toBeUndefined();
});

test('Where the policy asks for nobody, what the log signs is published, and cosignatures are gathered all the same', async () => {
  const log = await createLog();
  const server = await served(ED25519);
  const gatherer = gather({ log, policy: policyOf([[ED25519, server.url]], 'none') });
  expect(gatherer.published()).toEqual(log.checkpoint());
  expect(gatherer.refusal()).toBeUndefined();
  const size = await grow(log, 3);
  expect((await gatherer.waitFor(size, never())).size).toBe(size);
  gatherer.start();
  await eventually(() => expect(log.cosignedCheckpoint()?.size).toBe(size));
});

test('What was published is known after a restart, and so is what each witness saw', async () => {
  const directory = join(temporaryDirectory(), 'log');
  const log = await createLog(directory);
  const server = await served(ED25519);
  const policy = policyOf([[ED25519, server.url]]);
  const size = await grow(log, 3);
  const first = gather({ log, policy });
  await first.waitFor(size, never());
  await first[Symbol.asyncDispose]();
  await log[Symbol.asyncDispose]();

  const next = await openLog(directory);
  const second = gather({ log: next, policy });
  expect(second.published()?.size).toBe(size);
  expect(second.status()).toMatchObject([{ size, cosigned: { size } }]);
  const larger = await grow(next, 2);
  server.requests.length = 0;
  await second.waitFor(larger, never());
  await second[Symbol.asyncDispose]();
  // It went on from there, without asking what size that is.
  expect(server.requests).toEqual(['POST /add-checkpoint']);
});

test('A witness that saw another size says so, and is asked from there at once', async () => {
  const log = await createLog();
  const server = await served(ED25519);
  const policy = policyOf([[ED25519, server.url]]);
  await grow(log, 3);
  const first = gather({ log, policy });
  await first.waitFor(3, never());
  await first[Symbol.asyncDispose]();
  await grow(log, 4);
  // It has lost what the log kept of its witnesses.
  const forgetful = wrapped(log, { cosignedCheckpoint: () => undefined });
  const second = gather({ log: forgetful, policy, backoff: { base: 60_000, max: 60_000 } });
  server.requests.length = 0;
  await second.waitFor(7, never());
  expect(server.requests.slice(0, 2)).toEqual(['POST /add-checkpoint', 'POST /add-checkpoint']);
  expect(failureOf(second, 'w0')).toBeUndefined();
});

test('Signatures by unknown keys in an answer are ignored, be they valid or not', async () => {
  const log = await createLog();
  const w = await runningWitness([ED25519, ML_DSA]);
  const server = await serveWitness(w);
  await grow(log, 3);
  const gatherer = gather({ log, policy: policyOf([[ED25519, server.url]]) });
  const { note } = await gatherer.waitFor(3, never());
  expect(parseSignedNote(note).signatures).toHaveLength(2);
});

test('A witness that knows the log by another key than the one that signs each checkpoint gets the signature of that one too', async () => {
  const log = await createLog();
  await grow(log, 3);
  const ownKey = keyOf(ORIGIN, 0x06, 66);
  const note = parseSignedNote(log.checkpoint().note);
  const line = await cosign({ text: note.text, cosigner: cosignerOf(ownKey, { schemes }), time: seconds() });
  await log.publish(formatSignedNote(addSignatures(note, [line])));
  const w = await testWitness({ keys: [THIRD], logs: [new TestLog({ keys: [ownKey] })] });
  Object.defineProperty(w, 'now', { get: seconds });
  const server = await serveWitness(w);
  const gatherer = gather({ log, policy: policyOf([[THIRD, server.url]]) });
  expect((await gatherer.waitFor(3, never())).size).toBe(3);
});

test('Two keys of one witness, at one URL, are asked for together', async () => {
  const log = await createLog();
  const w = await runningWitness([ED25519, ML_DSA]);
  const server = await serveWitness(w);
  await grow(log, 3);
  const gatherer = gather({
    log,
    policy: policyOf([
      [ED25519, server.url],
      [ML_DSA, `${server.url}/`],
    ]),
  });
  await gatherer.waitFor(3, never());
  await gatherer[Symbol.asyncDispose]();
  expect(server.requests).toEqual(['POST /add-checkpoint']);
  expect(gatherer.status()).toMatchObject([{ cosigned: { size: 3 } }, { cosigned: { size: 3 } }]);
});

test('Witnesses without a URL, or with one that is not of HTTP, are passed over', async () => {
  const log = await createLog();
  const server = await served(ED25519);
  await grow(log, 3);
  const policy = policyOf(
    [
      [ED25519, server.url],
      [THIRD, undefined],
      [ML_DSA, 'ftp://example.com/'],
    ],
    1,
  );
  const gatherer = gather({ log, policy });
  await gatherer.waitFor(3, never());
  expect(gatherer.status().map(({ failure }) => failure?.message)).toEqual([
    undefined,
    'the policy has no URL of it',
    'its URL is not one of HTTP',
  ]);
  const alone = gather({ log, policy: policyOf([[THIRD, undefined]]) });
  await alone.settled();
  expect(alone.refusal()).toMatchObject({ code: 'log-unwitnessed', message: expect.stringContaining('have a URL') });
});

test('A policy that does not have the log is refused', async () => {
  const log = await createLog();
  const policy = { ...policyOf([[ED25519, 'http://127.0.0.1:9']]), logs: [] };
  expect(() => gather({ log, policy })).toThrow(expect.objectContaining({ code: 'policy-log' }));
});

test('A witness that is killed and comes back cosigns again', async () => {
  const log = await createLog();
  const server = await served(ED25519);
  const gatherer = gather({ log, policy: policyOf([[ED25519, server.url]]) });
  await gatherer.waitFor(await grow(log), never());
  for (let round = 0; round < 3; round++) {
    await server.stop();
    const size = await grow(log, 3);
    await eventually(() => expect(failureOf(gatherer, 'w0')).toBe('witness-unreachable'));
    expect(gatherer.published()!.size).toBeLessThan(size);
    await server.start();
    expect((await gatherer.waitFor(size, never())).size).toBe(size);
    expect(failureOf(gatherer, 'w0')).toBeUndefined();
  }
});

test('An idle log’s checkpoint is cosigned again after a while', async () => {
  const log = await createLog();
  const servers = [await served(ED25519), await served(ML_DSA)] as const;
  const policy = policyOf([
    [ED25519, servers[0].url],
    [ML_DSA, servers[1].url],
  ]);
  const size = await grow(log, 3);
  const gatherer = gather({ log, policy, heartbeat: 100 });
  const { note } = await gatherer.waitFor(size, never());
  const times = (bytes: Uint8Array): number[] =>
    verifyCheckpoint(bytes, policy, { schemes }).cosignatures.map(({ time }) => time);
  const first = Math.max(...times(note));
  await eventually(() => {
    for (const time of times(log.cosignedCheckpoint()!.note)) expect(time).toBeGreaterThan(first);
  });
  // One line of each, however often.
  expect(parseSignedNote(gatherer.published()!.note).signatures).toHaveLength(3);
  expect(gatherer.published()!.size).toBe(size);
});

test('An older cosignature does not take the place of a newer one', async () => {
  const log = await createLog();
  const { note } = log.checkpoint();
  const { text } = parseSignedNote(note);
  const at = (time: number) => cosign({ text, cosigner: cosignerOf(THIRD), time });
  await log.publish(formatSignedNote(addSignatures(parseSignedNote(note), [await at(seconds())])));
  const old = await at(1_700_000_000);
  const server = await serve(async (request, response) => {
    await bodyOf(request);
    response.writeHead(200).end(formatSignatureLines([old]));
  });
  const gatherer = gather({ log, policy: policyOf([[THIRD, server.url]]) });
  gatherer.start();
  await gatherer.settled();
  expect(server.requests.length).toBeGreaterThan(0);
  const times = parseSignedNote(log.cosignedCheckpoint()!.note)
    .signatures.slice(1)
    .map((l) => cosignatureTime(l.signature));
  expect(times).toHaveLength(1);
  expect(times[0]).toBeGreaterThan(1_700_000_000);
});

test('Lines that come late, when others have signed again, are added and put nothing back', async () => {
  const log = await createLog();
  const fast = await served(ED25519);
  const { w } = await served(THIRD);
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  const slow = await serve(async (request, response) => {
    const body = await bodyOf(request);
    await opened;
    const answer = await w.app.request(request.url!, { method: 'POST', body });
    response.writeHead(answer.status, Object.fromEntries(answer.headers)).end(await answer.text());
  });
  const policy = policyOf(
    [
      [ED25519, fast.url],
      [THIRD, slow.url],
    ],
    1,
  );
  await grow(log, 3);
  const published: { readonly time: number; readonly witnesses: number }[] = [];
  const onPublished = ({ note }: { note: Uint8Array }): void => {
    const { cosignatures } = verifyCheckpoint(note, policy, { schemes });
    const { time } = cosignatures.find(({ witness }) => witness === 'w0')!;
    published.push({ time, witnesses: new Set(cosignatures.map(({ witness }) => witness)).size });
  };
  const gatherer = gather({ log, policy, heartbeat: 100, timeout: 60_000, onPublished });
  gatherer.start();
  await eventually(() => expect(published.at(-1)!.time).toBeGreaterThan(published[0]!.time));
  expect(slow.requests).toHaveLength(1);
  open();
  await eventually(() => expect(published.at(-1)!.witnesses).toBe(2));
  const times = published.map(({ time }) => time);
  expect(times).toEqual(times.toSorted((a, b) => a - b));
  expect(slow.most()).toBe(1);
});

test('The status keeps the newer cosignature where a witness says again what it said before', async () => {
  const log = await createLog();
  const { text } = parseSignedNote(log.checkpoint().note);
  const newer = seconds();
  const server = await serve(async (request, response) => {
    await bodyOf(request);
    const time = server.requests.length === 1 ? newer : newer - 100;
    response.writeHead(200).end(formatSignatureLines([await cosign({ text, cosigner: cosignerOf(THIRD), time })]));
  });
  const gatherer = gather({ log, policy: policyOf([[THIRD, server.url]]), heartbeat: 20 });
  gatherer.start();
  await eventually(() => expect(server.requests.length).toBeGreaterThan(3));
  expect(gatherer.status()).toMatchObject([{ cosigned: { size: 0, time: newer } }]);
});

describe('While the log grows', () => {
  test('appending does not wait for a witness, and a slow one is asked for the newest size, with one request at a time', async () => {
    const log = await createLog();
    const slow = await served(THIRD);
    const listener = slow.w.app.fetch;
    const gate = await serve(async (request, response) => {
      const body = await bodyOf(request);
      await setTimeout(150);
      const answer = await listener(new Request(`http://w${request.url}`, { method: 'POST', body }));
      response.writeHead(answer.status, Object.fromEntries(answer.headers)).end(await answer.text());
    });
    const fast = await served(ED25519);
    const policy = policyOf(
      [
        [ED25519, fast.url],
        [THIRD, gate.url],
      ],
      1,
    );
    const gatherer = gather({ log, policy });
    gatherer.start();
    let appended = 0;
    const until = performance.now() + 1000;
    while (performance.now() < until) {
      await grow(log);
      appended++;
      await setTimeout(2);
    }
    const size = log.size;
    expect((await gatherer.waitFor(size, never())).size).toBe(size);
    expect(appended).toBeGreaterThan(gate.requests.length);
    expect(gate.most()).toBe(1);
    expect(gate.requests.length).toBeLessThan(20);
    await eventually(() => expect(gatherer.status()[1]?.cosigned?.size).toBe(size));
  });

  test('witnesses of different speed cosign one checkpoint, also where the policy asks for all of them', async () => {
    const log = await createLog();
    const servers: TestServer[] = [];
    for (const [key, pause] of [
      [ED25519, 0],
      [ML_DSA, 37],
      [THIRD, 83],
    ] as const) {
      const { w } = await served(key);
      servers.push(
        await serve(async (request, response) => {
          const body = await bodyOf(request);
          await setTimeout(pause);
          const answer = await w.app.request(request.url!, { method: 'POST', body });
          response.writeHead(answer.status, Object.fromEntries(answer.headers)).end(await answer.text());
        }),
      );
    }
    const policy = policyOf([ED25519, ML_DSA, THIRD].map((key, i) => [key, servers[i]!.url] as const));
    const sizes: number[] = [];
    const gatherer = gather({ log, policy, onPublished: ({ size }) => sizes.push(size) });
    gatherer.start();
    const until = performance.now() + 1500;
    while (performance.now() < until || sizes.length < 2) {
      await grow(log);
      await setTimeout(3);
    }
    await gatherer.waitFor(log.size, never());
    expect(new Set(sizes).size).toBeGreaterThan(1);
    expect(sizes).toEqual(sizes.toSorted((a, b) => a - b));
    for (const server of servers) expect(server.most()).toBe(1);
  });

  test('and a checkpoint has become too old to be published, the next one is gathered for', async () => {
    const log = await createLog();
    const server = await served(ED25519);
    const sizes: number[] = [];
    const fussy = wrapped(log, {
      publish: async (note) => {
        const { size } = parseCheckpoint(parseSignedNote(note).text);
        sizes.push(size);
        if (size === 2) throw new CoreError('log-range', 'its index is not kept any more');
        return log.publish(note);
      },
    });
    const gatherer = gather({ log: fussy, policy: policyOf([[ED25519, server.url]]) });
    await grow(log, 2);
    gatherer.start();
    await eventually(() => expect(sizes).toEqual([2]));
    await gatherer.waitFor(await grow(log), never());
    expect(sizes).toEqual([2, 3]);
    expect(gatherer.refusal()).toBeUndefined();
  });
});

describe('Who waits for a published checkpoint', () => {
  test('can stop to', async () => {
    const log = await createLog();
    const gatherer = gather({ log, policy: policyOf([[THIRD, 'http://127.0.0.1:9']]) });
    const controller = new AbortController();
    const waiting = gatherer.waitFor(1, controller.signal);
    controller.abort(new Error('too long'));
    await expect(waiting).rejects.toThrow('too long');
    await expect(gatherer.waitFor(1, AbortSignal.abort(new Error('before')))).rejects.toThrow('before');
  });

  test('is told when nothing is gathered any more, and closing waits for no witness', async () => {
    const log = await createLog();
    const server = await serve(() => {});
    const gatherer = gather({ log, policy: policyOf([[THIRD, server.url]]), timeout: 60_000 });
    const waiting = gatherer.waitFor(1, never());
    await eventually(() => expect(server.requests).toHaveLength(1));
    const code = refusal(waiting);
    await gatherer[Symbol.asyncDispose]();
    expect((await code).code).toBe('log-closed');
    expect((await refusal(gatherer.waitFor(1, never()))).code).toBe('log-closed');
  });
});

test.each(['publish', 'proveConsistency'] as const)('A log that cannot do %s must not go on', async (method) => {
  const log = await createLog();
  const server = await served(ED25519);
  const policy = policyOf([[ED25519, server.url]]);
  await gather({ log, policy }).waitFor(await grow(log), never());
  const failing = wrapped(log, { [method]: () => Promise.reject(new Error('the disk is broken')) });
  const gatherer = gather({ log: failing, policy });
  await expect(gatherer.waitFor(await grow(log), never())).rejects.toThrow('the disk is broken');
  expect(gatherer.refusal()).toMatchObject({ message: 'the disk is broken' });
});
