import { formatBase64, leafHash } from '@vitrine/core';
import { decodeUtf8 } from './text.ts';

/** An entry as `--json` shows it. */
export interface EntryJson {
  readonly index: number;
  readonly leafHash: string;
  readonly size: number;
  /** The entry, if it is UTF-8. */
  readonly text?: string;
  /** The entry in base64, if it is not. */
  readonly entry?: string;
}

/** An entry for `--json`. */
export function entryJson(index: number, entry: Uint8Array): EntryJson {
  const text = decodeUtf8(entry);
  return {
    index,
    leafHash: formatBase64(leafHash(entry)),
    size: entry.length,
    ...(text === undefined ? { entry: formatBase64(entry) } : { text }),
  };
}
