import { CoreError } from '@vitrine/core';
import type { Commit, Head, PublishedCheckpoints, Store } from '@vitrine/core/log';

/** How an operation fails: `dropped` before it took any effect, `applied` after it took all of it. */
export type Fault = 'dropped' | 'applied';

/** Operations of a store that can be planned. */
export type Operation = 'commit' | 'publish' | 'readTile' | 'readBundle' | 'readDerived';

/** What is to happen in one operation. */
export interface Step {
  readonly fault?: Fault;
  /** Passed before the operation takes effect. */
  readonly before?: Latch;
  /** Passed after it took effect, and before its caller hears of it. */
  readonly after?: Latch;
}

/** A point at which a store waits until the test lets it go on. */
export class Latch {
  /** Resolves when somebody waits at the latch. */
  readonly reached: Promise<void>;
  readonly #opened: Promise<void>;
  #reach!: () => void;
  #open!: () => void;

  constructor() {
    this.reached = new Promise((resolve) => {
      this.#reach = resolve;
    });
    this.#opened = new Promise((resolve) => {
      this.#open = resolve;
    });
  }

  async pass(): Promise<void> {
    this.#reach();
    await this.#opened;
  }

  /** Lets everybody pass, now and later. */
  open(): void {
    this.#open();
  }
}

/** A store that counts, waits and fails as it was told to. After a write that failed it refuses others, as a store must. */
export class FaultStore implements Store {
  /** Every commit that was asked for. */
  readonly commits: Commit[] = [];
  /** Every checkpoint that was to be kept, whether it was or not. */
  readonly published: PublishedCheckpoints[] = [];
  readonly #store: Store;
  readonly #plans: Record<Operation, (Step | undefined)[]> = {
    commit: [],
    publish: [],
    readTile: [],
    readBundle: [],
    readDerived: [],
  };
  #failed = false;

  constructor(store: Store) {
    this.#store = store;
  }

  /** Plans what happens in an operation: the next one of its kind, or the one after `skip` others. */
  plan(operation: Operation, step: Step, skip = 0): void {
    this.#plans[operation][skip] = step;
  }

  description(): Promise<Uint8Array> {
    return this.#store.description();
  }

  readHead(): Promise<{ readonly head: Head; readonly checkpoints: PublishedCheckpoints }> {
    return this.#store.readHead();
  }

  readTile(level: number, index: number, width: number): Promise<Uint8Array> {
    return this.#do('readTile', () => this.#store.readTile(level, index, width));
  }

  readBundle(index: number, width: number): Promise<Uint8Array> {
    return this.#do('readBundle', () => this.#store.readBundle(index, width));
  }

  readDerived(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    return this.#do('readDerived', () => this.#store.readDerived(keys));
  }

  derived(prefix: Uint8Array, after?: Uint8Array): AsyncIterable<readonly [key: Uint8Array, value: Uint8Array]> {
    return this.#store.derived(prefix, after);
  }

  commit(commit: Commit): Promise<void> {
    this.commits.push(commit);
    return this.#write('commit', () => this.#store.commit(commit));
  }

  publish(checkpoints: PublishedCheckpoints): Promise<void> {
    this.published.push(checkpoints);
    return this.#write('publish', () => this.#store.publish(checkpoints));
  }

  [Symbol.asyncDispose](): PromiseLike<void> {
    return this.#store[Symbol.asyncDispose]();
  }

  async #write(operation: 'commit' | 'publish', write: () => Promise<void>): Promise<void> {
    if (this.#failed) throw new CoreError('store-closed', 'the store must be opened again: a write failed');
    try {
      await this.#do(operation, write);
    } catch (error) {
      this.#failed = true;
      throw error;
    }
  }

  async #do<T>(operation: Operation, act: () => Promise<T>): Promise<T> {
    const step = this.#plans[operation].shift();
    await step?.before?.pass();
    if (step?.fault === 'dropped') throw new CoreError('store-io', `injected: the ${operation} was dropped`);
    const result = await act();
    await step?.after?.pass();
    if (step?.fault === 'applied') throw new CoreError('store-io', `injected: the ${operation} was applied`);
    return result;
  }
}
