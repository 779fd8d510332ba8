import { compareBytes } from '../bytes/compare.ts';
import { equalBytes } from '../bytes/equal.ts';
import { type CborValue, decodeCbor, encodeCbor } from '../cbor/cbor.ts';
import { CoreError } from '../error.ts';
import { openCheckpoint } from '../note/open-checkpoint.ts';
import { MAX_NOTE_SIZE } from '../note/signature-line.ts';
import { quote } from '../note/text.ts';
import { formatVkey, type VerifierKey } from '../note/vkey.ts';
import { formatBundle, MAX_BUNDLE_SIZE } from '../tile/entry-bundle.ts';
import { parseTilePath, TILE_WIDTH } from '../tile/tile.ts';
import { TileReader } from '../tile/tile-reader.ts';
import { HASH_SIZE } from '../tree/hash.ts';
import { verifyConsistency } from '../tree/proof.ts';
import { proveConsistency } from '../tree/prove.ts';
import type { LogCheckpoint } from './checkpoint-keeper.ts';
import { formatDescription, type LogDescription, parseDescription } from './description.ts';
import type { HttpClient } from './http-client.ts';
import { INDEX_HEAD_KEY } from './index-keys.ts';
import { signingKey } from './log-key.ts';
import type { Head, PublishedCheckpoints, Store } from './store.ts';

/** Most derived keys that are asked for, and most pairs that are given, at a time. */
export const MAX_DERIVED_KEYS = 1024;
/** Longest derived key that can be asked for, in bytes. */
export const MAX_DERIVED_KEY_SIZE = 128;

const MAX_DESCRIPTION_SIZE = 65_536;
/** Of one answer about derived keys, in bytes. */
const MAX_DERIVED_SIZE = 16 << 20;
const MAX_KEPT_BUNDLES = 64;
/** Bundles that are fetched before they are asked for, by whoever reads one behind the other. */
const AHEAD = 8;

const CBOR = 'application/cbor';

/** What a log that is read over HTTP is opened with. */
export interface HttpStoreOptions {
  /**
   * The log's key, if the caller knows it: then the log has to be that one. Without it, the log is the one that the server says
   * it is.
   */
  readonly key?: VerifierKey | undefined;
}

/**
 * A log that somebody serves, as of its newest checkpoint: https://c2sp.org/tlog-tiles, and what docs/http.md has besides.
 *
 * Tiles and entries leave it authenticated by that checkpoint, which the log's key signed. Derived values are what the server
 * says, and whoever asks for them has to check them as those of a damaged store. Nothing can be written.
 */
export class HttpStore implements Store {
  readonly #client: HttpClient;
  readonly #description: LogDescription;
  readonly #key: VerifierKey;
  #head: LogCheckpoint;
  #cosigned: Uint8Array | undefined;
  #tiles: TileReader;
  readonly #bundles = new Map<number, Promise<readonly Uint8Array[]>>();

  private constructor(client: HttpClient, description: LogDescription, newest: Newest) {
    this.#client = client;
    this.#description = description;
    this.#key = signingKey(description);
    this.#head = newest.head;
    this.#cosigned = newest.cosigned;
    this.#tiles = reader(client, newest.head);
  }

  /**
   * Reads what the log is, and its newest checkpoint.
   *
   * @throws CoreError `log-key` if it is another log than the caller's, or if nobody says which it is; `fetch-failed`;
   * `store-` codes for a description that cannot be read; what `openCheckpoint` throws
   */
  static async open(client: HttpClient, { key }: HttpStoreOptions = {}): Promise<HttpStore> {
    const [served, isDerived] = await Promise.all([readDescription(client, key), hasDerived(client)]);
    // Without what was derived, leaves are searched for, and the index cannot be asked.
    const description: LogDescription = isDerived
      ? served
      : { ...served, kind: 'raw', duplicates: true, indexed: false };
    return new HttpStore(client, description, await readNewest(client, signingKey(description)));
  }

  async description(): Promise<Uint8Array> {
    return formatDescription(this.#description);
  }

  /** The newest checkpoint of the log that was read, and its tree. */
  get newest(): LogCheckpoint {
    return this.#head;
  }

  /**
   * Reads the newest checkpoint again.
   *
   * @returns whether it is another one
   * @throws CoreError `checkpoint-older` for one of a smaller tree; `proof-mismatch` and `tile-mismatch` if the tree did not only
   * grow; as {@link open}
   */
  async refresh(): Promise<boolean> {
    const newest = await readNewest(this.#client, this.#key);
    const before = this.#head;
    if (newest.head.size < before.size) {
      const sizes = `${before.size} entries, and now one of ${newest.head.size}`;
      throw new CoreError('checkpoint-older', `${this.#client.prefix} had a checkpoint of ${sizes}`);
    }
    const tiles = reader(this.#client, newest.head);
    await checkGrown(before, newest.head, tiles);
    this.#cosigned = newest.cosigned;
    if (newest.head.size === before.size && equalBytes(newest.head.note, before.note)) return false;
    if (newest.head.size > before.size) {
      this.#tiles = tiles;
      // The last one has grown.
      this.#bundles.delete(Math.floor(before.size / TILE_WIDTH));
    }
    this.#head = newest.head;
    return true;
  }

  async readHead(): Promise<{ head: Head; checkpoints: PublishedCheckpoints }> {
    const { size, root, note } = this.#head;
    return {
      head: { size, root: root.slice() },
      checkpoints: { signed: note.slice(), ...(this.#cosigned && { cosigned: this.#cosigned.slice() }) },
    };
  }

  async readTile(level: number, index: number, width: number): Promise<Uint8Array> {
    return (await this.#tiles.readTile(level, index)).subarray(0, width * HASH_SIZE);
  }

  async readBundle(index: number, width: number): Promise<Uint8Array> {
    const isNext = this.#bundles.has(index - 1);
    const entries = this.#bundle(index);
    const last = Math.min(index + (isNext ? AHEAD : 0), Math.floor((this.#head.size - 1) / TILE_WIDTH));
    for (let ahead = index + 1; ahead <= last; ahead++) this.#bundle(ahead);
    return formatBundle((await entries).slice(0, width));
  }

  #bundle(index: number): Promise<readonly Uint8Array[]> {
    const kept = this.#bundles.get(index);
    if (kept !== undefined) return kept;
    const entries = this.#tiles.readBundle(index);
    // A failure is not kept, and whoever asks for the bundle hears of it.
    entries.catch(() => this.#bundles.delete(index));
    if (this.#bundles.size >= MAX_KEPT_BUNDLES) this.#bundles.delete(this.#bundles.keys().next().value!);
    this.#bundles.set(index, entries);
    return entries;
  }

  async readDerived(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    const values: (Uint8Array | undefined)[] = [];
    for (let at = 0; at < keys.length; at += MAX_DERIVED_KEYS) {
      const asked = keys.slice(at, at + MAX_DERIVED_KEYS);
      const found = await askDerived(this.#client, asked);
      if (found === undefined)
        throw new CoreError('fetch-failed', `${this.#client.prefix} does not answer about its index any more`);
      values.push(...found);
    }
    return values;
  }

  async *derived(prefix: Uint8Array): AsyncGenerator<readonly [Uint8Array, Uint8Array], void, undefined> {
    let after: Uint8Array | undefined;
    for (;;) {
      const path = `derived/${hex(prefix)}${after === undefined ? '' : `?after=${hex(after)}`}`;
      const answer = await this.#client.get({ path, limit: MAX_DERIVED_SIZE });
      if (answer === undefined) throw new CoreError('fetch-failed', `there is no ${this.#client.prefix}${path}`);
      const pairs = readList(answer, isPair, path);
      for (const [key, value] of pairs) {
        const isInOrder =
          equalBytes(key.subarray(0, prefix.length), prefix) && (after === undefined || compareBytes(key, after) > 0);
        // Or one that has no end.
        if (!isInOrder) throw malformed(path);
        after = key;
        yield [key, value];
      }
      if (pairs.length === 0) return;
    }
  }

  async commit(): Promise<void> {
    throw readOnly();
  }

  async publish(): Promise<void> {
    throw readOnly();
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

interface Newest {
  readonly head: LogCheckpoint;
  readonly cosigned: Uint8Array | undefined;
}

/** @throws CoreError `log-key`, `fetch-failed`, `store-` codes */
async function readDescription(client: HttpClient, key: VerifierKey | undefined): Promise<LogDescription> {
  const served = await client.get({ path: 'description', limit: MAX_DESCRIPTION_SIZE });
  if (served === undefined) {
    if (key === undefined) {
      throw new CoreError('log-key', `${client.prefix} does not say whose log it is: name the log's key`);
    }
    const plain = { kind: 'raw', duplicates: true, indexed: false, mirror: false } as const;
    return { origin: key.keyName, vkeys: [formatVkey(key)], ...plain };
  }
  const description = parseDescription(served);
  if (key !== undefined && !description.vkeys.includes(formatVkey(key))) {
    throw new CoreError(
      'log-key',
      `${client.prefix} is the log ${quote(description.origin)}, and not that of ${key.keyName} with its key`,
    );
  }
  // What a mirror serves is its log.
  return { ...description, mirror: false };
}

/** The newest checkpoint that the log signed, and the newest that it shows to everybody. */
async function readNewest(client: HttpClient, key: VerifierKey): Promise<Newest> {
  const read = async (path: string): Promise<LogCheckpoint | undefined> => {
    const note = await client.get({ path, limit: MAX_NOTE_SIZE });
    if (note === undefined) return undefined;
    const { size, root } = openCheckpoint(note, { origin: key.keyName, keys: [key] }).checkpoint;
    return { size, root, note };
  };
  // In this order: the other one cannot be larger.
  const shown = await read('checkpoint');
  const head = (await read('checkpoint/newest')) ?? shown;
  if (head === undefined) throw new CoreError('fetch-failed', `${client.prefix} has no checkpoint`);
  const isOlder = shown !== undefined && shown.size <= head.size;
  return { head, cosigned: isOlder ? shown.note : undefined };
}

/** @throws CoreError `proof-mismatch`, `tile-mismatch` unless the tree only grew */
async function checkGrown(before: Head, after: Head, tiles: TileReader): Promise<void> {
  const proof = await proveConsistency(before.size, after.size, tiles);
  const { size: oldSize, root: oldRoot } = before;
  verifyConsistency({ oldSize, oldRoot, newSize: after.size, newRoot: after.root, proof });
}

function reader(client: HttpClient, { size, root }: Head): TileReader {
  const fetchTile = (path: string): Promise<Uint8Array | undefined> => {
    const limit = parseTilePath(path).level === 'entries' ? MAX_BUNDLE_SIZE : TILE_WIDTH * HASH_SIZE;
    return client.get({ path, limit });
  };
  return new TileReader({ size, root, fetchTile });
}

/** Whether a server answers about what was derived from the entries. An export does not. */
async function hasDerived(client: HttpClient): Promise<boolean> {
  return (await askDerived(client, [INDEX_HEAD_KEY])) !== undefined;
}

async function askDerived(
  client: HttpClient,
  keys: readonly Uint8Array[],
): Promise<(Uint8Array | undefined)[] | undefined> {
  const body = encodeCbor(keys);
  const answer = await client.post({ path: 'derived', limit: MAX_DERIVED_SIZE, type: CBOR, body, again: true });
  if (answer === undefined) return undefined;
  const values = readList(answer, isValue, 'derived');
  if (values.length !== keys.length) throw malformed('derived');
  return values.map((value) => value ?? undefined);
}

function readList<T extends CborValue>(
  bytes: Uint8Array,
  isItem: (value: CborValue) => value is T,
  what: string,
): readonly T[] {
  let value: CborValue;
  try {
    value = decodeCbor(bytes, what);
  } catch (cause) {
    throw malformed(what, cause);
  }
  if (!Array.isArray(value) || !value.every(isItem)) throw malformed(what);
  return value;
}

const isValue = (value: CborValue): value is Uint8Array | null => value === null || value instanceof Uint8Array;
const isPair = (value: CborValue): value is readonly [Uint8Array, Uint8Array] =>
  Array.isArray(value) && value.length === 2 && value.every((part) => part instanceof Uint8Array);

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const malformed = (what: string, cause?: unknown): CoreError =>
  new CoreError('fetch-failed', `what the server answers about ${what} cannot be read`, { cause });
const readOnly = (): CoreError =>
  new CoreError('log-read-only', 'a log that is read over HTTP has no store to write to');
