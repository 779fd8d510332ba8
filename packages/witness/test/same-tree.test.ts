import { formatAddCheckpoint, formatSignedNote, parseSignedNote } from '@vitrine/core';
import { describe, expect, test } from 'vitest';
import { originHash } from '../src/witness/origin-hash.ts';
import { keyOf, ORIGIN, TestLog, TIME, text } from './support/logs.ts';
import { bytesOf, cosignatureTimes, ED25519, ML_DSA, type TestWitness, testWitness } from './support/witnesses.ts';

const HASH = originHash(ORIGIN);
const BY_ED25519 = keyOf(ORIGIN, 0x01, 1);
const BY_ML_DSA = keyOf(ORIGIN, 0x06, 2);
/** It signs with a key that covers extension lines, and one that does not. */
const log = new TestLog({ keys: [BY_ED25519, BY_ML_DSA] });

const again = (checkpoint: Uint8Array, oldSize = 10): Uint8Array =>
  formatAddCheckpoint({ oldSize, proof: [], checkpoint });

/** What anybody can make of a checkpoint: without the line that covers extension lines, with others than the log's. */
function stripped(note: Uint8Array, extensions: readonly string[]): Uint8Array {
  const { text: whole, signatures } = parseSignedNote(note);
  const head = whole.split('\n', 3);
  return formatSignedNote({
    text: [...head, ...extensions].map((line) => `${line}\n`).join(''),
    signatures: signatures.filter(({ keyId }) => keyId === BY_ML_DSA.vkey.keyId),
  });
}

const shown = async ({ app }: TestWitness): Promise<Uint8Array> => bytesOf(await app.request(`/${HASH}/checkpoint`));

/** The IDs of the keys that have a line in what those who monitor are shown. */
async function shownBy(w: TestWitness): Promise<Set<number>> {
  const ids = parseSignedNote(await shown(w)).signatures.map(({ keyId }) => keyId);
  // One line of each.
  expect(ids).toHaveLength(new Set(ids).size);
  return new Set(ids);
}

const ALL = new Set([BY_ED25519, BY_ML_DSA, ED25519, ML_DSA].map(({ vkey }) => vkey.keyId));

describe('A checkpoint that is sent in turn with and without what covers its extension lines', () => {
  test.each([
    ['none', [], ['junk']],
    ['some', ['extension'], []],
    ['others', ['extension'], ['junk']],
  ])('is cosigned once in a while, and shown whole: %s', async (_, extensions, others) => {
    const w = await testWitness({ logs: [log], growth: { perSecond: 0.001, burst: 2 } });
    const whole = await log.note(10, { extensions });
    const less = stripped(whole, others);
    const first = await bytesOf(await w.add(again(whole, 0)));
    const note = await shown(w);
    expect(w.signatures).toBe(2);
    for (let i = 0; i < 10; i++) {
      const part = await w.add(again(less));
      expect(Object.keys(await cosignatureTimes(part, less, { log }))).toEqual([ML_DSA.vkey.keyName]);
      expect(await bytesOf(await w.add(again(whole)))).toEqual(first);
    }
    expect(w.signatures).toBe(2);
    expect(await shown(w)).toEqual(note);
    // Later it is made anew for what was asked for, and nothing that was given is gone.
    w.now = TIME + 100;
    expect((await w.add(again(less))).status).toBe(200);
    expect(w.signatures).toBe(3);
    expect(parseSignedNote(await shown(w)).text).toBe(parseSignedNote(whole).text);
    expect(await shownBy(w)).toEqual(ALL);
    // Also by the next process, which verifies it; and the log goes on.
    const next = await w.again();
    expect(await shownBy(next)).toEqual(ALL);
    expect((await next.add(await log.request(10, 11, { extensions }))).status).toBe(200);
  });

  test('is not cosigned by a key that would cover less than the log signed', async () => {
    const w = await testWitness({ logs: [log], keys: [ED25519] });
    const whole = await log.note(10, { extensions: ['extension'] });
    expect((await w.add(again(whole, 0))).status).toBe(200);
    expect((await w.add(again(stripped(whole, [])))).status).toBe(403);
    expect((await w.add(again(whole))).status).toBe(200);
  });

  test('is shown whole once it came whole', async () => {
    const w = await testWitness({ logs: [log] });
    const whole = await log.note(10, { extensions: ['extension'] });
    expect((await w.add(again(stripped(whole, ['junk']), 0))).status).toBe(200);
    expect(await shownBy(w)).toEqual(new Set([BY_ML_DSA.vkey.keyId, ML_DSA.vkey.keyId]));
    const response = await w.add(again(whole));
    expect(Object.keys(await cosignatureTimes(response, whole, { log }))).toHaveLength(2);
    expect(parseSignedNote(await shown(w)).text).toBe(parseSignedNote(whole).text);
    expect(await shownBy(w)).toEqual(ALL);
  });

  test('is shown with a further line of its log, without waiting', async () => {
    const w = await testWitness({ logs: [log], keys: [ML_DSA] });
    expect((await w.add(await log.request(0, 10, { keys: [BY_ML_DSA] }))).status).toBe(200);
    expect((await w.add(await log.request(10, 10))).status).toBe(200);
    expect(await shownBy(w)).toContain(BY_ED25519.vkey.keyId);
  });
});

test('Texts of one tree that the log signed in turn are limited, and not by what the log may grow', async () => {
  const w = await testWitness({ logs: [log], growth: { perSecond: 0.001, burst: 3 } });
  expect((await w.add(await log.request(0, 10))).status).toBe(200);
  const statuses: number[] = [];
  for (let i = 0; i < 5; i++) {
    const response = await w.add(await log.request(10, 10, { extensions: [`text ${i}`] }));
    statuses.push(response.status);
  }
  expect(statuses).toEqual([200, 200, 200, 429, 429]);
  expect(text(await shown(w))).toContain('\ntext 2\n');
  expect((await w.add(await log.request(10, 11))).status).toBe(200);
});

test('A text that another key of the log signed takes the place of the one before, and its lines go', async () => {
  const [first, second] = [BY_ED25519, keyOf(ORIGIN, 0x01, 9)] as const;
  const w = await testWitness({ logs: [new TestLog({ keys: [first, second] })] });
  expect((await w.add(await log.request(0, 10, { keys: [first], extensions: ['one'] }))).status).toBe(200);
  expect((await w.add(await log.request(10, 10, { keys: [second], extensions: ['two'] }))).status).toBe(200);
  expect(text(await shown(w))).toContain('\ntwo\n');
  expect(await shownBy(w)).toEqual(new Set([second, ED25519, ML_DSA].map(({ vkey }) => vkey.keyId)));
});

test('A clock that was set back gives the same cosignatures, and makes none', async () => {
  const w = await testWitness({ logs: [log] });
  const first = await bytesOf(await w.add(await log.request(0, 10)));
  for (const now of [TIME - 1, TIME - 300]) {
    w.now = now;
    expect(await bytesOf(await w.add(await log.request(10, 10)))).toEqual(first);
  }
  expect(w.signatures).toBe(2);
  w.now = TIME - 301;
  expect((await w.add(await log.request(10, 10))).status).toBe(503);
});

test('A log that changed its key has its newest checkpoint cosigned before it grows, also after a restart', async () => {
  const [before, after] = [BY_ED25519, keyOf(ORIGIN, 0x01, 9)].map((key) => new TestLog({ keys: [key] })) as [
    TestLog,
    TestLog,
  ];
  const w = await testWitness({ logs: [before] });
  expect((await w.add(await before.request(0, 10))).status).toBe(200);
  const changed = await w.again({ logs: [after] });
  changed.now = TIME + 10;
  const response = await changed.add(await after.request(10, 10));
  expect(response.status).toBe(200);
  const times = await cosignatureTimes(response, await after.note(10), { log: after });
  expect(Object.values(times)).toEqual([TIME + 10, TIME + 10]);
  expect(await shownBy(changed)).toContain(after.vkeys[0]!.keyId);
  // The state has the new key: what was given holds, as of any other log.
  expect((await changed.add(await after.request(10, 10))).status).toBe(200);
  expect(changed.signatures).toBe(2);
  const next = await changed.again();
  next.now = TIME + 20;
  expect(await shownBy(next)).toContain(after.vkeys[0]!.keyId);
  expect((await next.add(await after.request(10, 11))).status).toBe(200);
  expect(next.faults).toEqual([]);
});
