import type { ServerResponse } from 'node:http';
import {
  cosign,
  cosignerOf,
  formatSignatureLines,
  type PrivateKey,
  parseAddCheckpoint,
  parseSignedNote,
  verifyCheckpoint,
} from '@vitrine/core';
import { describe, expect, test } from 'vitest';
import { eventually } from './support/eventually.ts';
import { createLog, gather, grow, never, policyOf, seconds, served, THIRD } from './support/gathering.ts';
import { keyOf, schemes, utf8 } from './support/logs.ts';
import { bodyOf, serve, type TestServer } from './support/servers.ts';
import { ED25519, ML_DSA } from './support/witnesses.ts';

describe('A witness fails, and is left out, while others go on', () => {
  const answer =
    (status: number, body: string | Uint8Array, headers: Record<string, string> = {}) =>
    async (request: Parameters<typeof bodyOf>[0], response: ServerResponse): Promise<void> => {
      await bodyOf(request);
      response.writeHead(status, headers).end(body);
    };
  const size409 = (body: string): ReturnType<typeof answer> =>
    answer(409, body, { 'content-type': 'text/x.tlog.size' });

  /** Cosigns what it is sent, but for what is told otherwise. */
  const lie =
    ({
      key = THIRD,
      time = seconds(),
      change = (text: string) => text,
    }: {
      key?: PrivateKey;
      time?: number;
      change?: (text: string) => string;
    }) =>
    async (request: Parameters<typeof bodyOf>[0], response: ServerResponse): Promise<void> => {
      const { checkpoint } = parseAddCheckpoint(utf8(await bodyOf(request)));
      const text = change(parseSignedNote(checkpoint).text);
      const line = await cosign({ text, cosigner: cosignerOf(key, { schemes }), time });
      response.writeHead(200).end(formatSignatureLines([line]));
    };

  test.each<[string, string, string, Parameters<typeof serve>[0]]>([
    ['hangs', 'witness-unreachable', 'no answer within', () => {}],
    [
      'hangs in the middle of its answer',
      'witness-unreachable',
      'no answer within',
      (_, r) => r.writeHead(200).write('— '),
    ],
    ['closes the connection', 'witness-unreachable', '', (q) => q.socket.destroy()],
    ['answers 400', 'witness-refused', 'it answers 400: bad', answer(400, 'bad\n')],
    ['answers 403', 'witness-refused', 'it answers 403', answer(403, '')],
    ['answers 404', 'witness-refused', 'it answers 404', answer(404, '{"detail":"unknown"}')],
    [
      'answers 422 with its reason',
      'witness-refused',
      'it answers 422: another tree',
      answer(422, '{"detail":"another tree"}', { 'content-type': 'application/problem+json' }),
    ],
    ['answers 503', 'witness-refused', 'it answers 503', answer(503, 'x', { 'retry-after': '1' })],
    ['redirects', 'witness-answer', 'redirection', answer(307, '', { location: 'http://127.0.0.1:9/' })],
    ['answers garbage', 'witness-answer', 'not a valid cosignature', answer(200, 'garbage')],
    ['answers nothing', 'witness-answer', 'not a valid cosignature', answer(200, '')],
    ['answers more than anybody has to say', 'witness-answer', 'longer than', answer(200, Buffer.alloc(1 << 20, 0x41))],
    ['answers 409 without a size', 'witness-answer', '409 without a size', size409('')],
    ['answers 409 with no number', 'witness-answer', '409 without a size', size409('0x1\n')],
    ['answers 409 with another type', 'witness-answer', '409 without a size', answer(409, '1\n')],
    ['answers 409 with the size that it was asked from', 'witness-answer', 'refuses to go on from', size409('0\n')],
    [
      'answers 409 with another size each time',
      'witness-answer',
      'another size each time',
      (() => {
        let n = 0;
        return (q, r) => size409(`${(n++ % 2) + 1}\n`)(q, r);
      })(),
    ],
    ['cosigns with another key', 'witness-answer', 'no cosignature by its key', lie({ key: keyOf('other', 0x04, 9) })],
    ['cosigns another tree', 'witness-answer', 'is not valid', lie({ change: (t) => t.replace('\n3\n', '\n4\n') })],
    ['cosigns in the future', 'witness-answer', 'of the future', lie({ time: seconds() + 1000 })],
  ])('that %s', async (_, code, message, handler) => {
    const log = await createLog();
    const [good, bad] = [await served(ED25519), await serve(handler)];
    const policy = policyOf(
      [
        [ED25519, good.url],
        [THIRD, bad.url],
      ],
      1,
    );
    await grow(log, 3);
    const failures = new Set<string>();
    const gatherer = gather({
      log,
      policy,
      // Not longer than a test can wait, and long enough for the good one on a busy machine.
      timeout: 1500,
      onFailure: ([name], error) => failures.add(`${name} ${error.code}`),
    });
    await gatherer.waitFor(3, never());
    await eventually(() => expect(failures).toContain(`w1 ${code}`));
    expect(gatherer.status()[1]?.failure).toMatchObject({ code, message: expect.stringContaining(message) });
    expect(gatherer.status()[1]?.cosigned).toBeUndefined();
    expect(verifyCheckpoint(gatherer.published()!.note, policy).cosignatures).toMatchObject([{ witness: 'w0' }]);
    // The log goes on.
    expect((await gatherer.waitFor(await grow(log), never())).size).toBe(4);
    expect(gatherer.refusal()).toBeUndefined();
  });

  test('that cosigns without a time, with a key of type 0x06', async () => {
    const log = await createLog();
    const bad = await serve(lie({ key: ML_DSA, time: 0 }));
    await grow(log, 3);
    const gatherer = gather({ log, policy: policyOf([[ML_DSA, bad.url]]) });
    await gatherer.settled();
    expect(gatherer.status()[0]?.failure).toMatchObject({ message: 'its cosignature has no time' });
    expect(gatherer.published()).toBeUndefined();
  });
});

describe('Two witnesses fail in turn, so that one of them is always being asked', () => {
  /** A request is answered, with a failure, once the next one is there. */
  async function inTurn(): Promise<readonly [TestServer, TestServer]> {
    let release = (): void => {};
    const liar = (): Promise<TestServer> =>
      serve(async (request, response) => {
        await bodyOf(request);
        release();
        await new Promise<void>((resolve) => {
          release = resolve;
        });
        response.writeHead(503).end();
      });
    return [await liar(), await liar()];
  }

  async function setUp(quorum: number, options: Partial<Parameters<typeof gather>[0]> = {}) {
    const log = await createLog();
    const good = await served(ED25519);
    const liars = await inTurn();
    const policy = policyOf(
      [
        [ED25519, good.url],
        [ML_DSA, liars[0].url],
        [THIRD, liars[1].url],
      ],
      quorum,
    );
    await grow(log, 3);
    return { log, good, liars, gatherer: gather({ log, policy, ...options }) };
  }

  test('and a log that does not grow is cosigned again by the others all the same', async () => {
    const { good, liars, gatherer } = await setUp(1, { heartbeat: 100 });
    gatherer.start();
    await eventually(() => expect(liars[1].requests.length).toBeGreaterThan(3));
    good.requests.length = 0;
    await eventually(() => expect(good.requests.length).toBeGreaterThan(3));
  });

  test('and nobody waits for them longer than for one answer of each', async () => {
    const { gatherer } = await setUp(1);
    await gatherer.settled();
    expect(gatherer.published()?.size).toBe(3);
    expect(gatherer.status().map(({ failure }) => failure?.code)).toEqual([
      undefined,
      'witness-refused',
      'witness-refused',
    ]);
  });

  test('and the others are asked for newer checkpoints, though the policy is not satisfied', async () => {
    const { log, gatherer } = await setUp(2);
    gatherer.start();
    await eventually(() => expect(gatherer.status()[0]?.cosigned?.size).toBe(3));
    await grow(log, 2);
    await eventually(() => expect(gatherer.status()[0]?.cosigned?.size).toBe(5));
    expect(gatherer.published()).toBeUndefined();
  });
});

test('Of many cosignatures of a witness in an answer the newest is verified alone', async () => {
  const log = await createLog();
  const { text } = parseSignedNote(log.checkpoint().note);
  const newest = seconds();
  const times = [newest - 2, newest, newest - 1];
  const cosigner = cosignerOf(ML_DSA, { schemes });
  const lines = await Promise.all(times.map((time) => cosign({ text, cosigner, time })));
  const server = await serve(async (request, response) => {
    await bodyOf(request);
    response.writeHead(200).end(formatSignatureLines(lines));
  });
  const verified: Uint8Array[] = [];
  const watched = schemes.map((scheme) => ({
    ...scheme,
    verify: (...given: Parameters<typeof scheme.verify>) => {
      verified.push(given[2]);
      return scheme.verify(...given);
    },
  }));
  const gatherer = gather({ log, policy: policyOf([[ML_DSA, server.url]], 'none'), schemes: watched });
  await gatherer.settled();
  expect(gatherer.status()).toMatchObject([{ cosigned: { time: newest } }]);
  // Also more than once: the signature is what follows the time.
  expect(new Set(verified.map((bytes) => Buffer.from(bytes).toString('hex')))).toEqual(
    new Set([Buffer.from(lines[1]!.signature.subarray(8)).toString('hex')]),
  );
});
