import { CoreError } from '../error.ts';
import { parseVkey } from '../note/vkey.ts';

/** What a log is created with, and keeps for good. */
export interface LogDescription {
  readonly origin: string;
  /** The log's keys, as vkeys: one of type 0x01, which signs every checkpoint, and others. */
  readonly vkeys: readonly string[];
  /** `statements`: an {@link Admission} judges every entry. `raw`: the log takes arbitrary ones. */
  readonly kind: 'statements' | 'raw';
  /** Whether the same entry can be in the log twice. Never in a log of statements. */
  readonly duplicates: boolean;
  /** Whether each commit of a log of statements ends with an index entry. A raw log has none. */
  readonly indexed: boolean;
  /** Whether it is somebody's copy of a log ({@link Replica}): its key is not there, and it grows as the log did. */
  readonly mirror: boolean;
}

// Version 1 had no kind: every log was raw. Version 2 had no index, version 3 no mirrors.
const VERSION = 4;

/**
 * A description as a store keeps it: JSON, for people to read.
 *
 * @throws RangeError for a kind that there is not, for a log of statements that would allow duplicates, and for a raw log that
 * would have an index
 */
export function formatDescription({ origin, vkeys, kind, duplicates, indexed, mirror }: LogDescription): Uint8Array {
  if (!isKind(kind)) throw new RangeError("the kind of a log is 'statements' or 'raw'");
  if (kind === 'statements' && duplicates) throw new RangeError('a log of statements never allows duplicates');
  if (kind === 'raw' && indexed) throw new RangeError('a log of arbitrary entries has no index');
  const value = { version: VERSION, origin, vkeys, kind, duplicates, indexed, mirror };
  return new TextEncoder().encode(`${JSON.stringify(value, undefined, 2)}\n`);
}

const isKind = (value: unknown): value is LogDescription['kind'] => value === 'statements' || value === 'raw';

/**
 * Reads what {@link formatDescription} writes, and what it wrote in versions 1 to 3.
 *
 * @throws CoreError `store-newer` for a later version; `store-corrupt` for anything else
 */
export function parseDescription(bytes: Uint8Array): LogDescription {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new CoreError('store-corrupt', 'the description of the log is not JSON', { cause });
  }
  const { version, origin, vkeys, duplicates, ...rest } = (value ?? {}) as Record<string, unknown>;
  if (typeof version === 'number' && version > VERSION) {
    throw new CoreError(
      'store-newer',
      `the log has description version ${version}, this program knows up to ${VERSION}: use a newer one`,
    );
  }
  const kind = version === 1 ? 'raw' : rest['kind'];
  const indexed = version === 1 || version === 2 ? false : rest['indexed'];
  const mirror = Number.isInteger(version) && (version as number) < 4 ? false : rest['mirror'];
  if (
    !Number.isInteger(version) ||
    (version as number) < 1 ||
    !isKind(kind) ||
    typeof origin !== 'string' ||
    origin === '' ||
    typeof duplicates !== 'boolean' ||
    (kind === 'statements' && duplicates) ||
    typeof indexed !== 'boolean' ||
    (kind === 'raw' && indexed) ||
    typeof mirror !== 'boolean' ||
    !Array.isArray(vkeys) ||
    !vkeys.every((vkey) => typeof vkey === 'string')
  ) {
    throw new CoreError('store-corrupt', 'the description of the log is not complete');
  }
  for (const vkey of vkeys) parseVkey(vkey);
  return { origin, vkeys, kind, duplicates, indexed, mirror };
}
