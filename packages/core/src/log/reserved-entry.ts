import { Decoder } from 'cbor-x';

// Plain objects would rename a key "__proto__"; records and shared structures are not part of CBOR.
const decoder = new Decoder({ mapsAsObjects: false, useRecords: false });

const CBOR_MAP = 5;
const CBOR_TAG = 6;

/**
 * Whether an entry is CBOR of a map that says `type: "index"`. The log alone writes those: taken from outside, one would
 * pass for the log's own word about what is in it.
 *
 * Whoever reads an index entry accepts deterministic CBOR only, in which both texts stand as they are: an entry without
 * them needs no decoding, which is most of what a log is given.
 */
export function isReservedEntry(entry: Uint8Array): boolean {
  const majorType = entry[0]! >>> 5;
  if (majorType !== CBOR_MAP && majorType !== CBOR_TAG) return false;
  const bytes = Buffer.from(entry.buffer, entry.byteOffset, entry.length);
  if (!bytes.includes('index') || !bytes.includes('type')) return false;
  let value: unknown;
  try {
    // Not the caller's array itself, which cbor-x would leave a property on.
    value = decoder.decode(bytes);
  } catch {
    return false;
  }
  return value instanceof Map && value.get('type') === 'index';
}
