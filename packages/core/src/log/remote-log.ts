import { setTimeout as sleep } from 'node:timers/promises';
import { parseDecimal } from '../bytes/decimal.ts';
import { equalBytes } from '../bytes/equal.ts';
import { CoreError } from '../error.ts';
import { indexEntryOf } from '../log-index/index-entry.ts';
import type { StreamName, StreamRecord } from '../log-index/stream.ts';
import { checkEntry } from '../tile/entry-bundle.ts';
import { HASH_SIZE } from '../tree/hash.ts';
import { type Appended, AppendedBatch } from './appended.ts';
import { CheckpointKeeper } from './checkpoint-keeper.ts';
import { type LogDescription, parseDescription } from './description.ts';
import { EntryBatch } from './entry-batch.ts';
import { entryChunks } from './entry-chunks.ts';
import type { HttpClient } from './http-client.ts';
import { HttpStore, type HttpStoreOptions } from './http-store.ts';
import { signingKey } from './log-key.ts';
import { LogReading } from './log-reading.ts';
import { MAX_COMMIT_ENTRIES } from './sequencer.ts';

// An index and a newline each.
const MAX_ANSWER_SIZE = MAX_COMMIT_ENTRIES * 17;
// A copy of the log that answers may be a little behind the one that took the entries.
const LOOKS = 8;
const FIRST_LOOK = 50;

/**
 * A log that somebody serves, as it was when it was opened, refreshed or last appended to. What it hands out it has checked
 * against the log's signed checkpoint, as a log checks what its store holds; docs/threat-model.md has what cannot be checked.
 *
 * The server knows the log's key, and signs. What it takes is here only believed once the entry is found in the tree.
 */
export class RemoteLog extends LogReading implements AsyncDisposable {
  readonly #client: HttpClient;
  readonly #served: HttpStore;

  private constructor(client: HttpClient, served: HttpStore, description: LogDescription) {
    const { signed } = served.checkpoints;
    super(served, description, signingKey(description), { head: signed, checkpoints: served.checkpoints });
    this.#client = client;
    this.#served = served;
  }

  /** @throws CoreError as `HttpStore.open` */
  static async open(client: HttpClient, options: HttpStoreOptions = {}): Promise<RemoteLog> {
    const served = await HttpStore.open(client, options);
    return new RemoteLog(client, served, parseDescription(await served.description()));
  }

  override get answersDerived(): boolean {
    return this.#served.answersDerived && super.answersDerived;
  }

  /**
   * Reads the newest checkpoint again.
   *
   * @returns whether it is another one
   * @throws as `HttpStore.refresh`
   */
  async refresh(): Promise<boolean> {
    const isNew = await this.#served.refresh();
    const { checkpoints } = this.#served;
    this.checkpoints = new CheckpointKeeper(this.#served, this.description, this.key, checkpoints);
    this.head = checkpoints.signed;
    return isNew;
  }

  /**
   * As a log's, also if the leaf is newer than what was read of the log until now. That there is none is what the server says;
   * where it does not say, all leaf hashes are read.
   */
  override async indexOf(leafHash: Uint8Array): Promise<number | undefined> {
    if (!this.answersDerived) return this.stored.scanFor(leafHash);
    try {
      return await super.indexOf(leafHash);
    } catch (error) {
      if (!(error instanceof CoreError) || error.code !== 'log-corrupt' || !(await this.refresh())) throw error;
      return super.indexOf(leafHash);
    }
  }

  /**
   * What the server says that the log's admission derived: nobody can check it. Where the log has an index, that says the same and
   * can be checked.
   *
   * @throws CoreError `log-corrupt` if the server says that there is no index, and there is
   */
  override async derived(key: Uint8Array): Promise<Uint8Array | undefined> {
    const { indexed, mirror } = this.description;
    if (!indexed && !mirror && this.size > 0 && indexEntryOf(await this.entry(this.size - 1)) !== undefined) {
      throw new CoreError('log-corrupt', `${this.#served.url} says that ${this.origin} has no index, and it has`);
    }
    return super.derived(key);
  }

  /** All streams: as many requests as it takes to prove that there are no others. @throws as a log's */
  override async *streams(
    size?: number,
  ): AsyncGenerator<{ stream: StreamName; record: StreamRecord }, void, undefined> {
    if ((size ?? this.size) === 0) yield* super.streams(size);
    else yield* (await this.proveStreams(size)).claim.streams;
  }

  /** Has the server append one entry. @throws as {@link appendAll} */
  async append(entry: Uint8Array): Promise<Appended> {
    for await (const batch of this.appendAll([entry])) for (const appended of batch) return appended;
    throw new RangeError('an entry gives a batch');
  }

  /**
   * Has the server append all entries of an iterable, as a log does, and yields what became of them once they are found in its
   * tree. Where a connection breaks they are sent again, unless the log would have them twice then.
   *
   * @throws HttpProblem if the server refuses them; CoreError `fetch-failed`, with a message that says so if it is not known
   * whether the server took them; `log-corrupt` if they are not where the server says; `log-read-only` if it takes none;
   * `entry-empty`, `entry-too-large`
   */
  async *appendAll(
    entries: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  ): AsyncGenerator<AppendedBatch, void, undefined> {
    for await (const packed of entryChunks(entries, checkEntry)) {
      const { leafHashes, length } = EntryBatch.of(packed);
      const answer = await this.#client.post({
        path: 'add-batch',
        type: 'application/octet-stream',
        body: packed.bytes,
        limit: MAX_ANSWER_SIZE,
        // The same entry again has the same index.
        again: !this.description.duplicates,
      });
      if (answer === undefined) throw new CoreError('log-read-only', `${this.#client.prefix} takes no entries`);
      const indices = parseIndices(answer, length);
      await this.#refreshTo(Math.max(...indices) + 1);
      for (const [i, index] of indices.entries()) {
        const expected = leafHashes.subarray(i * HASH_SIZE, (i + 1) * HASH_SIZE);
        if (equalBytes(await this.leafHash(index), expected)) continue;
        throw new CoreError(
          'log-corrupt',
          `the server took an entry as number ${index}, and its log does not have it there`,
        );
      }
      yield new AppendedBatch({ indices, leafHashes, checkpoint: this.checkpoint().note });
    }
  }

  /** Reads a checkpoint of at least so many entries. @throws CoreError `fetch-failed` if there is none */
  async #refreshTo(size: number): Promise<void> {
    for (let look = 0; look < LOOKS; look++) {
      if (look > 0) await sleep(FIRST_LOOK * 2 ** (look - 1));
      try {
        await this.refresh();
      } catch (error) {
        if (!(error instanceof CoreError) || error.code !== 'checkpoint-older') throw error;
      }
      if (this.size >= size) return;
    }
    throw new CoreError(
      'fetch-failed',
      `the server says that it took the entries up to number ${size - 1}, and its newest checkpoint has ${this.size}: whether ` +
        'they are in the log is not known',
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  protected override checkOpen(): void {}
}

/** @throws CoreError `fetch-failed` */
function parseIndices(answer: Uint8Array, count: number): number[] {
  const lines = new TextDecoder().decode(answer).split('\n');
  const isWhole = lines.length === count + 1 && lines.pop() === '';
  if (!isWhole)
    throw new CoreError('fetch-failed', `the server was sent ${count} entries, and its answer has other indices`);
  try {
    return lines.map((line) => parseDecimal(line, 'an index'));
  } catch (cause) {
    throw new CoreError('fetch-failed', 'the server answers with something else than indices', { cause });
  }
}
