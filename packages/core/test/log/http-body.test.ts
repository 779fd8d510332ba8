import { expect, test } from 'vitest';
import { BodyBudget, type BodyRefusals, KeptBody, type UnfinishedBody } from '../../src/log/http-body.ts';

const REFUSALS: BodyRefusals = {
  tooLarge: (limit) => new Error(`more than ${limit}`),
  cutShort: () => new Error('cut short'),
  crowded: () => new Error('crowded'),
  gaveWay: () => new Error('gave way'),
};
const CROWDED = 'crowded';
const GAVE_WAY = new Error('gave way');

class Body implements UnfinishedBody {
  size = 0;
  dropped: unknown;

  drop(reason: unknown): void {
    this.dropped = reason;
  }

  take(budget: BodyBudget, bytes: number): this {
    budget.take(bytes, this);
    this.size += bytes;
    return this;
  }
}

test('those give way that have been unfinished for longest, as many as it takes', () => {
  const budget = new BodyBudget(100, REFUSALS);
  const [a, b, c, d] = [new Body(), new Body(), new Body(), new Body()];
  for (const body of [a, b, c]) body.take(budget, 30);
  // It grows, and is no younger for that.
  a.take(budget, 10);
  expect([a.dropped, budget.bytes]).toEqual([undefined, 100]);
  d.take(budget, 50);
  expect([a.dropped, b.dropped, c.dropped]).toEqual([GAVE_WAY, GAVE_WAY, undefined]);
  expect(budget.bytes).toBe(80);
});

test('one that is finished stays, and one that is the oldest gives way to no younger one', () => {
  const budget = new BodyBudget(100, REFUSALS);
  const whole = new Body().take(budget, 60);
  budget.finish(whole);
  const [old, young] = [new Body().take(budget, 20), new Body().take(budget, 10)];
  expect(() => old.take(budget, 11)).toThrow(CROWDED);
  expect([whole.dropped, young.dropped, budget.bytes]).toEqual([undefined, undefined, 90]);
  expect(() => young.take(budget, 31)).toThrow(CROWDED);
  expect([whole.dropped, old.dropped, budget.bytes]).toEqual([undefined, GAVE_WAY, 70]);
  budget.give(60);
  young.take(budget, 90);
  expect(budget.bytes).toBe(100);
});

/** A stream that is written to by and by. */
function sending(): { stream: ReadableStream<Uint8Array>; controller: ReadableStreamDefaultController<Uint8Array> } {
  let controller!: ReadableStreamDefaultController<Uint8Array>;
  const stream = new ReadableStream<Uint8Array>({
    start: (given) => {
      controller = given;
    },
  });
  return { stream, controller };
}

test('a body is what came, in whatever pieces, and has no more than its limit', async () => {
  const budget = new BodyBudget(100, REFUSALS);
  const sent = Uint8Array.from({ length: 50 }, (_, i) => i);
  for (const piece of [1, 7, 50]) {
    const body = new KeptBody(50, budget);
    for (let at = 0; at < 50; at += piece) body.add(sent.slice(at, at + piece));
    expect(budget.bytes).toBe(50);
    expect(body.finish()).toEqual(sent);
    budget.give(50);
  }
  const long = new KeptBody(50, budget);
  long.add(sent);
  expect(() => long.add(sent.subarray(0, 1))).toThrow('more than 50');
  long.abandon();
  expect(budget.bytes).toBe(0);
});

test('a stream that breaks off, or whose body gives way, is read no further', async () => {
  const budget = new BodyBudget(10, REFUSALS);
  const [broken, slow] = [sending(), sending()];
  const [first, second] = [new KeptBody(10, budget), new KeptBody(10, budget)];
  const results = [first.read(broken.stream), second.read(slow.stream)];
  const settled = Promise.allSettled(results);
  slow.controller.enqueue(new Uint8Array(3));
  broken.controller.error(new Error('gone'));
  await expect(results[0]).rejects.toThrow('cut short');
  first.abandon();
  new KeptBody(10, budget).add(new Uint8Array(8));
  await expect(results[1]).rejects.toThrow('gave way');
  // It has given back what it had.
  second.abandon();
  expect(budget.bytes).toBe(8);
  expect(() => second.finish()).toThrow('gave way');
  expect(() => second.add(new Uint8Array(1))).toThrow('gave way');
  // Nobody has taken the rest of it away from its sender.
  slow.controller.enqueue(new Uint8Array(1));
  expect(slow.stream.locked).toBe(false);
  await settled;
});
