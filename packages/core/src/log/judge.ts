import { HASH_SIZE } from '../tree/hash.ts';
import type { Admission, DerivedPair, LogView } from './admission.ts';
import type { EntryBatch } from './entry-batch.ts';
import { PendingEntries, PendingView } from './pending-view.ts';

/** Why a request was refused. */
export interface Refusal {
  readonly error: unknown;
}

/** What is to become of the entries of some requests. */
export interface Judgement {
  /** For each request, why it was refused; undefined if it was not. */
  readonly refusals: readonly (Refusal | undefined)[];
  /** Positions in the batch of the entries that were not refused. */
  readonly taken: readonly number[];
  /** The index of each of those. */
  readonly indices: readonly number[];
  /** Positions in the batch of those that are new to the log. */
  readonly fresh: readonly number[];
  /** What is to be stored with them. */
  readonly derived: readonly DerivedPair[];
}

/**
 * Puts an {@link Admission} to work for the sequencer: judges requests in order, each of them whole, and keeps what is on
 * its way into the log where the next judgement sees it.
 */
export class Judge {
  readonly #admission: Admission;
  readonly #view: PendingView;
  /** Of each commit that is not durable yet, oldest first. */
  readonly #commits: PendingEntries[] = [];
  /** Of the requests that are being judged: of those that were taken, and of the one that it is at. */
  #current: PendingEntries[] = [];

  constructor(admission: Admission, stored: LogView) {
    this.#admission = admission;
    this.#view = new PendingView(stored, () => [...this.#commits, ...this.#current]);
  }

  /**
   * Judges the entries of requests, and takes note of those that are taken as of a commit under way.
   *
   * @param counts how many entries of `batch` belong to each request
   * @param size entries that the log has when all commits under way are done: the index of the first new one
   * @throws what reading the log failed with, whatever the admission made of it
   */
  async judge(batch: EntryBatch, counts: readonly number[], size: number): Promise<Judgement> {
    const taken: number[] = [];
    const indices: number[] = [];
    const fresh: number[] = [];
    const refusals: (Refusal | undefined)[] = [];
    const group = new PendingEntries(size);
    try {
      let start = 0;
      for (const count of counts) {
        const request = new PendingEntries(group.end);
        this.#current = [group, request];
        const judged = await this.#request(batch, start, count, request);
        refusals.push(judged.refusal);
        if (judged.refusal === undefined) {
          for (let at = start; at < start + count; at++) taken.push(at);
          indices.push(...judged.indices);
          fresh.push(...judged.fresh);
          group.addAll(request);
        }
        start += count;
      }
    } finally {
      this.#current = [];
    }
    this.#commits.push(group);
    return { refusals, taken, indices, fresh, derived: group.derived() };
  }

  /** Takes note of the entry that ends the commit which was judged last, and which is the log's own. */
  end(entry: Uint8Array, leafHash: Uint8Array): void {
    this.#commits.at(-1)!.add(entry, leafHash, []);
  }

  /** The oldest commit under way is durable. */
  settled(): void {
    this.#commits.shift();
  }

  async #request(
    batch: EntryBatch,
    start: number,
    count: number,
    request: PendingEntries,
  ): Promise<{ indices: number[]; fresh: number[]; refusal?: Refusal }> {
    const indices: number[] = [];
    const fresh: number[] = [];
    for (let at = start; at < start + count; at++) {
      const leafHash = batch.leafHashes.subarray(at * HASH_SIZE, (at + 1) * HASH_SIZE);
      const known = await this.#view.indexOf(leafHash);
      if (known !== undefined) {
        indices.push(known);
        continue;
      }
      const entry = batch.entry(at);
      try {
        // Copies, because what the admission does to its arguments must not reach what is stored.
        const derived = await this.#admission.admit(entry.slice(), leafHash.slice(), this.#view);
        indices.push(request.end);
        request.add(entry, leafHash, derived);
      } catch (error) {
        if (this.#view.failure === undefined) return { indices, fresh, refusal: { error } };
      }
      // An admission that could not read the log has not judged, whatever it says.
      if (this.#view.failure !== undefined) throw this.#view.failure.error;
      fresh.push(at);
    }
    return { indices, fresh };
  }
}
