import { expect, test } from 'vitest';
import { BodyBudget, type UnfinishedBody } from '../src/body-budget.ts';

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

const BUSY = expect.objectContaining({ code: 'log-busy' });

test('those give way that have been unfinished for longest, as many as it takes', () => {
  const budget = new BodyBudget(100);
  const [a, b, c, d] = [new Body(), new Body(), new Body(), new Body()];
  for (const body of [a, b, c]) body.take(budget, 30);
  // It grows, and is no younger for that.
  a.take(budget, 10);
  expect([a.dropped, budget.bytes]).toEqual([undefined, 100]);
  d.take(budget, 50);
  expect([a.dropped, b.dropped, c.dropped]).toEqual([BUSY, BUSY, undefined]);
  expect(budget.bytes).toBe(80);
});

test('one that is finished stays, and one that is the oldest gives way to no younger one', () => {
  const budget = new BodyBudget(100);
  const whole = new Body().take(budget, 60);
  budget.finish(whole);
  const [old, young] = [new Body().take(budget, 20), new Body().take(budget, 10)];
  expect(() => old.take(budget, 11)).toThrow(BUSY);
  expect([whole.dropped, young.dropped, budget.bytes]).toEqual([undefined, undefined, 90]);
  expect(() => young.take(budget, 31)).toThrow(BUSY);
  expect([whole.dropped, old.dropped, budget.bytes]).toEqual([undefined, BUSY, 70]);
  budget.give(60);
  young.take(budget, 90);
  expect(budget.bytes).toBe(100);
});
