import { equalBytes } from '../bytes/equal.ts';
import { CoreError } from '../error.ts';
import { type IndexEntry, indexEntryOf } from '../log-index/index-entry.ts';
import type { VerifierKey } from '../note/vkey.ts';
import { type OpenedIndexHead, readIndexHead } from './index-head.ts';
import { IndexTree } from './index-tree.ts';
import type { Head, Store } from './store.ts';
import { StoreReader } from './store-reader.ts';
import { StoredEntries } from './stored-entries.ts';

const corrupt = (message: string): CoreError =>
  new CoreError('log-corrupt', `${message}: check the log with fsck, and derive its index again with reindex`);

/** A log whose tree was found right. */
interface OpenedLog {
  readonly key: VerifierKey;
  readonly duplicates: boolean;
  readonly head: Head;
}

/**
 * Checks that the stored index is that of the log's head: its last entry is an index entry, and the tree has its root.
 *
 * @returns undefined for a log without entries
 * @throws CoreError `log-corrupt`
 */
export async function openIndex(
  store: Store,
  { key, duplicates, head: { size: entryCount } }: OpenedLog,
): Promise<OpenedIndexHead | undefined> {
  const size = (): number => entryCount;
  const entries = new StoredEntries({ store, reader: new StoreReader(store, size), key, duplicates, size });
  const head = await readIndexHead(store);
  if (entries.size === 0) {
    if (head !== undefined) throw corrupt('the log is empty, and its index is not');
    return undefined;
  }
  const { size: version, root } = await lastIndexEntry(entries);
  if (head === undefined) throw corrupt('the log has no index, or one that is being derived');
  if (head.version !== version) {
    throw corrupt(`the index is that of ${head.version} entries, and the log has ${version} before its last`);
  }
  const node = await new IndexTree((keys) => store.readDerived(keys)).root(version);
  if (node === undefined || !equalBytes(node.hash(), root)) {
    throw corrupt('the index has another root than the index entry that the log ends with');
  }
  return { ...head, root };
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
