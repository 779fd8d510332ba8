import { equalBytes } from '../bytes/equal.ts';
import type { CoreError } from '../error.ts';
import type { IndexEntry } from '../log-index/index-entry.ts';
import type { IndexExtension, IndexedEntry, Indexer } from './indexer.ts';

/** An index entry, and the entries between it and the one before it. */
export interface IndexedGroup {
  readonly entries: readonly IndexedEntry[];
  /** The leaf index of the first of them. */
  readonly start: number;
  readonly found: IndexEntry;
}

/**
 * Goes on to the version of an index entry that somebody else wrote, and compares.
 *
 * @param refuse makes the error that is thrown if the entry says something else
 */
export async function checkVersion(
  indexer: Indexer,
  { entries, start, found }: IndexedGroup,
  refuse: (message: string) => CoreError,
): Promise<IndexExtension> {
  const version = start + entries.length;
  const named = `entry ${version} is an index entry that`;
  if (found.size !== version) throw refuse(`${named} speaks of ${found.size} entries, and stands behind ${version}`);
  const extension = await indexer.extend(entries, start);
  if (!equalBytes(extension.root, found.root)) {
    throw refuse(`${named} has another root than the entries before it give`);
  }
  return extension;
}
