import { formatVkey, parsePolicy } from '@vitrine/core';
import { expect, test } from 'vitest';
import { publishesWitnessed } from '../src/publishing.ts';
import { bytesOf, LOG_KEY, refusalIn, ServedLog, utf8, VENDOR, WITNESS } from './support/served-log.ts';

const POLICY = utf8(`log ${formatVkey(LOG_KEY.vkey)}\nwitness w ${formatVkey(WITNESS.vkey)}\nquorum w\n`);

test('the checkpoint is served as text, to any page, for a few seconds', async () => {
  const served = await ServedLog.create();
  await served.fill(3);
  const response = await served.get('/checkpoint');
  expect(Object.fromEntries(response.headers)).toMatchObject({
    'content-type': 'text/plain; charset=utf-8',
    'access-control-allow-origin': '*',
    'cache-control': 'public, max-age=2',
  });
  expect(await bytesOf(response)).toEqual(served.log.checkpoint().note);
});

test('a checkpoint has another entity tag once there is another one', async () => {
  const served = await ServedLog.create();
  const etag = (await served.get('/checkpoint')).headers.get('etag')!;
  expect((await served.get('/checkpoint', { 'if-none-match': etag })).status).toBe(304);
  await served.fill(1);
  expect((await served.get('/checkpoint', { 'if-none-match': etag })).status).toBe(200);
});

test('with a policy the newest checkpoint that satisfies it is served, and the newest beside it', async () => {
  const served = await ServedLog.create();
  const policy = parsePolicy(POLICY);
  const publishing = publishesWitnessed(served.log, { policy, schemes: [] });
  const { app } = await ServedLog.create({ publishing });
  const get = async (path: string): Promise<Response> => app.request(path);
  await served.fill(2);
  expect(await refusalIn(await get('/checkpoint'))).toEqual([404, 'checkpoint-unwitnessed']);
  expect((await get('/checkpoint/newest')).status).toBe(200);
  await served.cosign();
  const cosigned = served.log.checkpoint().note;
  await served.fill(2);
  expect(await bytesOf(await get('/checkpoint'))).toEqual(cosigned);
  expect(served.log.checkpoint().note).not.toEqual(cosigned);
  expect(new TextDecoder().decode(cosigned)).toContain('zurich.example/w1');
});

test('a policy of another log is refused at once', async () => {
  const served = await ServedLog.create();
  const policy = parsePolicy(utf8(`log ${formatVkey(VENDOR.vkey)}\nquorum none\n`));
  expect(() => publishesWitnessed(served.log, { policy, schemes: [] })).toThrow(/the policy has no log/);
});
