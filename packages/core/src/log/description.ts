import { CoreError } from '../error.ts';
import { parseVkey } from '../note/vkey.ts';

/** What a log is created with, and keeps for good. */
export interface LogDescription {
  readonly origin: string;
  /** The log's keys, as vkeys: one of type 0x01, which signs every checkpoint, and others. */
  readonly vkeys: readonly string[];
  /** Whether the same entry can be in the log twice. */
  readonly duplicates: boolean;
}

const VERSION = 1;

/** A description as a store keeps it: JSON, for people to read. */
export function formatDescription({ origin, vkeys, duplicates }: LogDescription): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify({ version: VERSION, origin, vkeys, duplicates }, undefined, 2)}\n`);
}

/**
 * Reads what {@link formatDescription} writes.
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
  const { version, origin, vkeys, duplicates } = (value ?? {}) as Record<string, unknown>;
  if (typeof version === 'number' && version > VERSION) {
    throw new CoreError(
      'store-newer',
      `the log has description version ${version}, this program knows up to ${VERSION}: use a newer one`,
    );
  }
  if (
    version !== VERSION ||
    typeof origin !== 'string' ||
    origin === '' ||
    typeof duplicates !== 'boolean' ||
    !Array.isArray(vkeys) ||
    !vkeys.every((vkey) => typeof vkey === 'string')
  ) {
    throw new CoreError('store-corrupt', 'the description of the log is not complete');
  }
  for (const vkey of vkeys) parseVkey(vkey);
  return { origin, vkeys, duplicates };
}
