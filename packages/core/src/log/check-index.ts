import { setImmediate } from 'node:timers/promises';
import { equalBytes } from '../bytes/equal.ts';
import { CoreError } from '../error.ts';
import type { IndexMapping } from '../log-index/index-mapping.ts';
import type { DerivedPair } from './admission.ts';
import { type IndexHead, readIndexHead } from './index-head.ts';
import { INDEX_KEY_PREFIX, isVersioned, replacedKey } from './index-keys.ts';
import { IndexReplay } from './index-replay.ts';
import { mapKey } from './map-key.ts';
import { encodeReplaced } from './replaced-keys.ts';
import type { Store } from './store.ts';

const LOOKUPS = 256;

const corrupt = (message: string): CoreError => new CoreError('log-corrupt', message);
const hex = (key: Uint8Array): string => Buffer.from(key).toString('hex');

/**
 * Derives the index of a log again, and compares it with every index entry and with all that is stored of it.
 *
 * @param store one whose tree was found right
 * @param options.size of the tree
 * @param options.oldest entries of the oldest checkpoint that is kept
 * @throws CoreError `log-corrupt` that names the first entry or the first key that differs
 */
export async function checkIndex(
  store: Store,
  mapping: IndexMapping,
  options: { readonly size: number; readonly oldest: number; readonly onProgress?: (done: number) => void },
): Promise<void> {
  const { size, oldest, onProgress } = options;
  const head = await readHead(store, size);
  if (head !== undefined && head.collected > Math.max(0, oldest - 1)) {
    throw corrupt(`the index goes back to ${head.collected} entries, and a checkpoint of ${oldest} is kept`);
  }
  const collected = head?.collected ?? 0;
  const replay = new IndexReplay({ store, mapping, size, collected, onProgress });
  // What is compared as it comes need not be kept: at the end, the number of keys shows whether there are others.
  let stored = head === undefined ? 0 : 1;
  for await (const { version, extension } of replay.run()) {
    stored += extension.lasting.length;
    await compare(store, extension.lasting);
    const [list] = await store.readDerived([replacedKey(version)]);
    if (version > collected) {
      stored++;
      if (list === undefined || !equalBytes(list, encodeReplaced(extension.replaced))) {
        throw corrupt(`the index does not know what its version of ${version} entries replaced`);
      }
    } else if (list !== undefined)
      throw corrupt(`what the index of ${version} entries replaced is gone, and still listed`);
  }
  await compare(store, [...replay.kept.values()]);
  stored += replay.kept.size;
  for await (const [key] of store.derived(Uint8Array.of(INDEX_KEY_PREFIX))) {
    if (isVersioned(key) && !replay.kept.has(mapKey(key))) {
      throw corrupt(`the store has the key ${hex(key)}, which the index does not need`);
    }
    stored--;
  }
  // All that must be there was found, so there are too many.
  if (stored !== 0) throw corrupt(`the store has ${-stored} keys of the index that no entry gives`);
}

async function readHead(store: Store, size: number): Promise<IndexHead | undefined> {
  const head = await readIndexHead(store);
  if (head === undefined) {
    if (size > 0) throw corrupt('the log has no index, or one that is being derived: derive it again with reindex');
    return undefined;
  }
  if (head.version !== size - 1)
    throw corrupt(`the index is that of ${head.version} entries, not of the log's ${size}`);
  return head;
}

async function compare(store: Store, expected: readonly DerivedPair[]): Promise<void> {
  for (let at = 0; at < expected.length; at += LOOKUPS) {
    const part = expected.slice(at, at + LOOKUPS);
    const values = await store.readDerived(part.map(([key]) => key));
    part.forEach(([key, value], i) => {
      const found = values[i];
      if (found === undefined) throw corrupt(`the store lacks the key ${hex(key)} of the index`);
      if (!equalBytes(found, value))
        throw corrupt(`the key ${hex(key)} of the index has another value than the entries give`);
    });
    await setImmediate();
  }
}
