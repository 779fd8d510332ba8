import { setImmediate } from 'node:timers/promises';
import { CoreError } from '../error.ts';
import type { CompactRange } from '../tree/compact-range.ts';
import { HASH_SIZE } from '../tree/hash.ts';
import type { DerivedPair } from './admission.ts';
import type { CommitIndex } from './commit-index.ts';
import { EntryBatch } from './entry-batch.ts';
import { growTree } from './grown-tree.ts';
import type { Judge } from './judge.ts';
import { type KnownLeaves, leafIndices } from './known-leaves.ts';
import { joinPacked, type PackedEntries, packEntry } from './packed-entries.ts';
import type { Commit, Head, Store } from './store.ts';

/** Most entries that one commit takes; an index entry may end them. */
export const MAX_COMMIT_ENTRIES = 4096;
/** Most bytes of entries that one commit takes. */
export const MAX_COMMIT_BYTES: number = 2 * 1024 * 1024;

/** What became of the entries of one request, in their order. */
export interface Sequenced {
  readonly indices: readonly number[];
  /** 32 bytes each. */
  readonly leafHashes: Uint8Array;
  /** A signed checkpoint whose tree has all of them. */
  readonly checkpoint: Uint8Array;
}

interface Request {
  readonly packed: PackedEntries;
  readonly count: number;
  readonly resolve: (result: Sequenced) => void;
  readonly reject: (error: unknown) => void;
}

/** What is to become of a group of requests. */
interface Placed {
  /** Without those that were refused. */
  readonly requests: readonly Request[];
  /** Of all of their entries. */
  readonly indices: readonly number[];
  readonly leafHashes: Uint8Array;
  /** Those that are not in the log yet. */
  readonly fresh: EntryBatch;
  /** What was derived from them. */
  readonly derived: Commit['derived'];
  /** Derived keys that nobody needs any more. */
  readonly removed?: readonly Uint8Array[];
}

interface Prepared extends Omit<Placed, 'fresh' | 'derived' | 'removed'> {
  /** Undefined if every entry was there already. */
  readonly commit: Commit | undefined;
}

/** What the sequencer needs of the log that it works for. */
export interface SequencerHost {
  readonly store: Store;
  /** Undefined if the log allows duplicates, or if {@link judge} knows. */
  readonly knownLeaves: KnownLeaves | undefined;
  /** Says which entries a log of statements takes, and which it has. Undefined if the log is raw. */
  readonly judge: Judge | undefined;
  /** Ends each commit of a log with an index. Undefined if the log has none. */
  readonly index: CommitIndex | undefined;
  /** The head of the store. */
  head(): Head;
  /** Called once a commit is durable: moves the head, and resolves to the signed checkpoint of it. */
  committed(head: Head): Promise<Uint8Array>;
  /** The signed checkpoint of the head. */
  checkpoint(): Uint8Array;
}

/**
 * Puts entries into one order and commits them in groups.
 *
 * One commit is under way at a time. What is appended meanwhile goes into the next one; when that is full it is hashed
 * while the one before it is being written, so that a long input keeps both the processor and the disk busy.
 *
 * The first failure is final: whether a failed commit took effect shows only when the log is opened again.
 */
export class Sequencer {
  readonly #host: SequencerHost;
  readonly #queue: Request[] = [];
  #queuedEntries = 0;
  #queuedBytes = 0;
  /** The tree as it will be when all prepared commits are done. */
  #range: CompactRange;
  #running: Promise<void> | undefined;
  #failure: CoreError | undefined;

  constructor(host: SequencerHost, range: CompactRange) {
    this.#host = host;
    this.#range = range;
  }

  /** Resolves once all of the entries are durable. At most as many as one commit takes. */
  sequence(packed: PackedEntries): Promise<Sequenced> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      const count = packed.starts.length - 1;
      this.#queue.push({ packed, count, resolve, reject });
      this.#queuedEntries += count;
      this.#queuedBytes += packed.bytes.length;
      this.#running ??= this.#run();
    });
  }

  /** Refuses what comes from now on with `reason`, and resolves once nothing is under way any more. Never rejects. */
  async close(reason: CoreError): Promise<void> {
    this.#failure ??= reason;
    while (this.#running !== undefined) await this.#running;
  }

  async #run(): Promise<void> {
    let inFlight: Promise<void> | undefined;
    try {
      // Callers whose entries were just committed, or who call in one turn of the event loop, go together.
      await setImmediate();
      while (this.#queue.length > 0) {
        const isFull = this.#queuedEntries >= MAX_COMMIT_ENTRIES || this.#queuedBytes >= MAX_COMMIT_BYTES;
        if (inFlight !== undefined && !isFull) {
          await inFlight;
          inFlight = undefined;
          await setImmediate();
          continue;
        }
        const requests = this.#take();
        const prepared = await this.#orReject(requests, this.#prepare(requests));
        await this.#orReject(requests, inFlight);
        inFlight = this.#orReject(requests, this.#commit(prepared));
        // It is awaited later, and until then nobody would hear of its failure.
        inFlight.catch(() => {});
        if (this.#queue.length === 0) await inFlight;
      }
    } catch {
      // Whoever waited for the commit that failed has been told; those behind it have not.
      await inFlight?.catch(() => {});
      for (const { reject } of this.#queue.splice(0)) reject(this.#failure);
    } finally {
      this.#running = undefined;
    }
  }

  /** Where `step` fails, the requests that it was for get its error, and everybody later the final one. */
  async #orReject<T>(requests: readonly Request[], step: T | Promise<T>): Promise<T> {
    try {
      return await step;
    } catch (cause) {
      const message = cause instanceof Error ? cause.message : String(cause);
      this.#failure ??= new CoreError('log-failed', `appending failed, and the log must be opened again: ${message}`, {
        cause,
      });
      for (const { reject } of requests) reject(cause);
      throw cause;
    }
  }

  #take(): Request[] {
    const taken: Request[] = [];
    let entries = 0;
    let bytes = 0;
    let count = 0;
    for (; count < this.#queue.length; count++) {
      const next = this.#queue[count]!;
      const fits = entries + next.count <= MAX_COMMIT_ENTRIES && bytes + next.packed.bytes.length <= MAX_COMMIT_BYTES;
      if (count > 0 && !fits) break;
      entries += next.count;
      bytes += next.packed.bytes.length;
      taken.push(next);
    }
    this.#queue.splice(0, count);
    this.#queuedEntries -= entries;
    this.#queuedBytes -= bytes;
    return taken;
  }

  async #prepare(requests: readonly Request[]): Promise<Prepared> {
    const { fresh: batch, derived, removed = [], ...result } = await this.#place(requests);
    const before = this.#range;
    if (batch.length === 0) return { ...result, commit: undefined };

    const { range, commit } = growTree(before, batch);
    this.#range = range;
    return { ...result, commit: { ...commit, derived, removed } };
  }

  /** Finds out which entries are new to the log, and puts those behind all that are on their way there. */
  async #place(requests: readonly Request[]): Promise<Placed> {
    const all = EntryBatch.of(joinPacked(requests.map(({ packed }) => packed)));
    const { size } = this.#range;
    const { judge, knownLeaves } = this.#host;
    if (judge !== undefined) return this.#judged(judge, requests, all);
    const { leafHashes } = all;
    if (knownLeaves === undefined) {
      const indices: number[] = [];
      for (let i = 0; i < all.length; i++) indices.push(size + i);
      return { requests, indices, leafHashes, fresh: all, derived: [] };
    }
    const { indices, fresh: positions } = await knownLeaves.add(leafHashes, this.#host.head().size, size);
    const fresh = all.select(positions);
    return { requests, indices, leafHashes, fresh, derived: leafIndices(fresh.leafHashes, size) };
  }

  /** Judges every request by itself. Those that are refused are told so, and leave no trace. */
  async #judged(judge: Judge, requests: readonly Request[], all: EntryBatch): Promise<Placed> {
    const { size } = this.#range;
    const counts = requests.map(({ count }) => count);
    const { refusals, taken, indices, fresh: positions, derived } = await judge.judge(all, counts, size);
    refusals.forEach((refusal, i) => {
      if (refusal !== undefined) requests[i]!.reject(refusal.error);
    });
    const { fresh, pairs, removed } = await this.#indexed(judge, all.select(positions));
    return {
      requests: requests.filter((_, i) => refusals[i] === undefined),
      indices,
      leafHashes: all.select(taken).leafHashes,
      fresh,
      derived: [...leafIndices(fresh.leafHashes, size), ...derived, ...pairs],
      removed,
    };
  }

  /** Ends what is new to the log with an index entry, if the log has an index and if anything is new. */
  async #indexed(
    judge: Judge,
    fresh: EntryBatch,
  ): Promise<{ fresh: EntryBatch; pairs: readonly DerivedPair[]; removed: readonly Uint8Array[] }> {
    const { index } = this.#host;
    if (index === undefined || fresh.length === 0) return { fresh, pairs: [], removed: [] };
    const { entry, pairs, removed } = await index.end(fresh, this.#range.size);
    const last = EntryBatch.of(packEntry(entry));
    judge.end(last.entry(0), last.leafHashes);
    return { fresh: fresh.join(last), pairs, removed };
  }

  async #commit({ requests, indices, leafHashes, commit }: Prepared): Promise<void> {
    let checkpoint = this.#host.checkpoint();
    if (commit !== undefined) {
      // If we crash before this resolves, the commit is stored whole or not at all, and nobody was told of it.
      await this.#host.store.commit(commit);
      // If we crash here, the head is stored and not signed: opening the log signs it, with the same signature.
      checkpoint = await this.#host.committed(commit.head);
      this.#host.index?.settled();
    }
    this.#host.knownLeaves?.settled();
    this.#host.judge?.settled();
    let at = 0;
    for (const { count, resolve } of requests) {
      const end = at + count;
      resolve({
        indices: indices.slice(at, end),
        leafHashes: leafHashes.subarray(at * HASH_SIZE, end * HASH_SIZE),
        checkpoint,
      });
      at = end;
    }
  }
}
