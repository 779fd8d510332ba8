import { setImmediate } from 'node:timers/promises';
import { sha256Into } from '#sha256';
import { equalBytes } from '../bytes/equal.ts';
import { CoreError } from '../error.ts';
import type { IndexMapping } from '../log-index/index-mapping.ts';
import { KEY_TYPE_ED25519 } from '../note/key-type.ts';
import { openCheckpoint } from '../note/open-checkpoint.ts';
import type { SchemeOptions } from '../note/signature-scheme.ts';
import { parseVkey } from '../note/vkey.ts';
import { parseBundle } from '../tile/entry-bundle.ts';
import { TILE_HEIGHT, TILE_WIDTH, tileWidth } from '../tile/tile.ts';
import { type CompactRange, EMPTY_RANGE, extendRange, type NewHashes, rangeRoot } from '../tree/compact-range.ts';
import { HASH_SIZE, leafHashInto } from '../tree/hash.ts';
import type { Admission } from './admission.ts';
import { checkIndex } from './check-index.ts';
import { checkJudgement } from './check-judgement.ts';
import { parseDescription } from './description.ts';
import { readIndexHead } from './index-head.ts';
import { decodeIndex, encodeIndex, LEAF_KEY_PREFIX, leafKey } from './known-leaves.ts';
import { checkAdmission, checkMapping, signingKey } from './log-key.ts';
import { noCheckpoint } from './open-tree.ts';
import type { Head, Store } from './store.ts';

/** How far a long command has come, in entries. */
export type OnProgress = (done: number, total: number) => void;

const corrupt = (message: string, cause?: unknown): CoreError => new CoreError('log-corrupt', message, { cause });

/** What `fsck` can be given. */
export interface FsckOptions extends SchemeOptions {
  readonly onProgress?: OnProgress;
  /** Judges every entry of a log of statements again. */
  readonly admission?: Admission | undefined;
  /** Derives the index of a log that has one again. */
  readonly mapping?: IndexMapping | undefined;
}

/**
 * Derives everything that a log stores from its entries again, and compares: leaf hashes, every tile, the root, the leaf
 * hashes' indices and the signed checkpoints. Constant memory; reads the whole store. A `LevelStore` should be opened with
 * `checkTables`, because reading a damaged table can stop the process.
 *
 * Signatures of the log's own keys are verified, those of type 0x06 with `schemes`; those of witnesses are not: a policy
 * says who they are. Records that no entry needs are not looked for. Of a mirror everything that is stored is checked, whether
 * or not a checkpoint covers it yet; it judges no entries.
 *
 * With the admission of a log of statements every entry is judged again, in a second pass, and what is derived from them
 * compared: that takes memory for as many keys as are derived. With the mapping of a log with an index that is derived again,
 * in another pass, in memory for as many streams and subjects as there are. Each pass counts for `onProgress`.
 *
 * @returns the head, all of which was found right
 * @throws CoreError `log-corrupt` that names the first thing that differs; `log-admission` for an admission of a log that is
 * raw; `log-index` for a mapping of one without an index; `store-` codes
 */
export async function fsck(
  store: Store,
  { onProgress, schemes = [], admission, mapping }: FsckOptions = {},
): Promise<Head> {
  const description = parseDescription(await store.description());
  checkAdmission(description, admission);
  checkMapping(description, mapping);
  const { head, checkpoints } = await store.readHead();
  const keys = description.vkeys
    .map(parseVkey)
    .filter(({ type }) => type === KEY_TYPE_ED25519 || schemes.some(({ types }) => types.includes(type)));
  const signed = Object.entries(checkpoints).map(([name, note]: [string, Uint8Array]) => {
    try {
      return { name, ...openCheckpoint(note, { origin: description.origin, keys, schemes }).checkpoint };
    } catch (cause) {
      throw corrupt(`the ${name} checkpoint is not one of ${description.origin}`, cause);
    }
  });
  const { mirror, indexed } = description;
  if (!mirror && head.size > 0 && checkpoints.signed === undefined) throw noCheckpoint(head.size);
  for (const { name, size } of signed) {
    if (size > head.size) throw corrupt(`the ${name} checkpoint has ${size} entries, the store only ${head.size}`);
  }

  const indexedSize = mirror && indexed ? await checkIndexedSize(store, head.size, signed) : head.size;
  const leaves = new Fingerprint();
  const tiles = new TileChecker(store, head.size);
  const checkRoots = (range: CompactRange): void => {
    for (const { name, size, root } of signed) {
      if (size === range.size && !equalBytes(root, rangeRoot(range))) {
        throw corrupt(`the ${name} checkpoint has another root than the tree of its ${size} entries`);
      }
    }
  };
  // A mirror has not judged what the log took.
  const judged = mirror ? undefined : admission;
  const passes = 1 + [judged, mapping].filter((pass) => pass !== undefined).length;
  const total = passes * head.size;
  let range = EMPTY_RANGE;
  checkRoots(range);
  while (range.size < head.size) {
    const start = range.size;
    const leafHashes = await checkBundle(store, start, head.size);
    for (let at = 0; at < leafHashes.length && start + at / HASH_SIZE < indexedSize; at += HASH_SIZE)
      leaves.add(leafHashes.subarray(at, at + HASH_SIZE), start + at / HASH_SIZE);
    // In parts that end where a checkpoint does, because its root passes by only once.
    const end = start + leafHashes.length / HASH_SIZE;
    const stops = [...new Set([...signed.map(({ size }) => size).filter((size) => size > start && size < end), end])];
    for (const stop of stops.sort((a, b) => a - b)) {
      const part = leafHashes.subarray((range.size - start) * HASH_SIZE, (stop - start) * HASH_SIZE);
      const extended = extendRange(range, part);
      range = extended.range;
      for (const level of extended.levels) await tiles.check(level);
      checkRoots(range);
    }
    onProgress?.(range.size, total);
    // The store answers within one turn of the event loop, and a signal or a progress bar needs others.
    await setImmediate();
  }
  if (!equalBytes(rangeRoot(range), head.root))
    throw corrupt(`the head has another root than the tree of its ${head.size} entries`);
  await (description.duplicates ? checkIndices(store, new Fingerprint(), 0) : checkIndices(store, leaves, indexedSize));
  if (judged !== undefined) {
    const onJudged = (count: number): void => onProgress?.(head.size + count, total);
    await checkJudgement(store, judged, { key: signingKey(description), size: head.size, indexed, onJudged });
  }
  if (mapping !== undefined) {
    const before = (passes - 1) * head.size;
    // The empty tree has no index.
    const oldest = Math.min(...signed.map(({ size }) => size).filter((size) => size > 0));
    await checkIndex(store, mapping, {
      size: indexedSize,
      oldest,
      onProgress: (done) => onProgress?.(before + done, total),
    });
  }
  return head;
}

/** How many entries of a mirror are indexed: at least those that it has published. The rest is indexed before it is. */
async function checkIndexedSize(
  store: Store,
  stored: number,
  published: readonly { readonly name: string; readonly size: number }[],
): Promise<number> {
  const head = await readIndexHead(store);
  const size = head === undefined ? 0 : head.version + 1;
  if (size > stored) throw corrupt(`the index is that of the first ${size} entries, and the mirror has ${stored}`);
  for (const { name, size: needed } of published) {
    if (size < needed) {
      throw corrupt(`the index is that of the first ${size} entries, and the ${name} checkpoint has ${needed}`);
    }
  }
  return size;
}

/** The leaf hashes of the bundle that begins at entry `start`, which are those of its tile. */
async function checkBundle(store: Store, start: number, size: number): Promise<Uint8Array> {
  const index = start / TILE_WIDTH;
  const width = tileWidth('entries', index, size);
  let entries: Uint8Array[];
  try {
    entries = parseBundle(await store.readBundle(index, width), width);
  } catch (cause) {
    throw corrupt(`entry bundle ${index} cannot be read: ${(cause as Error).message}`, cause);
  }
  const tile = await readTile(store, 0, index, width);
  const leafHashes = new Uint8Array(width * HASH_SIZE);
  entries.forEach((entry, slot) => {
    leafHashInto(entry, leafHashes, slot * HASH_SIZE);
  });
  if (!equalBytes(leafHashes, tile)) {
    const slot = entries.findIndex((_, i) => !equalBytes(hashAt(leafHashes, i), hashAt(tile, i)));
    throw corrupt(`entry ${start + slot} does not hash to its leaf hash in tile ${index} of level 0`);
  }
  return leafHashes;
}

const hashAt = (hashes: Uint8Array, i: number): Uint8Array => hashes.subarray(i * HASH_SIZE, (i + 1) * HASH_SIZE);

async function readTile(store: Store, level: number, index: number, width: number): Promise<Uint8Array> {
  try {
    return await store.readTile(level, index, width);
  } catch (cause) {
    throw corrupt(`tile ${index} of level ${level} cannot be read: ${(cause as Error).message}`, cause);
  }
}

/** Compares hashes, as they are computed, with the tiles above the leaves. */
class TileChecker {
  readonly #store: Store;
  readonly #size: number;
  /** The tile of each level that is being compared. */
  readonly #current = new Map<number, { index: number; bytes: Uint8Array }>();

  constructor(store: Store, size: number) {
    this.#store = store;
    this.#size = size;
  }

  async check({ level, start, hashes }: NewHashes): Promise<void> {
    // The tile of leaf hashes was compared with the entries.
    if (level === 0 || level % TILE_HEIGHT !== 0) return;
    const tileLevel = level / TILE_HEIGHT;
    for (let i = 0; i * HASH_SIZE < hashes.length; i++) {
      const index = Math.floor((start + i) / TILE_WIDTH);
      const slot = (start + i) % TILE_WIDTH;
      let tile = this.#current.get(tileLevel);
      if (tile?.index !== index) {
        tile = { index, bytes: await readTile(this.#store, tileLevel, index, tileWidth(tileLevel, index, this.#size)) };
        this.#current.set(tileLevel, tile);
      }
      if (!equalBytes(hashAt(tile.bytes, slot), hashAt(hashes, i))) {
        throw corrupt(`hash ${slot} of tile ${index} of level ${tileLevel} is not that of the entries below it`);
      }
    }
  }
}

/**
 * A set of (leaf hash, index) pairs in 32 bytes: the exclusive or of their hashes. It finds damage in constant memory,
 * whatever the order; against an attacker it would be worthless, but whoever can write here can write the entries too.
 */
class Fingerprint {
  readonly #sum = new Uint8Array(HASH_SIZE);
  readonly #pair = new Uint8Array(HASH_SIZE + 8);
  readonly #hash = new Uint8Array(HASH_SIZE);

  add(leafHash: Uint8Array, index: number): void {
    this.#pair.set(leafHash);
    this.#pair.set(encodeIndex(index), HASH_SIZE);
    sha256Into(this.#pair, this.#hash, 0);
    for (let i = 0; i < HASH_SIZE; i++) this.#sum[i] = this.#sum[i]! ^ this.#hash[i]!;
  }

  equals(other: Fingerprint): boolean {
    return equalBytes(this.#sum, other.#sum);
  }
}

/**
 * Checks that the derived keys lead from exactly the leaves in `expected`, the first `size`, to their indices. Listing them
 * finds those that should not be there. Looking each leaf up, as the log does, finds those that are there and cannot be
 * found: LevelDB looks keys up by a filter that it does not need to list them.
 */
async function checkIndices(store: Store, expected: Fingerprint, size: number): Promise<void> {
  const found = new Fingerprint();
  const prefix = Uint8Array.of(LEAF_KEY_PREFIX);
  for await (const [key, value] of store.derived(prefix)) {
    if (key.length !== prefix.length + HASH_SIZE) throw corrupt(`the store has a leaf hash of ${key.length - 1} bytes`);
    found.add(key.subarray(1), decodeIndex(value));
  }
  for (let index = 0; index * TILE_WIDTH < size; index++) {
    await setImmediate();
    const width = tileWidth(0, index, size);
    const tile = await store.readTile(0, index, width);
    const values = await store.readDerived(Array.from({ length: width }, (_, slot) => leafKey(hashAt(tile, slot))));
    values.forEach((value, slot) => {
      const leaf = index * TILE_WIDTH + slot;
      if (value === undefined) throw corrupt(`entry ${leaf} cannot be found by its leaf hash`);
      if (decodeIndex(value) !== leaf)
        throw corrupt(`entry ${leaf} is found at index ${decodeIndex(value)} by its leaf hash`);
    });
  }
  if (!found.equals(expected)) throw corrupt('the store can find leaf hashes that are not in the log');
}
