import { parseDecimal } from '../bytes/decimal.ts';
import { equalBytes } from '../bytes/equal.ts';
import { CoreError } from '../error.ts';
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
import { type OpenedTree, openTree } from './open-tree.ts';
import { MAX_COMMIT_ENTRIES } from './sequencer.ts';

// An index and a newline each.
const MAX_ANSWER_SIZE = MAX_COMMIT_ENTRIES * 17;

/**
 * A log that somebody serves, as it was when it was opened, refreshed or last appended to. What it hands out it has checked
 * against the log's signed checkpoint, as a log checks what its store holds.
 *
 * The server knows the log's key, and signs. What it takes is here only believed once the entry is found in the tree.
 */
export class RemoteLog extends LogReading implements AsyncDisposable {
  readonly #client: HttpClient;
  readonly #served: HttpStore;

  private constructor(client: HttpClient, served: HttpStore, description: LogDescription, tree: OpenedTree) {
    super(served, description, signingKey(description), tree);
    this.#client = client;
    this.#served = served;
  }

  /** @throws CoreError as `HttpStore.open`; `log-corrupt`, `tile-` codes if what is served does not fit together */
  static async open(client: HttpClient, options: HttpStoreOptions = {}): Promise<RemoteLog> {
    const served = await HttpStore.open(client, options);
    const description = parseDescription(await served.description());
    const tree = await openTree(served, { key: signingKey(description), mirror: false });
    return new RemoteLog(client, served, description, tree);
  }

  /**
   * Reads the newest checkpoint again.
   *
   * @returns whether it is another one
   * @throws as `HttpStore.refresh`
   */
  async refresh(): Promise<boolean> {
    const isNew = await this.#served.refresh();
    const { key, description } = this;
    const { head, checkpoints } = await openTree(this.#served, { key, mirror: false });
    this.checkpoints = new CheckpointKeeper(this.#served, description, key, checkpoints);
    this.head = head;
    return isNew;
  }

  /** As a log's, also if the leaf is newer than what was read of the log until now. */
  override async indexOf(leafHash: Uint8Array): Promise<number | undefined> {
    try {
      return await super.indexOf(leafHash);
    } catch (error) {
      if (!(error instanceof CoreError) || error.code !== 'log-corrupt' || !(await this.refresh())) throw error;
      return super.indexOf(leafHash);
    }
  }

  /** Has the server append one entry. @throws as {@link appendAll} */
  async append(entry: Uint8Array): Promise<Appended> {
    for await (const batch of this.appendAll([entry])) for (const appended of batch) return appended;
    throw new RangeError('an entry gives a batch');
  }

  /**
   * Has the server append all entries of an iterable, as a log does, and yields what became of them once they are found in its
   * tree.
   *
   * @throws HttpProblem if the server refuses them; CoreError `fetch-failed`; `log-corrupt` if they are not where the server says;
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
      await this.refresh();
      for (const [i, index] of indices.entries()) {
        const expected = leafHashes.subarray(i * HASH_SIZE, (i + 1) * HASH_SIZE);
        if (index < this.size && equalBytes(await this.leafHash(index), expected)) continue;
        throw new CoreError(
          'log-corrupt',
          `the server took an entry as number ${index}, and its log does not have it there`,
        );
      }
      yield new AppendedBatch({ indices, leafHashes, checkpoint: this.checkpoint().note });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  protected override checkOpen(): void {}
}

function parseIndices(answer: Uint8Array, count: number): number[] {
  const lines = new TextDecoder().decode(answer).split('\n');
  if (lines.length !== count + 1 || lines.pop() !== '') {
    throw new CoreError('fetch-failed', `the server took ${count} entries, and answers with ${lines.length} lines`);
  }
  return lines.map((line) => parseDecimal(line, 'an index'));
}
