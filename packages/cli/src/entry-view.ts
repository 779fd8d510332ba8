import { formatBase64, type IndexEntry, indexEntryOf, leafHash } from '@vitrine/core';
import type { Statement } from '@vitrine/signer';
import { type StatementJson, statementJson } from './statement-view.ts';
import { count, decodeUtf8 } from './text.ts';

/** An entry as `--json` shows it. */
export interface EntryJson {
  /** Absent for a file. */
  readonly index?: number;
  readonly leafHash: string;
  readonly size: number;
  /** The entry, if it is UTF-8. */
  readonly text?: string;
  /** The entry in base64, if it is not. */
  readonly entry?: string;
  /** What it says, if it is a statement. */
  readonly statement?: StatementJson;
  /** What it says, if it is an index entry. */
  readonly indexEntry?: { readonly size: number; readonly root: string };
}

/** An entry for `--json`. */
export function entryJson(index: number | undefined, entry: Uint8Array, statement?: Statement): EntryJson {
  const text = decodeUtf8(entry);
  const indexEntry = indexEntryOf(entry);
  return {
    ...(index !== undefined && { index }),
    leafHash: formatBase64(leafHash(entry)),
    size: entry.length,
    ...(text === undefined ? { entry: formatBase64(entry) } : { text }),
    ...(statement !== undefined && { statement: statementJson(statement) }),
    ...(indexEntry !== undefined && { indexEntry: { size: indexEntry.size, root: formatBase64(indexEntry.root) } }),
  };
}

/** An index entry for people, on one line. */
export function indexLine({ size, root }: IndexEntry): string {
  return `index       of ${count(size, 'entry', 'entries')}, root ${formatBase64(root)}`;
}
