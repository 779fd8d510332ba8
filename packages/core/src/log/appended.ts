import { HASH_SIZE } from '../tree/hash.ts';
import type { Sequenced } from './sequencer.ts';

/** An entry that is in the log for good. */
export interface Appended {
  readonly index: number;
  readonly leafHash: Uint8Array;
  /** A signed checkpoint that covers it. */
  readonly checkpoint: Uint8Array;
}

/** Entries that became durable together. */
export class AppendedBatch implements Iterable<Appended> {
  /** A signed checkpoint that covers all of them. */
  readonly checkpoint: Uint8Array;
  readonly #sequenced: Sequenced;

  constructor(sequenced: Sequenced) {
    this.#sequenced = sequenced;
    this.checkpoint = sequenced.checkpoint.slice();
  }

  get length(): number {
    return this.#sequenced.indices.length;
  }

  /** In the order in which they were given. */
  *[Symbol.iterator](): Generator<Appended, void, undefined> {
    const { indices, leafHashes } = this.#sequenced;
    const { checkpoint } = this;
    for (let i = 0; i < indices.length; i++) {
      yield { index: indices[i]!, leafHash: leafHashes.slice(i * HASH_SIZE, (i + 1) * HASH_SIZE), checkpoint };
    }
  }
}
