import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { readAhead } from '../src/read-ahead.ts';

/** Calls that end when the test says so. */
class Calls {
  readonly #open = new Map<number, { resolve(value: string): void; reject(error: Error): void }>();

  readonly read = async (item: number): Promise<string> => {
    try {
      return await new Promise((resolve, reject) => this.#open.set(item, { resolve, reject }));
    } finally {
      this.#open.delete(item);
    }
  };

  get underWay(): number[] {
    return [...this.#open.keys()];
  }

  end(item: number, error?: Error): void {
    const call = this.#open.get(item)!;
    if (error === undefined) call.resolve(`read ${item}`);
    else call.reject(error);
  }
}

test('Some are read at a time, and handed out in their order', async () => {
  const calls = new Calls();
  const results = readAhead([0, 1, 2, 3, 4], 3, calls.read);
  const first = results.next();
  await setImmediate();
  expect(calls.underWay).toEqual([0, 1, 2]);
  calls.end(2);
  calls.end(1);
  await setImmediate();
  expect(calls.underWay).toEqual([0]);
  calls.end(0);
  expect(await first).toEqual({ done: false, value: 'read 0' });
  expect(await results.next()).toEqual({ done: false, value: 'read 1' });
  const rest = (async () => {
    const values: string[] = [];
    for await (const value of results) values.push(value);
    return values;
  })();
  for (const item of [3, 4]) {
    await setImmediate();
    calls.end(item);
  }
  expect(await rest).toEqual(['read 2', 'read 3', 'read 4']);
});

test('A failure comes in its turn, once the other calls have ended', async () => {
  const calls = new Calls();
  const results = readAhead([0, 1, 2], 3, calls.read);
  const first = results.next();
  await setImmediate();
  calls.end(1, new Error('it is away'));
  // Nobody has come to it yet.
  await setImmediate();
  calls.end(0);
  expect(await first).toMatchObject({ value: 'read 0' });
  let hasFailed = false;
  const failed = expect(
    results.next().finally(() => {
      hasFailed = true;
    }),
  ).rejects.toThrow('it is away');
  await setImmediate();
  expect(hasFailed).toBe(false);
  calls.end(2);
  await failed;
});
