import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  EMPTY_ROOT,
  KEY_TYPE_ML_DSA_44_COSIGNATURE,
  MAX_NOTE_SIZE,
  type NoteSignature,
  openCheckpoint,
  parseSignedNote,
} from '@vitrine/core';
import { describe, expect, test } from 'vitest';
import { evidenceFiles } from '../src/witness/evidence.ts';
import { originHash } from '../src/witness/origin-hash.ts';
import { keyOf, ORIGIN, schemes, TestLog, TIME, text, utf8 } from './support/logs.ts';
import { refusal } from './support/refusal.ts';
import { bytesOf, cosignatureTimes, ED25519, ML_DSA, testWitness } from './support/witnesses.ts';

const log = new TestLog();
const fork = new TestLog({ name: 'other', shared: 3 });
const HASH = originHash(ORIGIN);

const codeOf = async (response: Response): Promise<string> => ((await response.json()) as { code: string }).code;

describe('add-checkpoint', () => {
  test('answers with a line of each key, cosignatures of that checkpoint with the time', async () => {
    const w = await testWitness();
    const response = await w.add(await log.request(0, 5));
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('text/plain; charset=utf-8');
    const body = text(await bytesOf(response.clone()));
    expect(body).toMatch(/^(— [^ ]+ [^ ]+\n){2}$/);
    expect(await cosignatureTimes(response, await log.note(5))).toEqual({
      [ED25519.vkey.keyName]: TIME,
      [ML_DSA.vkey.keyName]: TIME,
    });
  });

  test.each([
    [400, 'a malformed request', async () => utf8('old 0\n')],
    [400, 'an old size above the checkpoint’s', () => log.request(6, 5, { proof: [] })],
    [403, 'a checkpoint that its log did not sign', () => log.request(0, 5, { keys: [keyOf(ORIGIN, 1, 9)] })],
    [404, 'a log that is not known', () => new TestLog({ origin: 'example.com/unknown' }).request(0, 5)],
    [422, 'a tree without entries that has another root', () => log.request(0, 0, { root: log.tree.root(1) })],
    [422, 'a proof from nothing', () => log.request(0, 5, { proof: [EMPTY_ROOT] })],
  ])('answers %d to %s, and cosigns nothing', async (status, _, request) => {
    const w = await testWitness();
    const response = await w.add(await request());
    expect(response.status).toBe(status);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    expect(text(await bytesOf(response))).not.toContain('—');
    expect((await w.app.request(`/${HASH}/checkpoint`)).status).toBe(404);
    expect(w.faults).toEqual([]);
  });

  test('answers 409 with the size that it cosigned last, as text/x.tlog.size', async () => {
    const w = await testWitness();
    for (const [oldSize, known] of [
      [3, 0],
      [0, 5],
      [4, 5],
    ] as const) {
      if (known === 5) await w.add(await log.request(0, 5));
      const response = await w.add(await log.request(oldSize, 7));
      expect(response.status).toBe(409);
      expect(response.headers.get('content-type')).toBe('text/x.tlog.size');
      expect(text(await bytesOf(response))).toBe(`${known}\n`);
    }
  });

  test('answers 422 to a log that signs two histories, and keeps the evidence', async () => {
    const w = await testWitness();
    expect((await w.add(await log.request(0, 5))).status).toBe(200);
    expect((await w.add(await fork.request(5, 5))).status).toBe(422);
    expect((await w.add(await fork.request(5, 9))).status).toBe(422);
    expect(w.found).toEqual([
      ['two-roots', 'new'],
      ['unproven', 'new'],
    ]);
    expect(await evidenceFiles(join(w.directory, 'evidence'))).toHaveLength(2);
    // The log itself goes on.
    expect((await w.add(await log.request(5, 9))).status).toBe(200);
  });

  test('answers 413 to what is larger than any request, whether or not it says so', async () => {
    const w = await testWitness();
    const large = new Uint8Array(2 << 20);
    const announced = await w.add(large);
    expect([announced.status, await codeOf(announced)]).toEqual([413, 'witness-too-large']);
    const stream = new ReadableStream({
      start: (controller) => {
        controller.enqueue(large);
        controller.close();
      },
    });
    const init = { method: 'POST', body: stream, duplex: 'half' } as RequestInit;
    expect((await w.app.request('/add-checkpoint', init)).status).toBe(413);
    const headers = { 'content-encoding': 'gzip' };
    expect((await w.app.request('/add-checkpoint', { method: 'POST', body: 'x', headers })).status).toBe(400);
  });

  test('answers 400 to more lines of one key than a key makes, before they are verified', async () => {
    const key = keyOf(ORIGIN, KEY_TYPE_ML_DSA_44_COSIGNATURE, 8);
    const byMlDsa = new TestLog({ keys: [key] });
    const w = await testWitness({ logs: [byMlDsa] });
    const [line] = parseSignedNote(await byMlDsa.note(5)).signatures;
    const lines = async (count: number): Promise<NoteSignature[]> =>
      Promise.all(
        Array.from({ length: count }, async (_, i) => {
          const { signatures } = parseSignedNote(await byMlDsa.note(5, { time: TIME + i }));
          return signatures[0]!;
        }),
      );
    const answer = await w.add(await byMlDsa.request(0, 5, { keys: [], more: await lines(5) }));
    expect([answer.status, await codeOf(answer)]).toEqual([400, 'witness-request']);
    const invalid = Array.from({ length: 5 }, () => ({ ...line!, signature: line!.signature.with(99, 0) }));
    expect((await w.add(await byMlDsa.request(0, 5, { keys: [], more: invalid }))).status).toBe(400);
    // As many of others as a note can have.
    const others = Array.from({ length: 60 }, (_, i) => ({ ...line!, keyId: i }));
    expect(
      (await w.add(await byMlDsa.request(0, 5, { keys: [], more: [...(await lines(4)), ...others] }))).status,
    ).toBe(200);
  });

  test('holds a log to nothing that has no room for cosignatures', async () => {
    const w = await testWitness();
    await w.add(await log.request(0, 5));
    const extensions = ['x'.repeat(MAX_NOTE_SIZE - 400)];
    const large = w.witness.addCheckpoint(await log.request(5, 9, { extensions }));
    expect((await refusal(large)).code).toBe('witness-request');
    expect((await w.add(await log.request(5, 7))).status).toBe(200);
  });

  test('is for POST only', async () => {
    const w = await testWitness();
    for (const method of ['GET', 'PUT', 'DELETE']) {
      expect((await w.app.request('/add-checkpoint', { method })).status).toBe(404);
    }
  });

  test('answers 503, and says nothing of why, when its state cannot be used', async () => {
    const w = await testWitness();
    await w.add(await log.request(0, 5));
    await w.witness.state[Symbol.asyncDispose]();
    const response = await w.add(await log.request(5, 9));
    expect(response.status).toBe(503);
    expect(text(await bytesOf(response))).not.toContain(w.directory);
    expect(w.faults).toMatchObject([{ code: 'state-closed' }]);
  });
});

describe('a cosignature', () => {
  test('of the same checkpoint again is newer, after a while', async () => {
    const w = await testWitness();
    const note = await log.note(5);
    const first = await bytesOf(await w.add(await log.request(0, 5)));
    const ask = async (): Promise<Response> => w.add(await log.request(5, 5));
    w.now = TIME + 4;
    expect(await bytesOf(await ask())).toEqual(first);
    w.now = TIME + 5;
    expect(await cosignatureTimes(await ask(), note)).toMatchObject({ [ML_DSA.vkey.keyName]: TIME + 5 });
    // Also by the next process.
    const next = await w.again();
    next.now = TIME + 6;
    expect(await cosignatureTimes(await next.add(await log.request(5, 5)), note)).toMatchObject({
      [ED25519.vkey.keyName]: TIME + 5,
    });
  });

  test('never has an earlier time than the one before, also after a restart; and a clock that is far behind makes none', async () => {
    const w = await testWitness();
    await w.add(await log.request(0, 5));
    const next = await w.again();
    next.now = TIME - 300;
    const response = await next.add(await log.request(5, 6));
    expect(await cosignatureTimes(response, await log.note(6))).toMatchObject({ [ED25519.vkey.keyName]: TIME });
    next.now = TIME - 301;
    const behind = await next.add(await log.request(6, 7));
    expect([behind.status, await codeOf(behind)]).toEqual([503, 'witness-clock']);
    expect(next.faults).toMatchObject([{ code: 'witness-clock' }]);
    next.now = TIME;
    expect((await next.add(await log.request(7, 7))).status).toBe(200);
  });

  test('of a time that is still to come holds until then, or until the witness has another key', async () => {
    const w = await testWitness();
    w.now = TIME + 10_000;
    await w.add(await log.request(0, 5));
    w.now = TIME;
    expect((await w.add(await log.request(5, 6))).status).toBe(503);
    const next = await w.again({ keys: [keyOf('witness.example/new', 0x06, 44)] });
    expect((await next.add(await log.request(6, 6))).status).toBe(200);
    // It still knows what was seen.
    expect((await next.add(await fork.request(6, 6))).status).toBe(422);
  });

  test('has a time even if the clock says 0', async () => {
    const w = await testWitness();
    w.now = 0;
    const times = await cosignatureTimes(await w.add(await log.request(0, 5)), await log.note(5));
    expect(Object.values(times)).toEqual([1, 1]);
  });

  test('of type 0x04 covers the extension lines that the log signed', async () => {
    const w = await testWitness();
    const extensions = ['extension'];
    const response = await w.add(await log.request(0, 5, { extensions }));
    expect(Object.keys(await cosignatureTimes(response, await log.note(5, { extensions })))).toHaveLength(2);
    expect(text(await bytesOf(await w.app.request(`/${HASH}/checkpoint`)))).toContain('\nextension\n');
  });

  test('is not made of extension lines that the log did not sign: only what leaves them out is', async () => {
    const byMlDsa = new TestLog({ keys: [keyOf(ORIGIN, KEY_TYPE_ML_DSA_44_COSIGNATURE, 8)] });
    const w = await testWitness({ logs: [byMlDsa] });
    const extensions = ['anybody put this here'];
    const response = await w.add(await byMlDsa.request(0, 5, { extensions }));
    const note = await byMlDsa.note(5, { extensions });
    expect(Object.keys(await cosignatureTimes(response, note, { log: byMlDsa }))).toEqual([ML_DSA.vkey.keyName]);
    expect(text(await bytesOf(await w.app.request(`/${HASH}/checkpoint`)))).not.toContain('anybody');

    const only = await testWitness({ logs: [byMlDsa], keys: [ED25519] });
    const refused = await only.add(await byMlDsa.request(0, 5, { extensions }));
    expect([refused.status, await codeOf(refused)]).toEqual([403, 'witness-signature']);
    // It was not stored either.
    expect((await only.add(await byMlDsa.request(0, 3))).status).toBe(200);
  });

  test('of type 0x06 is not asked for an origin that it has no room for', async () => {
    const long = new TestLog({ origin: `example.com/${'o'.repeat(250)}` });
    const both = await testWitness({ logs: [long] });
    const times = await cosignatureTimes(await both.add(await long.request(0, 5)), await long.note(5), { log: long });
    expect(Object.keys(times)).toEqual([ED25519.vkey.keyName]);
    const only = await testWitness({ logs: [long], keys: [ML_DSA] });
    expect((await only.add(await long.request(0, 5))).status).toBe(403);
    expect(await only.witness.state.checkpoints(long.origin)).toEqual([]);
  });
});

describe('the monitoring prefix', () => {
  test('has the newest checkpoint with the log’s signature and the cosignatures that were given, also after a restart', async () => {
    const w = await testWitness();
    const more = [{ keyName: 'stranger.example', keyId: 1, signature: utf8('anything') }];
    const given: Uint8Array[] = [];
    for (const [oldSize, size] of [
      [0, 5],
      [5, 9],
    ] as const) {
      given.push(await bytesOf(await w.add(await log.request(oldSize, size, { more }))));
    }
    const expected = `${text(await log.note(9))}${text(given[1]!)}`;
    const check = async ({ app }: Pick<typeof w, 'app'>): Promise<void> => {
      const response = await app.request(`/${HASH}/checkpoint`);
      expect(response.status).toBe(200);
      expect(response.headers.get('content-type')).toBe('text/plain; charset=utf-8');
      expect(text(await bytesOf(response))).toBe(expected);
    };
    await check(w);
    const next = await w.again();
    await check(next);
    // A web server can have it as it is.
    expect(text(readFileSync(join(w.directory, 'monitoring', HASH, 'checkpoint')))).toBe(expected);
    // Of other keys that the witness has later, they are still those that were given.
    const later = await next.again({ keys: [keyOf('witness.example/new', 0x04, 44)] });
    await check(later);
    expect((await later.add(await log.request(9, 9))).status).toBe(200);
  });

  test('has nothing of logs that were never cosigned, and at no other path', async () => {
    const w = await testWitness();
    await w.add(await log.request(0, 5));
    for (const path of [
      `/${originHash('example.com/other')}/checkpoint`,
      `/${HASH.toUpperCase()}/checkpoint`,
      `/${HASH.slice(1)}/checkpoint`,
      `/${HASH}`,
      `/${HASH}/checkpoint/`,
      '/checkpoint',
    ]) {
      expect((await w.app.request(path)).status, path).toBe(404);
    }
    expect((await w.app.request(`/${HASH}/checkpoint`, { method: 'POST' })).status).toBe(404);
    expect((await w.app.request(`/${HASH}/checkpoint`, { method: 'HEAD' })).status).toBe(200);
  });

  test('keeps a log that the witness does not cosign any more', async () => {
    const w = await testWitness();
    await w.add(await log.request(0, 5));
    const next = await w.again({ logs: [] });
    expect((await next.app.request(`/${HASH}/checkpoint`)).status).toBe(200);
    expect((await next.add(await log.request(5, 6))).status).toBe(404);
  });
});

describe('A log that grows too fast', () => {
  test('is told to wait, and not held to what it asked for; others go on', async () => {
    const other = new TestLog({ origin: 'example.com/other' });
    const w = await testWitness({ logs: [log, other], growth: { perSecond: 0.5, burst: 2 } });
    for (const size of [1, 2]) expect((await w.add(await log.request(size - 1, size))).status).toBe(200);
    const limited = await w.add(await log.request(2, 3));
    expect([limited.status, await codeOf(limited)]).toEqual([429, 'witness-limit']);
    expect(limited.headers.get('retry-after')).toMatch(/^[12]$/);
    expect((await w.add(await log.request(2, 2))).status).toBe(200);
    expect((await w.add(await other.request(0, 3))).status).toBe(200);
  });

  test('has shown as many checkpoints: what it did not show uses up nothing', async () => {
    const w = await testWitness({ growth: { perSecond: 0.001, burst: 2 } });
    expect((await w.add(await log.request(0, 5))).status).toBe(200);
    for (let i = 0; i < 5; i++) {
      // What everybody has, and what nobody signed.
      await w.add(await log.request(0, 5));
      await w.add(await log.request(5, 5));
      await w.add(await log.request(5, 9, { proof: [EMPTY_ROOT] }));
      await w.add(await log.request(5, 9, { keys: [keyOf(ORIGIN, 1, 9)] }));
    }
    expect((await w.add(await log.request(5, 9))).status).toBe(200);
    expect((await w.add(await log.request(9, 10))).status).toBe(429);
  });
});

test('What is served verifies as a checkpoint with both cosignatures', async () => {
  const w = await testWitness();
  await w.add(await log.request(0, 0));
  const note = await bytesOf(await w.app.request(`/${HASH}/checkpoint`));
  const cosigners = [ED25519.vkey, ML_DSA.vkey];
  const opened = openCheckpoint(note, { origin: ORIGIN, keys: log.vkeys, cosigners, schemes });
  expect(opened.note.verified).toHaveLength(3);
  expect(opened.note.unverified).toEqual([]);
});
