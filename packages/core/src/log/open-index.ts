import { equalBytes } from '../bytes/equal.ts';
import { CoreError } from '../error.ts';
import { type IndexEntry, indexEntryOf } from '../log-index/index-entry.ts';
import type { VerifierKey } from '../note/vkey.ts';
import { type OpenedIndexHead, readIndexHead } from './index-head.ts';
import { INDEX_KEY_PREFIX } from './index-keys.ts';
import { IndexTree } from './index-tree.ts';
import { LEAF_KEY_PREFIX } from './known-leaves.ts';
import type { Head, Store } from './store.ts';
import { StoreReader } from './store-reader.ts';
import { StoredEntries } from './stored-entries.ts';

const corrupt = (message: string): CoreError =>
  new CoreError('log-corrupt', `${message}: check the log with fsck, and derive its index again with reindex`);

/** A log whose tree was found right. */
interface OpenedLog {
  readonly key: VerifierKey;
  readonly duplicates: boolean;
  /** What can be asked. */
  readonly head: Head;
  /** All that is there. */
  readonly stored: Head;
}

/**
 * Checks that the stored index is that of the log's head: its last entry is an index entry, and the tree has its root. The
 * index of a mirror can be ahead of what it has published, and behind what it has stored.
 *
 * @returns undefined if nothing is indexed yet
 * @throws CoreError `log-corrupt`
 */
export async function openIndex(
  store: Store,
  { key, duplicates, head: { size: least }, stored: { size: most } }: OpenedLog,
): Promise<OpenedIndexHead | undefined> {
  const head = await readIndexHead(store);
  if (head === undefined) {
    if (least > 0 || !(await isUnused(store))) throw corrupt('the log has no index, or one that is being derived');
    return undefined;
  }
  const indexed = head.version + 1;
  if (indexed < least || indexed > most) {
    throw corrupt(`the index is that of the first ${indexed} entries, and the log has ${most}`);
  }
  if (least > 0 && head.collected >= least) {
    throw corrupt(`the index goes back to ${head.collected} entries, and a checkpoint of ${least} is kept`);
  }
  const size = (): number => indexed;
  const entries = new StoredEntries({ store, reader: new StoreReader(store, size), key, duplicates, size });
  const { size: version, root } = await lastIndexEntry(entries);
  const node = await new IndexTree((keys) => store.readDerived(keys)).root(version);
  if (node === undefined || !equalBytes(node.hash(), root)) {
    throw corrupt('the index has another root than the index entry that the log ends with');
  }
  return { ...head, root };
}

/** Whether nothing is stored that is derived with an index. */
async function isUnused(store: Store): Promise<boolean> {
  for (const prefix of [INDEX_KEY_PREFIX, LEAF_KEY_PREFIX]) {
    for await (const _ of store.derived(Uint8Array.of(prefix))) return false;
  }
  return true;
}

/** The index entry that a log ends with. @throws CoreError `log-corrupt` if it ends with another one */
async function lastIndexEntry(entries: StoredEntries): Promise<IndexEntry> {
  const size = entries.size - 1;
  const last = indexEntryOf(await entries.entry(size));
  if (last === undefined || last.size !== size) {
    throw new CoreError('log-corrupt', 'the log does not end with an index entry: check it with fsck');
  }
  return last;
}
