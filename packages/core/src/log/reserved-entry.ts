import { Decoder } from 'cbor-x';

// Plain objects would rename a key "__proto__"; records and shared structures are not part of CBOR.
const decoder = new Decoder({ mapsAsObjects: false, useRecords: false });

const CBOR_MAP = 5;
const CBOR_TAG = 6;

/**
 * Whether an entry is CBOR of a map that says `type: "index"`. The log alone writes those: taken from outside, one would
 * pass for the log's own word about what is in it.
 */
export function isReservedEntry(entry: Uint8Array): boolean {
  const majorType = entry[0]! >>> 5;
  if (majorType !== CBOR_MAP && majorType !== CBOR_TAG) return false;
  let value: unknown;
  try {
    value = decoder.decode(entry);
  } catch {
    // Whoever reads an index entry accepts deterministic CBOR only, so what does not even decode is none.
    return false;
  }
  return value instanceof Map && value.get('type') === 'index';
}
