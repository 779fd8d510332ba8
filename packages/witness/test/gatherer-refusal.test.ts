import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { originHash } from '../src/witness/origin-hash.ts';
import { temporaryDirectory } from './support/directory.ts';
import { eventually } from './support/eventually.ts';
import {
  backup,
  createLog,
  failureOf,
  gather,
  grow,
  never,
  openLog,
  policyOf,
  served,
  THIRD,
} from './support/gathering.ts';
import { keyOf, ORIGIN, TestLog } from './support/logs.ts';
import { refusal } from './support/refusal.ts';
import { bodyOf, serve, type TestServer } from './support/servers.ts';
import { ED25519 } from './support/witnesses.ts';

describe('A log that is behind what a witness saw', () => {
  async function restored(): Promise<{ log: Awaited<ReturnType<typeof openLog>>; server: TestServer; size: number }> {
    const directory = join(temporaryDirectory(), 'log');
    const log = await createLog(directory);
    const server = await served(ED25519);
    const gatherer = gather({ log, policy: policyOf([[ED25519, server.url]]) });
    await gatherer.waitFor(await grow(log, 3), never());
    await gatherer[Symbol.asyncDispose]();
    await log[Symbol.asyncDispose]();
    const copy = backup(directory);
    const again = await openLog(directory);
    const next = gather({ log: again, policy: policyOf([[ED25519, server.url]]) });
    const size = await grow(again, 4);
    await next.waitFor(size, never());
    await next[Symbol.asyncDispose]();
    return { log: await openLog(copy), server, size };
  }

  test('as a restored backup is, must not go on, for good; what it signed itself is shown', async () => {
    const { log, server, size } = await restored();
    const refusals: Error[] = [];
    const policy = policyOf([[ED25519, server.url]]);
    const gatherer = gather({ log, policy, onRefusal: (error) => refusals.push(error) });
    expect(gatherer.refusal()).toMatchObject({ code: 'log-unwitnessed' });
    const waiting = gatherer.waitFor(100, never());
    expect(await refusal(waiting)).toMatchObject({ code: 'log-behind', size });
    expect(gatherer.refusal()).toMatchObject({
      code: 'log-behind',
      message: expect.stringContaining(`it shows a checkpoint of ${size} entries that this log's key has signed`),
    });
    expect(refusals).toHaveLength(1);
    expect(await refusal(gatherer.waitFor(100, never()))).toMatchObject({ code: 'log-behind' });
    // Even if it grows past what the witness saw.
    await grow(log, 10);
    server.requests.length = 0;
    await setTimeout(100);
    expect(server.requests).toEqual([]);
    expect(gatherer.published()?.size).toBe(3);
  });

  test('finds out before anything is appended, at the size that it has', async () => {
    const { log, server } = await restored();
    const gatherer = gather({ log, policy: policyOf([[ED25519, server.url]]) });
    gatherer.start();
    await eventually(() => expect(gatherer.refusal()).toMatchObject({ code: 'log-behind' }));
    expect(log.size).toBe(3);
  });

  test('by what the witness says alone must not go on either, until it is taken out of the policy', async () => {
    const log = await createLog();
    const liar = await serve(async (request, response) => {
      await bodyOf(request);
      const headers = { 'content-type': 'text/x.tlog.size' };
      if (request.url === '/add-checkpoint') response.writeHead(409, headers).end('1000\n');
      else response.writeHead(200).end(await new TestLog({ keys: [keyOf(ORIGIN, 0x01, 9)] }).note(200));
    });
    const good = await served(ED25519);
    const gatherer = gather({
      log,
      policy: policyOf(
        [
          [ED25519, good.url],
          [THIRD, liar.url],
        ],
        1,
      ),
    });
    gatherer.start();
    await eventually(() =>
      expect(gatherer.refusal()).toMatchObject({
        code: 'log-behind',
        message: expect.stringContaining('it does not show that: if it is wrong, take it out of the policy'),
      }),
    );
    expect(liar.requests).toContain(`GET /${originHash(ORIGIN)}/checkpoint`);
  });

  test('must not go on while the witness is asked what it has to show for that', async () => {
    const log = await createLog();
    const silent = await serve(async (request, response) => {
      await bodyOf(request);
      if (request.url === '/add-checkpoint')
        response.writeHead(409, { 'content-type': 'text/x.tlog.size' }).end('1000\n');
    });
    const policy = policyOf([[THIRD, silent.url]]);
    const gatherer = gather({ log, policy, startUnwitnessed: true, timeout: 60_000 });
    gatherer.start();
    expect(gatherer.refusal()).toBeUndefined();
    await eventually(() => expect(silent.requests).toContain(`GET /${originHash(ORIGIN)}/checkpoint`));
    expect(gatherer.refusal()).toMatchObject({ code: 'log-behind', size: 1000 });
  });
});

describe('At the start nothing may be appended', () => {
  test('before as many witnesses have answered as the policy asks for', async () => {
    const log = await createLog();
    const servers = [await served(ED25519), await served(THIRD)] as const;
    await servers[1].stop();
    const policy = policyOf([
      [ED25519, servers[0].url],
      [THIRD, servers[1].url],
    ]);
    const gatherer = gather({ log, policy });
    gatherer.start();
    await gatherer.settled();
    expect(gatherer.refusal()).toMatchObject({ code: 'log-unwitnessed' });
    await servers[1].start();
    await eventually(() => expect(gatherer.refusal()).toBeUndefined());
    // And from then on it may, whoever is away.
    await servers[0].stop();
    await grow(log);
    await eventually(() => expect(failureOf(gatherer, 'w0')).toBe('witness-unreachable'));
    expect(gatherer.refusal()).toBeUndefined();
  });

  test('unless it is wanted so', async () => {
    const log = await createLog();
    const policy = policyOf([[THIRD, 'http://127.0.0.1:9']]);
    expect(gather({ log, policy, startUnwitnessed: true }).refusal()).toBeUndefined();
  });
});
