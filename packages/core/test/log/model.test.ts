import { type Fault, type FaultStore, MemoryStore } from '@vitrine/testkit';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fsck } from '../../src/log/fsck.ts';
import { CheckpointHistory, collect, createLog, entryOf, expectLog, type MemoryLog, openLog } from './fixtures.ts';

const RUNS = Number(process.env['MODEL_RUNS'] ?? 100);

type Action =
  /** Appended by as many callers at once. */
  | { readonly kind: 'append'; readonly numbers: readonly number[] }
  | { readonly kind: 'appendAll'; readonly numbers: readonly number[] }
  /** Makes a write that is yet to come fail. */
  | { readonly kind: 'fault'; readonly operation: 'commit' | 'publish'; readonly fault: Fault; readonly skip: number }
  /** The process ends, with appends under way, and another one opens the log. */
  | { readonly kind: 'crash'; readonly numbers: readonly number[]; readonly turns: number }
  | { readonly kind: 'reopen' };

// Small numbers, so that many entries come again.
const numbers = fc.array(fc.nat(60), { minLength: 1, maxLength: 12 });
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('append' as const), numbers }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('appendAll' as const), numbers }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('fault' as const),
      operation: fc.constantFrom('commit' as const, 'publish' as const),
      fault: fc.constantFrom('dropped' as const, 'applied' as const),
      skip: fc.nat(2),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('crash' as const), numbers, turns: fc.nat(3) }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'reopen' as const }) },
);

/** The log is an array of distinct numbers. Where a write failed, what became of it shows on reopening. */
class Model {
  entries: number[] = [];
  readonly history = new CheckpointHistory();
  readonly #acknowledged = new Map<number, number>();
  readonly #attempted = new Set<number>();
  readonly #stores: FaultStore[] = [];
  #current: MemoryLog;
  #isBroken = false;

  constructor(created: MemoryLog) {
    this.#current = created;
    this.#stores.push(created.store);
  }

  async run(action: Action): Promise<void> {
    const { log, store } = this.#current;
    switch (action.kind) {
      case 'fault':
        store.plan(action.operation, { fault: action.fault }, action.skip);
        return;
      case 'append':
        return this.#append(action.numbers, async () => {
          const results = await Promise.allSettled(action.numbers.map((number) => log.append(entryOf(number))));
          results.forEach((result, i) => {
            if (result.status === 'fulfilled') this.#acknowledge(action.numbers[i]!, result.value);
          });
          for (const result of results) if (result.status === 'rejected') throw result.reason;
        });
      case 'appendAll':
        return this.#append(action.numbers, async () => {
          let next = 0;
          for await (const batch of log.appendAll(action.numbers.map(entryOf))) {
            for (const appended of batch) this.#acknowledge(action.numbers[next++]!, appended);
          }
        });
      case 'crash': {
        for (const number of action.numbers) {
          this.#attempted.add(number);
          log.append(entryOf(number)).then(
            (appended) => this.#acknowledge(number, appended),
            () => {},
          );
        }
        for (let i = 0; i < action.turns; i++) await new Promise(setImmediate);
        // From here on the process that crashed does not exist, though in this test its promises do.
        const { disk } = this.#current;
        const acknowledged = this.#acknowledged.size;
        await store[Symbol.asyncDispose]();
        expect(this.#acknowledged.size).toBe(acknowledged);
        this.#isBroken = true;
        return this.#reopen(await openLog(disk));
      }
      case 'reopen':
        await log[Symbol.asyncDispose]().catch(() => {});
        return this.#reopen(await openLog(this.#current.disk));
    }
  }

  async finish(): Promise<void> {
    await this.run({ kind: 'reopen' });
    const { log, disk } = this.#current;
    for (const { published } of this.#stores) for (const { signed } of published) if (signed) this.history.see(signed);
    this.history.expectOf(this.entries.map(entryOf));
    await log[Symbol.asyncDispose]();
    await fsck(await MemoryStore.open(disk));
  }

  /** Runs `act`, which appends; if nothing fails, the model says exactly what the log has then. */
  async #append(numbers: readonly number[], act: () => Promise<void>): Promise<void> {
    for (const number of numbers) this.#attempted.add(number);
    try {
      await act();
      expect(this.#isBroken).toBe(false);
      for (const number of numbers) if (!this.entries.includes(number)) this.entries.push(number);
      for (const number of numbers) expect(this.#acknowledged.get(number)).toBe(this.entries.indexOf(number));
      expect(this.#current.log.size).toBe(this.entries.length);
    } catch (error) {
      expect(['store-io', 'store-closed', 'log-failed']).toContain((error as { code?: unknown }).code);
      this.#isBroken = true;
    }
  }

  #acknowledge(number: number, { index, checkpoint }: { index: number; checkpoint: Uint8Array }): void {
    expect(this.#acknowledged.get(number) ?? index).toBe(index);
    this.#acknowledged.set(number, index);
    expect(this.history.see(checkpoint)).toBeGreaterThan(index);
  }

  async #reopen(opened: MemoryLog): Promise<void> {
    this.#current = opened;
    this.#stores.push(opened.store);
    const text = new TextDecoder();
    const stored = (await collect(opened.log.entries())).map((entry) => Number(text.decode(entry).slice(6)));
    if (this.#isBroken) {
      expect(stored.slice(0, this.entries.length)).toEqual(this.entries);
      expect(new Set(stored).size).toBe(stored.length);
      for (const number of stored) expect(this.#attempted.has(number)).toBe(true);
      this.entries = stored;
      this.#isBroken = false;
    }
    await expectLog(opened.log, this.entries.map(entryOf));
    for (const [number, index] of this.#acknowledged) expect(stored[index]).toBe(number);
    this.history.see(opened.log.checkpoint().note);
    expect(opened.log.checkpoint().size).toBe(stored.length);
  }
}

test('whatever is appended, fails, crashes and is reopened, the log is the array that was acknowledged', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(action, { minLength: 1, maxLength: 25 }), async (actions) => {
      const model = new Model(await createLog());
      for (const action of actions) await model.run(action);
      await model.finish();
    }),
    { numRuns: RUNS },
  );
});
