import { formatBase64, leafHash } from '@vitrine/core';
import type { Statement } from '@vitrine/signer';
import { type StatementJson, statementJson } from './statement-view.ts';
import { decodeUtf8 } from './text.ts';

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
}

/** An entry for `--json`. */
export function entryJson(index: number | undefined, entry: Uint8Array, statement?: Statement): EntryJson {
  const text = decodeUtf8(entry);
  return {
    ...(index !== undefined && { index }),
    leafHash: formatBase64(leafHash(entry)),
    size: entry.length,
    ...(text === undefined ? { entry: formatBase64(entry) } : { text }),
    ...(statement !== undefined && { statement: statementJson(statement) }),
  };
}
