import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Level } from 'level';
import { equalBytes } from '../bytes/equal.ts';
import { CoreError } from '../error.ts';
import { EMPTY_ROOT, HASH_SIZE } from '../tree/hash.ts';
import { makeDirectoryDurably, removeUnfinishedFiles, writeFileDurably } from './durable-file.ts';
import { levelFailure } from './level-failure.ts';
import {
  BUNDLE,
  type Bytes,
  countEntries,
  decodeHead,
  derivedKey,
  encodeHead,
  HEAD_KEY,
  lengthOfEntries,
  plain,
  segmentKey,
  TILE,
} from './level-records.ts';
import { checkTables } from './level-table.ts';
import type { Commit, Head, PublishedCheckpoints, Store } from './store.ts';

// The directory:
//   vitrine.json          says what this is and in which version; written last, so that only a whole store has it
//   log.json              what the store was created with
//   checkpoint            the newest signed checkpoint
//   checkpoint.cosigned   the newest cosigned one, if any
//   db/                   LevelDB: the head, tiles, entry bundles and derived keys
//
// Checkpoints stand beside the database and not in it for a reason: where the tail of its journal is damaged, LevelDB
// drops it without a word. The size in the checkpoint then tells that entries are missing.

/** The only version of the on-disk format so far. */
const FORMAT_VERSION = 1;
const FORMAT_NAME = 'vitrine-level-store';
/** The file that only the directory of a whole log has. */
export const LOG_MARKER = 'vitrine.json';
const DESCRIPTION = 'log.json';
const CHECKPOINT = 'checkpoint';
const COSIGNED = 'checkpoint.cosigned';
const DATABASE = 'db';

// LevelDB's default of 4 MiB costs more than half of the throughput: each table that is written has to be merged.
const WRITE_BUFFER_SIZE = 16 * 1024 * 1024;

/** A log's store in a directory, on LevelDB. One process at a time can open it. */
export class LevelStore implements Store {
  readonly directory: string;
  readonly #db: Level<Bytes, Bytes>;
  readonly #description: Bytes;
  #head: Head;
  #isCommitting = false;
  #failure: unknown;

  private constructor(directory: string, db: Level<Bytes, Bytes>, description: Bytes, head: Head) {
    this.directory = directory;
    this.#db = db;
    this.#description = description;
    this.#head = head;
  }

  /**
   * Creates a store in a directory that is empty or does not exist. If that fails, the directory is left empty.
   *
   * @param description opaque to the store, kept as a file
   * @throws CoreError `store-exists` if something is in the directory, `store-io`
   */
  static async create(directory: string, description: Uint8Array): Promise<LevelStore> {
    await attempt(directory, () => makeDirectoryDurably(directory));
    const found = await attempt(directory, () => readdir(directory));
    if (found.includes(LOG_MARKER)) throw new CoreError('store-exists', `${directory} already holds a log`);
    if (found.includes(DATABASE)) {
      throw new CoreError('store-exists', `${directory} holds a log that was not finished: remove it, and begin again`);
    }
    if (found.length > 0) throw new CoreError('store-exists', `${directory} is not empty`);
    // Only one of those who create a log here at the same time can make this directory. The others must touch nothing.
    await mkdir(join(directory, DATABASE)).catch((cause: NodeJS.ErrnoException) => {
      if (cause.code !== 'EEXIST') throw translate(directory, cause);
      throw new CoreError('store-exists', `somebody else is creating a log in ${directory}`, { cause });
    });
    const head: Head = { size: 0, root: EMPTY_ROOT };
    const marker = new TextEncoder().encode(`${JSON.stringify({ format: FORMAT_NAME, version: FORMAT_VERSION })}\n`);
    let db: Level<Bytes, Bytes> | undefined;
    try {
      db = await openDatabase(directory, true);
      await db.put(HEAD_KEY, encodeHead(head), { sync: true });
      await writeFileDurably(join(directory, DESCRIPTION), description);
      await writeFileDurably(join(directory, LOG_MARKER), marker);
      return new LevelStore(directory, db, description, head);
    } catch (cause) {
      await db?.close();
      for (const name of [LOG_MARKER, DESCRIPTION, DATABASE]) {
        // What went wrong first says more than what goes wrong now.
        await rm(join(directory, name), { recursive: true, force: true }).catch(() => {});
      }
      throw translate(directory, cause);
    }
  }

  /**
   * Opens a store that {@link create} made.
   *
   * Where a table of its database is damaged, LevelDB does not always notice, and can stop the process, here already:
   * opening starts the merging of tables. With `checkTables` all of them are read and checked before that, which takes
   * some 3 s per GB.
   *
   * @param options `signal` stops the check
   * @throws CoreError `store-missing` if there is no such directory; `store-foreign` if it holds something else;
   * `store-newer` if its format is of a later version; `store-locked` if it is open already, here or in another process;
   * `store-corrupt` if its files are damaged; `store-io`
   */
  static async open(
    directory: string,
    options: { checkTables?: boolean | undefined; signal?: AbortSignal | undefined } = {},
  ): Promise<LevelStore> {
    const description = await readDescription(directory);
    // LevelDB would make a new, empty database if it found none.
    const current = await readFile(join(directory, DATABASE, 'CURRENT')).catch(() => undefined);
    if (current === undefined) {
      throw new CoreError(
        'store-corrupt',
        `${directory} is a log, but its database in ${join(directory, DATABASE)} is not there`,
      );
    }
    if (options.checkTables) {
      await checkTables(join(directory, DATABASE), options.signal).catch((error: unknown) => {
        throw options.signal?.aborted ? error : translate(directory, error);
      });
    }
    const db = await openDatabase(directory, false);
    try {
      // Now that nobody else has the directory.
      await attempt(directory, () => removeUnfinishedFiles(directory));
      const stored = await attempt(directory, () => db.get(HEAD_KEY));
      if (stored === undefined) throw new CoreError('store-corrupt', `the database of ${directory} has no head`);
      return new LevelStore(directory, db, description, decodeHead(stored, directory));
    } catch (error) {
      await db.close();
      throw error;
    }
  }

  async description(): Promise<Uint8Array> {
    return this.#description;
  }

  async readHead(): Promise<{ head: Head; checkpoints: PublishedCheckpoints }> {
    this.#checkOpen();
    const [signed, cosigned] = await Promise.all(
      [CHECKPOINT, COSIGNED].map((name) => attempt(this.directory, () => readIfThere(join(this.directory, name)))),
    );
    return { head: this.#head, checkpoints: { ...(signed && { signed }), ...(cosigned && { cosigned }) } };
  }

  async readTile(level: number, index: number, width: number): Promise<Uint8Array> {
    const key = (start: number): Bytes => segmentKey(TILE, index, start, level);
    const tile = this.#readSegments(key, width, (segment) => segment.length / HASH_SIZE);
    if (tile === undefined) {
      throw this.#corrupt(`tile ${index} of level ${level} has fewer than ${width} hashes`);
    }
    return tile.subarray(0, width * HASH_SIZE);
  }

  async readBundle(index: number, width: number): Promise<Uint8Array> {
    const key = (start: number): Bytes => segmentKey(BUNDLE, index, start);
    const bundle = this.#readSegments(key, width, countEntries);
    const length = bundle === undefined ? undefined : lengthOfEntries(bundle, width);
    if (bundle === undefined || length === undefined) {
      throw this.#corrupt(`entry bundle ${index} has fewer than ${width} entries`);
    }
    return bundle.subarray(0, length);
  }

  async readDerived(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    this.#checkOpen();
    // One by one and at once: a value that is looked up is in the block cache or one read away, and LevelDB's asynchronous
    // calls cost more than that.
    return this.#guard(() => keys.map((key) => plain(this.#db.getSync(derivedKey(key)))));
  }

  async *derived(prefix: Uint8Array, after?: Uint8Array): AsyncGenerator<readonly [Uint8Array, Uint8Array]> {
    this.#checkOpen();
    const from = derivedKey(prefix);
    const range = after === undefined ? { gte: from } : { gt: derivedKey(after) };
    const iterator = this.#db.iterator({ ...range, fillCache: false });
    try {
      for (;;) {
        const rows = await attempt(this.directory, () => iterator.nextv(1000));
        if (rows.length === 0) return;
        for (const [key, value] of rows) {
          if (!equalBytes(key.subarray(0, from.length), from)) return;
          yield [plain(key.subarray(1)), plain(value)] as const;
        }
      }
    } finally {
      await iterator.close();
    }
  }

  async commit({ expected, head, tiles, bundles, derived, removed = [] }: Commit): Promise<void> {
    this.#checkOpen();
    if (this.#head.size !== expected.size || !equalBytes(this.#head.root, expected.root)) {
      throw new CoreError(
        'store-conflict',
        `${this.directory} has a tree of ${this.#head.size} leaves, not the expected one of ${expected.size}`,
      );
    }
    // Whichever head it leaves, this one is not stored behind it.
    if (this.#isCommitting) {
      throw new CoreError('store-conflict', `another commit to ${this.directory} is under way`);
    }
    const batch = this.#db.batch();
    for (const { index, start, bytes } of bundles) batch.put(segmentKey(BUNDLE, index, start), bytes);
    for (const { level, index, start, bytes } of tiles) batch.put(segmentKey(TILE, index, start, level), bytes);
    // The batch copies at once, so one array serves all keys of a length.
    let prefixed: Bytes = new Uint8Array(0);
    for (const [key, value] of derived) {
      if (prefixed.length !== key.length + 1) prefixed = derivedKey(key);
      else prefixed.set(key, 1);
      batch.put(prefixed, value);
    }
    for (const key of removed) batch.del(derivedKey(key));
    batch.put(HEAD_KEY, encodeHead(head));
    this.#isCommitting = true;
    await this.#write(() => batch.write({ sync: true }));
    this.#head = head;
    this.#isCommitting = false;
  }

  async publish({ signed, cosigned }: PublishedCheckpoints): Promise<void> {
    this.#checkOpen();
    await this.#write(async () => {
      // In this order: if we crash between them, the cosigned one is older, as it can be, and never ahead.
      if (signed !== undefined) await writeFileDurably(join(this.directory, CHECKPOINT), signed);
      if (cosigned !== undefined) await writeFileDurably(join(this.directory, COSIGNED), cosigned);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#failure ??= new CoreError('store-closed', `${this.directory} was closed`);
    await this.#db.close();
  }

  /** Whole segments, from the first, until they hold `width` items; undefined if there are not that many. */
  #readSegments(key: (start: number) => Bytes, width: number, count: (segment: Bytes) => number): Bytes | undefined {
    this.#checkOpen();
    const segments: Bytes[] = [];
    for (let held = 0; held < width; ) {
      const segment = plain(this.#guard(() => this.#db.getSync(key(held))));
      const items = segment === undefined ? 0 : count(segment);
      // A segment never holds part of an item, so anything else was damaged.
      if (segment === undefined || !Number.isInteger(items) || items < 1) return undefined;
      segments.push(segment);
      held += items;
    }
    if (segments.length === 1) return segments[0]!;
    const joined = new Uint8Array(segments.reduce((sum, segment) => sum + segment.length, 0));
    let at = 0;
    for (const segment of segments) {
      joined.set(segment, at);
      at += segment.length;
    }
    return joined;
  }

  #checkOpen(): void {
    if (this.#failure === undefined) return;
    if (this.#failure instanceof CoreError && this.#failure.code === 'store-closed') throw this.#failure;
    const { message } = translate(this.directory, this.#failure);
    throw new CoreError('store-closed', `the store must be opened again, because writing to it failed: ${message}`, {
      cause: this.#failure,
    });
  }

  #guard<T>(read: () => T): T {
    try {
      return read();
    } catch (cause) {
      throw translate(this.directory, cause);
    }
  }

  /**
   * After a write that failed LevelDB would go on behind a torn record, and lose what it then acknowledges when it next
   * opens. So the first failure is the last write.
   */
  async #write(write: () => Promise<void>): Promise<void> {
    try {
      await write();
    } catch (cause) {
      this.#failure = cause;
      throw translate(this.directory, cause);
    }
  }

  #corrupt(message: string): CoreError {
    return new CoreError('store-corrupt', `${this.directory}: ${message}`);
  }
}

/**
 * The description in a log's directory, without opening its database: works beside a process that has it open.
 *
 * @throws CoreError `store-missing`, `store-foreign`, `store-newer`, `store-io`
 */
export async function readDescription(directory: string): Promise<Uint8Array> {
  const path = join(directory, LOG_MARKER);
  const bytes = await attempt(directory, () => readIfThere(path));
  if (bytes === undefined) {
    const there = await stat(directory).catch(() => undefined);
    if (there === undefined) throw new CoreError('store-missing', `${directory} does not exist`);
    throw new CoreError('store-foreign', `${directory} is not a Vitrine log: it has no ${LOG_MARKER}`);
  }
  let marker: { format?: unknown; version?: unknown } | undefined;
  try {
    marker = JSON.parse(decodeText(bytes));
  } catch (cause) {
    throw new CoreError('store-foreign', `${path} is not JSON`, { cause });
  }
  const version = marker?.version;
  if (marker?.format !== FORMAT_NAME || typeof version !== 'number' || !Number.isInteger(version) || version < 1) {
    throw new CoreError('store-foreign', `${path} does not describe a ${FORMAT_NAME}`);
  }
  if (version > FORMAT_VERSION) {
    throw new CoreError(
      'store-newer',
      `${directory} has format version ${version}, this program knows up to ${FORMAT_VERSION}: use a newer one`,
    );
  }
  const description = await attempt(directory, () => readIfThere(join(directory, DESCRIPTION)));
  if (description === undefined) throw new CoreError('store-corrupt', `${directory} has no ${DESCRIPTION}`);
  return description;
}

async function openDatabase(directory: string, create: boolean): Promise<Level<Bytes, Bytes>> {
  const db = new Level<Bytes, Bytes>(join(directory, DATABASE), {
    keyEncoding: 'view',
    valueEncoding: 'view',
    createIfMissing: create,
    errorIfExists: create,
    writeBufferSize: WRITE_BUFFER_SIZE,
    // Hashes and signatures do not compress, and trying again at each merge costs a third of the throughput of a large log.
    compression: false,
  });
  await attempt(directory, () => db.open());
  return db;
}

async function attempt<T>(directory: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (cause) {
    throw translate(directory, cause);
  }
}

/** What went wrong below, in this package's words. */
function translate(directory: string, cause: unknown): CoreError {
  if (cause instanceof CoreError) return cause;
  const { kind, detail } = levelFailure(cause);
  if (kind === 'locked') {
    return new CoreError('store-locked', `${directory} is open in another process, or already in this one`, { cause });
  }
  if (kind === 'corrupt') return new CoreError('store-corrupt', `${directory} is damaged: ${detail}`, { cause });
  return new CoreError('store-io', `${directory}: ${detail}`, { cause });
}

async function readIfThere(path: string): Promise<Uint8Array | undefined> {
  try {
    return new Uint8Array(await readFile(path));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function decodeText(bytes: Uint8Array): string {
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
}
