import { CoreError, EMPTY_ROOT, equalBytes, HASH_SIZE } from '@vitrine/core';
import type { Commit, Head, PublishedCheckpoints, Store } from '@vitrine/core/log';

/** Items, hashes or entries, of one tile or bundle: each commit's go behind those of the ones before. */
type Items = Uint8Array[];

/** What outlives a {@link MemoryStore}, as a disk outlives a process. Two stores on one disk race like two processes. */
export class MemoryDisk {
  description: Uint8Array | undefined;
  head: Head = { size: 0, root: EMPTY_ROOT };
  checkpoints: PublishedCheckpoints = {};
  readonly tiles: Map<string, Items> = new Map();
  readonly bundles: Map<number, Items> = new Map();
  /** Keys in hex, whose order is that of the bytes. */
  readonly derived: Map<string, Uint8Array> = new Map();
}

/**
 * A store in memory, for tests. Stricter than the contract where that finds mistakes: a segment that does not begin where
 * the one before it ended throws.
 */
export class MemoryStore implements Store {
  readonly #disk: MemoryDisk;
  #isClosed = false;

  private constructor(disk: MemoryDisk) {
    this.#disk = disk;
  }

  /** @throws CoreError `store-exists` if there is a store on the disk */
  static async create(disk: MemoryDisk, description: Uint8Array): Promise<MemoryStore> {
    if (disk.description !== undefined) throw new CoreError('store-exists', 'the disk already holds a log');
    disk.description = description.slice();
    return new MemoryStore(disk);
  }

  /** @throws CoreError `store-missing` if there is no store on the disk */
  static async open(disk: MemoryDisk): Promise<MemoryStore> {
    if (disk.description === undefined) throw new CoreError('store-missing', 'the disk is empty');
    return new MemoryStore(disk);
  }

  async description(): Promise<Uint8Array> {
    return this.#disk.description!.slice();
  }

  async readHead(): Promise<{ head: Head; checkpoints: PublishedCheckpoints }> {
    this.#checkOpen();
    return { head: this.#disk.head, checkpoints: this.#disk.checkpoints };
  }

  async readTile(level: number, index: number, width: number): Promise<Uint8Array> {
    this.#checkOpen();
    return slice(this.#disk.tiles.get(tileKey(level, index)), width, `tile ${index} of level ${level}`);
  }

  async readBundle(index: number, width: number): Promise<Uint8Array> {
    this.#checkOpen();
    return slice(this.#disk.bundles.get(index), width, `entry bundle ${index}`);
  }

  async readDerived(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    this.#checkOpen();
    return keys.map((key) => this.#disk.derived.get(hex(key))?.slice());
  }

  async *derived(prefix: Uint8Array, after?: Uint8Array): AsyncGenerator<readonly [Uint8Array, Uint8Array]> {
    this.#checkOpen();
    const isAsked = (key: string): boolean => key.startsWith(hex(prefix)) && (after === undefined || key > hex(after));
    const keys = [...this.#disk.derived.keys()].filter(isAsked);
    for (const key of keys.sort()) {
      this.#checkOpen();
      yield [new Uint8Array(Buffer.from(key, 'hex')), this.#disk.derived.get(key)!.slice()];
    }
  }

  async commit({ expected, head, tiles, bundles, derived, removed = [] }: Commit): Promise<void> {
    this.#checkOpen();
    const stored = this.#disk.head;
    if (stored.size !== expected.size || !equalBytes(stored.root, expected.root)) {
      throw new CoreError('store-conflict', `the disk has a tree of ${stored.size} leaves, not of ${expected.size}`);
    }
    const appends = [
      ...tiles.map(({ level, index, start, bytes }) =>
        behind(this.#disk.tiles, tileKey(level, index), start, hashesOf(bytes)),
      ),
      ...bundles.map(({ index, start, bytes }) => behind(this.#disk.bundles, index, start, entriesOf(bytes))),
    ];
    for (const append of appends) append();
    for (const [key, value] of derived) this.#disk.derived.set(hex(key), value.slice());
    for (const key of removed) this.#disk.derived.delete(hex(key));
    this.#disk.head = { size: head.size, root: head.root.slice() };
  }

  async publish({ signed, cosigned }: PublishedCheckpoints): Promise<void> {
    this.#checkOpen();
    this.#disk.checkpoints = {
      ...this.#disk.checkpoints,
      ...(signed && { signed: signed.slice() }),
      ...(cosigned && { cosigned: cosigned.slice() }),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new CoreError('store-closed', 'the store was closed');
  }
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

const tileKey = (level: number, index: number): string => `${level}/${index}`;

/** Checks a segment, and returns what puts it into place: nothing is written before everything was checked. */
function behind<K>(kept: Map<K, Items>, key: K, start: number, items: Items): () => void {
  const held = kept.get(key) ?? [];
  if (held.length !== start || items.length === 0 || start + items.length > 256) {
    throw new RangeError(
      `a segment of ${items.length} from ${start} does not fit behind ${held.length} items of ${key}`,
    );
  }
  return () => kept.set(key, [...held, ...items]);
}

function slice(items: Items | undefined, width: number, name: string): Uint8Array {
  if (items === undefined || items.length < width) {
    throw new CoreError('store-corrupt', `${name} has fewer than ${width} items`);
  }
  return new Uint8Array(Buffer.concat(items.slice(0, width)));
}

function hashesOf(bytes: Uint8Array): Items {
  if (bytes.length % HASH_SIZE !== 0) throw new RangeError(`${bytes.length} bytes are not a number of hashes`);
  return Array.from({ length: bytes.length / HASH_SIZE }, (_, i) => bytes.slice(i * HASH_SIZE, (i + 1) * HASH_SIZE));
}

/** Entries with their length prefixes. */
function entriesOf(bytes: Uint8Array): Items {
  const items: Items = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + 2 + bytes[at]! * 256 + (bytes[at + 1] ?? Number.NaN);
    if (!(end <= bytes.length)) throw new RangeError('a bundle segment ends inside an entry');
    items.push(bytes.slice(at, end));
    at = end;
  }
  return items;
}
