import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { formatVkey } from '@vitrine/core';
import { expect, test } from 'vitest';
import { AddedLogs } from '../src/witness/added-logs.ts';
import { addedSource, KnownLogs, policySource } from '../src/witness/known-logs.ts';
import { WitnessState } from '../src/witness/witness-state.ts';
import { temporaryDirectory } from './support/directory.ts';
import { eventually } from './support/eventually.ts';
import { keyOf, ORIGIN } from './support/logs.ts';
import { refusal } from './support/refusal.ts';

const KEY = keyOf(ORIGIN, 0x01, 1).vkey;
const ML_DSA = keyOf(ORIGIN, 0x06, 6).vkey;
const OTHER = keyOf('example.com/other', 0x01, 3).vkey;

const policy = (...keys: (typeof KEY)[]): string =>
  `${keys.map((key) => `log ${formatVkey(key)} https://example.com/\n`).join('')}quorum none\n`;

test('Logs are added to a state and removed from it, also before the state was begun and while it is open', async () => {
  const directory = temporaryDirectory();
  const logs = new AddedLogs(directory);
  expect(await logs.list()).toEqual([]);
  expect(await logs.add(KEY)).toBe(true);
  expect(await logs.add(KEY)).toBe(false);
  await using _ = await WitnessState.open(directory);
  expect(await logs.add(ML_DSA)).toBe(true);
  expect(await logs.add(OTHER)).toBe(true);
  expect(await logs.list()).toEqual([KEY, ML_DSA, OTHER].sort((a, b) => (formatVkey(a) < formatVkey(b) ? -1 : 1)));
  expect(await logs.remove(KEY)).toBe(true);
  expect(await logs.remove(KEY)).toBe(false);
  expect(await logs.list()).toHaveLength(2);
});

test('No log is added with a key of another type, or to something that is no state', async () => {
  const directory = temporaryDirectory();
  const logs = new AddedLogs(directory);
  await expect(logs.add(keyOf('witness.example', 0x04, 4).vkey)).rejects.toMatchObject({ code: 'key-type' });
  writeFileSync(join(directory, 'precious'), '');
  expect((await refusal(logs.add(KEY))).code).toBe('state-foreign');
  expect((await refusal(logs.remove(KEY))).code).toBe('state-foreign');
  expect((await refusal(new AddedLogs(join(directory, 'nowhere')).add(KEY))).code).toBe('state-missing');
});

test('A changed file of a log is refused', async () => {
  const directory = temporaryDirectory();
  const logs = new AddedLogs(directory);
  await logs.add(KEY);
  const [name = ''] = readdirSync(logs.directory);
  for (const content of ['', 'x\n', `${formatVkey(OTHER)}\n`, `${formatVkey(keyOf('w', 0x04, 4).vkey)}\n`]) {
    writeFileSync(join(logs.directory, name), content);
    expect((await refusal(logs.list())).code).toBe('state-corrupt');
  }
});

test('A witness knows the keys of all its sources, and hears of changes within a second or so', async () => {
  const directory = temporaryDirectory();
  const file = join(temporaryDirectory(), 'policy');
  writeFileSync(file, policy(KEY));
  const added = new AddedLogs(directory);
  const problems: string[] = [];
  const sources = [policySource(file), addedSource(directory)];
  const known = await KnownLogs.read(sources, (source) => problems.push(source));
  expect(await known.keysOf(ORIGIN)).toEqual([KEY]);
  expect(await known.keysOf(OTHER.keyName)).toEqual([]);
  await added.add(ML_DSA);
  await added.add(KEY);
  writeFileSync(file, policy(KEY, OTHER));
  await eventually(async () => expect(await known.keysOf(OTHER.keyName)).toEqual([OTHER]));
  expect(await known.keysOf(ORIGIN)).toEqual([KEY, ML_DSA]);
  expect(known.origins).toEqual([ORIGIN, OTHER.keyName]);
  await added.remove(ML_DSA);
  await added.remove(KEY);
  writeFileSync(file, policy(OTHER));
  await eventually(async () => expect(await known.keysOf(ORIGIN)).toEqual([]));
  expect(problems).toEqual([]);
});

test('A source that cannot be read any more is told of, and what it gave last holds', async () => {
  const file = join(temporaryDirectory(), 'policy');
  writeFileSync(file, policy(KEY));
  const problems: string[] = [];
  const known = await KnownLogs.read([policySource(file)], (source) => problems.push(source));
  for (const spoil of [() => writeFileSync(file, 'log x\n'), () => rmSync(file)]) {
    spoil();
    problems.length = 0;
    await setTimeout(1000);
    await known.keysOf(ORIGIN);
    await setTimeout(1000);
    // Once for each.
    await eventually(async () => {
      expect(await known.keysOf(ORIGIN)).toEqual([KEY]);
      expect(problems).toEqual([file]);
    });
  }
  writeFileSync(file, policy(OTHER));
  await eventually(async () => expect(await known.keysOf(ORIGIN)).toEqual([]));
});

test('At the start a source that cannot be read is an error', async () => {
  const missing = join(temporaryDirectory(), 'nowhere');
  await expect(KnownLogs.read([policySource(missing)])).rejects.toMatchObject({ code: 'ENOENT' });
});
