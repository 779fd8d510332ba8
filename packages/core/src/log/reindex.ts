import type { IndexMapping } from '../log-index/index-mapping.ts';
import type { DerivedPair } from './admission.ts';
import { parseDescription } from './description.ts';
import type { OnProgress } from './fsck.ts';
import { encodeIndexHead } from './index-head.ts';
import { INDEX_HEAD_KEY, INDEX_KEY_PREFIX, replacedKey } from './index-keys.ts';
import { IndexReplay } from './index-replay.ts';
import { decodeIndex, LEAF_KEY_PREFIX } from './known-leaves.ts';
import { signingKey, unindexed } from './log-key.ts';
import { mapKey } from './map-key.ts';
import { openTree } from './open-tree.ts';
import { encodeReplaced } from './replaced-keys.ts';
import type { Head, Store } from './store.ts';

// Pairs that are written at a time.
const CHUNK = 10_000;

/**
 * Derives the index of a log from its entries again, and replaces what is stored of it. The entries stay as they are, those
 * of the index too: if one of them says something else, the index cannot be mended, and nothing of it is removed.
 *
 * If this is interrupted the log cannot be opened before it was run again. A mirror is left with the index of what it has
 * published, and derives the rest when it next copies.
 *
 * @returns the head
 * @throws CoreError `log-index` if the log has no index; `log-corrupt` that names the first index entry that is wrong;
 * `store-` codes
 */
export async function reindex(
  store: Store,
  mapping: IndexMapping,
  { onProgress }: { readonly onProgress?: OnProgress } = {},
): Promise<Head> {
  const description = parseDescription(await store.description());
  if (!description.indexed) throw unindexed(description);
  const { head, stored, checkpoints } = await openTree(store, { ...description, key: signingKey(description) });
  const { size } = head;
  const writer = new DerivedWriter(store, stored);
  if (size === 0) {
    await removeOthers(store, new Set(), writer);
    if (description.mirror) await removeLeaves(store, 0, writer);
    return head;
  }
  const { signed, cosigned } = checkpoints;
  const oldest = Math.min(signed?.size ?? 0, cosigned?.size ?? Number.POSITIVE_INFINITY);
  const collected = Math.max(0, oldest - 1);
  const replay = new IndexReplay({ store, mapping, size, collected, onProgress: (done) => onProgress?.(done, size) });
  const lists: DerivedPair[] = [];
  const expected = new Set<string>();
  let version = 0;
  for await (const { extension, ...replayed } of replay.run()) {
    version = replayed.version;
    for (const pair of extension.lasting) {
      expected.add(mapKey(pair[0]));
      // Whoever has them has them with these values: writing them again changes nothing that is right.
      await writer.put(pair);
    }
    if (version > collected) lists.push([replacedKey(version), encodeReplaced(extension.replaced)]);
  }
  // If this stops from here on, there is no head, and opening the log says so.
  await writer.remove(INDEX_HEAD_KEY);
  await writer.flush();
  if (description.mirror) await removeLeaves(store, size, writer);
  for (const pair of [...replay.kept.values(), ...lists]) {
    expected.add(mapKey(pair[0]));
    await writer.put(pair);
  }
  await removeOthers(store, expected, writer);
  await writer.put([INDEX_HEAD_KEY, encodeIndexHead({ version, collected })]);
  await writer.flush();
  return head;
}

async function removeOthers(store: Store, expected: ReadonlySet<string>, writer: DerivedWriter): Promise<void> {
  await writer.flush();
  const others: Uint8Array[] = [];
  for await (const [key] of store.derived(Uint8Array.of(INDEX_KEY_PREFIX))) {
    if (!expected.has(mapKey(key))) others.push(key.slice());
  }
  for (const key of others) await writer.remove(key);
  await writer.flush();
}

/** A mirror takes note of its leaves as it indexes them: those behind the first `size` will be indexed once more. */
async function removeLeaves(store: Store, size: number, writer: DerivedWriter): Promise<void> {
  const behind: Uint8Array[] = [];
  for await (const [key, index] of store.derived(Uint8Array.of(LEAF_KEY_PREFIX))) {
    if (decodeIndex(index) >= size) behind.push(key.slice());
  }
  for (const key of behind) await writer.remove(key);
  await writer.flush();
}

/** Writes derived keys, a part at a time, and nothing else. */
class DerivedWriter {
  readonly #store: Store;
  readonly #head: Head;
  #derived: DerivedPair[] = [];
  #removed: Uint8Array[] = [];

  constructor(store: Store, head: Head) {
    this.#store = store;
    this.#head = head;
  }

  async put(pair: DerivedPair): Promise<void> {
    this.#derived.push(pair);
    if (this.#derived.length >= CHUNK) await this.flush();
  }

  async remove(key: Uint8Array): Promise<void> {
    this.#removed.push(key);
    if (this.#removed.length >= CHUNK) await this.flush();
  }

  async flush(): Promise<void> {
    const derived = this.#derived;
    const removed = this.#removed;
    this.#derived = [];
    this.#removed = [];
    if (derived.length + removed.length === 0) return;
    await this.#store.commit({ expected: this.#head, head: this.#head, tiles: [], bundles: [], derived, removed });
  }
}
