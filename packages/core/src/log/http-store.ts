import { equalBytes } from '../bytes/equal.ts';
import { CoreError } from '../error.ts';
import { KEY_TYPE_ED25519 } from '../note/key-type.ts';
import { openCheckpoint } from '../note/open-checkpoint.ts';
import { MAX_NOTE_SIZE } from '../note/signature-line.ts';
import { parseSignedNote } from '../note/signed-note.ts';
import { quote } from '../note/text.ts';
import { formatVkey, parseVkey, type VerifierKey } from '../note/vkey.ts';
import { formatBundle, MAX_BUNDLE_SIZE } from '../tile/entry-bundle.ts';
import { parseTilePath, TILE_WIDTH } from '../tile/tile.ts';
import { TileReader } from '../tile/tile-reader.ts';
import { EMPTY_ROOT, HASH_SIZE } from '../tree/hash.ts';
import { treeRoot } from '../tree/interval.ts';
import { BundleCache } from './bundle-cache.ts';
import type { LogCheckpoint, LogCheckpoints } from './checkpoint-keeper.ts';
import { isCosigned } from './cosigned.ts';
import { formatDescription, type LogDescription, parseDescription } from './description.ts';
import type { HttpClient } from './http-client.ts';
import { HttpDerived } from './http-derived.ts';
import { INDEX_HEAD_KEY } from './index-keys.ts';
import { signingKey } from './log-key.ts';
import type { Head, PublishedCheckpoints, Store } from './store.ts';

const MAX_DESCRIPTION_SIZE = 65_536;
/** Bundles that are fetched before they are asked for, by whoever reads one behind the other. */
const AHEAD = 8;

/** What a log that is read over HTTP is opened with. */
export interface HttpStoreOptions {
  /**
   * The log's key, of type 0x01, if the caller knows it: then the log has to be that one. Without it, the log is the one that the
   * server says it is.
   */
  readonly key?: VerifierKey | undefined;
  /** Reads the log as of the checkpoint that it shows to everybody, and not as of the newest one. */
  readonly published?: boolean | undefined;
}

/**
 * A log that somebody serves, as of its newest checkpoint: https://c2sp.org/tlog-tiles, and what docs/http.md has besides.
 *
 * Tiles and entries leave it authenticated by that checkpoint, which the log's key signed. Derived values are what the server
 * says, and whoever asks for them has to check them as those of a damaged store. Nothing can be written.
 */
export class HttpStore implements Store {
  /** With a slash at the end. */
  readonly url: string;
  /**
   * Whether the server answers about what was derived from the entries. One that only has files does not: then `readDerived` and
   * `derived` fail.
   */
  readonly answersDerived: boolean;
  readonly #client: HttpClient;
  readonly #description: LogDescription;
  readonly #isPublished: boolean;
  readonly #derived: HttpDerived;
  readonly #bundles = new BundleCache();
  #served: Served;
  #tiles: TileReader;
  /** Resolves once nobody reads the checkpoint again. */
  #refreshed: Promise<unknown> = Promise.resolve();

  private constructor(
    client: HttpClient,
    { description, derived, answersDerived }: Described,
    { served, tiles }: Authenticated,
    isPublished: boolean,
  ) {
    this.url = client.prefix;
    this.answersDerived = answersDerived;
    this.#client = client;
    this.#description = description;
    this.#derived = derived;
    this.#isPublished = isPublished;
    this.#served = served;
    this.#tiles = tiles;
  }

  /**
   * Reads what the log is, and its newest checkpoint.
   *
   * @throws CoreError `log-key` if it is another log than the caller's, or if nobody says which it is; `key-type` for a key of
   * another type; `fetch-failed`; `store-` codes for a description that cannot be read; what `openCheckpoint` throws;
   * `proof-mismatch` if the newest checkpoint is not of the tree of the one that is shown
   */
  static async open(client: HttpClient, { key, published = false }: HttpStoreOptions = {}): Promise<HttpStore> {
    if (key !== undefined && key.type !== KEY_TYPE_ED25519) {
      throw new CoreError(
        'key-type',
        `a log is known by its key of type 0x01, and that of ${key.keyName} is another one`,
      );
    }
    const derived = new HttpDerived(client);
    const [description, answersDerived, notes] = await Promise.all([
      readDescription(client, key),
      derived.read([INDEX_HEAD_KEY]).then((values) => values !== undefined),
      readNotes(client, published),
    ]);
    const served = openNotes(notes, description, client.prefix);
    const authenticated = await authenticate(client, served);
    return new HttpStore(client, { description, derived, answersDerived }, authenticated, published);
  }

  async description(): Promise<Uint8Array> {
    return formatDescription(this.#description);
  }

  /** The checkpoints that the server has: that of the log as it is read, and the newest one that others have signed too. */
  get checkpoints(): LogCheckpoints & { readonly signed: LogCheckpoint } {
    return this.#served;
  }

  /**
   * Reads the newest checkpoint again.
   *
   * @returns whether it is another one
   * @throws CoreError `checkpoint-older` for one of a smaller tree, which is a part of the one that was read; `proof-mismatch` if
   * it, or a larger one, is of another tree; as {@link open}
   */
  refresh(): Promise<boolean> {
    // One after the other: each checkpoint is compared with the one before it, and none comes later than a newer one.
    const refreshed = this.#refreshed.then(() => this.#refresh());
    this.#refreshed = refreshed.catch(() => {});
    return refreshed;
  }

  async #refresh(): Promise<boolean> {
    const served = openNotes(await readNotes(this.#client, this.#isPublished), this.#description, this.url);
    const before = this.#served.signed;
    const { size, note } = served.signed;
    if (size < before.size) {
      // By the tiles of the tree that was read, of which the server may have no more than are kept here.
      await checkPrefix(served.signed, before, this.#tiles);
      const sizes = `${size} entries, and had one of ${before.size} before`;
      throw new CoreError('checkpoint-older', `${this.url} has a checkpoint of ${sizes}`);
    }
    const { tiles } = await authenticate(this.#client, served);
    await checkPrefix(before, served.signed, tiles);
    this.#served = served;
    if (size > before.size) {
      this.#tiles = tiles;
      // The last one has grown.
      this.#bundles.delete(Math.floor(before.size / TILE_WIDTH));
    }
    return !equalBytes(note, before.note);
  }

  async readHead(): Promise<{ head: Head; checkpoints: PublishedCheckpoints }> {
    const { signed, cosigned } = this.#served;
    return {
      head: { size: signed.size, root: signed.root.slice() },
      checkpoints: { signed: signed.note.slice(), ...(cosigned && { cosigned: cosigned.note.slice() }) },
    };
  }

  async readTile(level: number, index: number, width: number): Promise<Uint8Array> {
    return (await this.#tiles.readTile(level, index)).subarray(0, width * HASH_SIZE);
  }

  async readBundle(index: number, width: number): Promise<Uint8Array> {
    const isNext = this.#bundles.has(index - 1);
    const bundle = this.#bundle(index);
    const last = Math.min(index + (isNext ? AHEAD : 0), Math.floor((this.#served.signed.size - 1) / TILE_WIDTH));
    for (let ahead = index + 1; ahead <= last; ahead++) this.#bundle(ahead);
    return formatBundle((await bundle).slice(0, width));
  }

  #bundle(index: number): Promise<readonly Uint8Array[]> {
    return this.#bundles.get(index, () => this.#tiles.readBundle(index));
  }

  /** @throws CoreError `log-static` if the server does not answer about them */
  async readDerived(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    const values = await this.#derived.read(keys);
    if (values === undefined) throw this.#isStatic();
    return values;
  }

  /** @throws CoreError `log-static` if the server does not answer about them */
  async *derived(
    prefix: Uint8Array,
    after?: Uint8Array,
  ): AsyncGenerator<readonly [Uint8Array, Uint8Array], void, undefined> {
    // Each entry has brought a few of them, and the server may have some more by now.
    const most = 16 * this.#served.signed.size + 1_000_000;
    let count = 0;
    for await (const pair of this.#derived.list(prefix, after)) {
      if (pair === undefined) throw this.#isStatic();
      if (++count > most)
        throw new CoreError('fetch-failed', `${this.url} lists more derived keys than its log can have`);
      yield pair;
    }
  }

  async commit(): Promise<void> {
    throw readOnly();
  }

  async publish(): Promise<void> {
    throw readOnly();
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  #isStatic(): CoreError {
    return new CoreError(
      'log-static',
      `${this.url} has the files of the log ${this.#description.origin}, and nothing that its index is asked by: name the log's own server`,
    );
  }
}

interface Described {
  readonly description: LogDescription;
  readonly derived: HttpDerived;
  readonly answersDerived: boolean;
}

/** What a server has, signed by the log. */
type Served = LogCheckpoints & { readonly signed: LogCheckpoint };

interface Authenticated {
  readonly served: Served;
  /** Of the tree of the newest checkpoint. */
  readonly tiles: TileReader;
}

/** @throws CoreError `log-key`, `fetch-failed`, `store-` codes */
async function readDescription(client: HttpClient, key: VerifierKey | undefined): Promise<LogDescription> {
  const description = await fetchDescription(client);
  if (description === undefined) {
    if (key === undefined) {
      throw new CoreError(
        'log-key',
        `${client.prefix} does not say whose log it is, and may be none: if it is one, name its key`,
      );
    }
    const plain = { kind: 'raw', duplicates: true, indexed: false, mirror: false } as const;
    return { origin: key.keyName, vkeys: [formatVkey(key)], ...plain };
  }
  // Not any of its keys: this is the one that the checkpoints are checked with.
  if (key !== undefined && formatVkey(signingKey(description)) !== formatVkey(key)) {
    throw new CoreError(
      'log-key',
      `${client.prefix} is the log ${quote(description.origin)} with another key than that of ${quote(key.keyName)}`,
    );
  }
  return description;
}

/**
 * What a server says of its log; undefined if it says nothing.
 *
 * @throws CoreError `fetch-failed`, also for what describes no log; `store-newer`
 */
export async function fetchDescription(client: HttpClient): Promise<LogDescription | undefined> {
  const bytes = await client.get({ path: 'description', limit: MAX_DESCRIPTION_SIZE });
  try {
    return bytes && parseDescription(bytes);
  } catch (cause) {
    if (!(cause instanceof CoreError) || cause.code !== 'store-corrupt') throw cause;
    const why = `${client.prefix}description describes no log, so there may be none: ${cause.message}`;
    throw new CoreError('fetch-failed', why, { cause });
  }
}

/** The checkpoint that is shown to everybody, and the newest one; the same where there is no other. */
interface Notes {
  readonly shown: Uint8Array | undefined;
  readonly newest: Uint8Array;
}

/** @throws CoreError `checkpoint-missing`, `fetch-failed` */
async function readNotes(client: HttpClient, published: boolean): Promise<Notes> {
  const read = (path: string): Promise<Uint8Array | undefined> => client.get({ path, limit: MAX_NOTE_SIZE });
  // In this order, so that the other one is not smaller.
  const shown = await read('checkpoint');
  const newest = published ? shown : ((await read('checkpoint/newest')) ?? shown);
  if (newest === undefined) throw new CoreError('checkpoint-missing', `${client.prefix} shows no checkpoint yet`);
  return { shown, newest };
}

function openNotes({ shown, newest }: Notes, description: LogDescription, url: string): Served {
  const key = signingKey(description);
  const open = (note: Uint8Array): LogCheckpoint => {
    const { size, root } = openCheckpoint(note, { origin: key.keyName, keys: [key] }).checkpoint;
    return { size, root, note };
  };
  const own = description.vkeys.map(parseVkey);
  const all = [newest, ...(shown === undefined ? [] : [shown])].map(open);
  // A cache may have kept an old answer of one of them.
  all.sort((a, b) => b.size - a.size);
  const [signed] = all;
  if (signed === undefined) throw new CoreError('checkpoint-missing', `${url} shows no checkpoint yet`);
  const cosigned = all.find(({ note }) => isCosigned(parseSignedNote(note), own));
  return { signed, ...(cosigned && { cosigned }) };
}

/** The tiles of the newest checkpoint's tree. @throws CoreError `proof-mismatch` unless the other checkpoint is of a part of it */
async function authenticate(client: HttpClient, served: Served): Promise<Authenticated> {
  const { size, root } = served.signed;
  const fetchTile = (path: string): Promise<Uint8Array | undefined> => {
    const limit = parseTilePath(path).level === 'entries' ? MAX_BUNDLE_SIZE : TILE_WIDTH * HASH_SIZE;
    return client.get({ path, limit });
  };
  const tiles = new TileReader({ size, root, fetchTile });
  if (served.cosigned !== undefined) await checkPrefix(served.cosigned, served.signed, tiles);
  return { served, tiles };
}

/** @param tiles of the later tree. @throws CoreError `proof-mismatch` unless it begins with the earlier one */
async function checkPrefix(earlier: Head, later: Head, tiles: TileReader): Promise<void> {
  const { size } = earlier;
  const root = size === later.size ? later.root : size === 0 ? EMPTY_ROOT : await treeRoot(size, tiles);
  if (equalBytes(root, earlier.root)) return;
  throw new CoreError(
    'proof-mismatch',
    `the log has signed two trees, and the one of ${later.size} entries does not begin with the one of ${size}: keep both checkpoints`,
  );
}

const readOnly = (): CoreError =>
  new CoreError('log-read-only', 'a log that is read over HTTP has no store to write to');
