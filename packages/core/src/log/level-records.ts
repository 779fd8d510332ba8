import { CoreError } from '../error.ts';
import { ENTRY_PREFIX_SIZE } from '../tile/entry-bundle.ts';
import { HASH_SIZE } from '../tree/hash.ts';
import type { Head } from './store.ts';

// What stands in the database, and under which keys: docs/formats.md.

export type Bytes = Uint8Array;

// First bytes of keys.
const HEAD = 0x68;
export const TILE: number = 0x74;
export const BUNDLE: number = 0x65;
const DERIVED = 0x64;

export const HEAD_KEY: Bytes = Uint8Array.of(HEAD);

/** Fixed width and big-endian, so that tiles and bundles stand in the database in the order in which they are written. */
export function segmentKey(kind: number, index: number, start: number, level?: number): Bytes {
  const key = new Uint8Array(level === undefined ? 10 : 11);
  const view = new DataView(key.buffer);
  let at = 0;
  view.setUint8(at++, kind);
  if (level !== undefined) view.setUint8(at++, level);
  view.setBigUint64(at, BigInt(index));
  view.setUint8(at + 8, start);
  return key;
}

/** The key in the database of a derived key. */
export function derivedKey(key: Uint8Array): Bytes {
  const prefixed = new Uint8Array(1 + key.length);
  prefixed[0] = DERIVED;
  prefixed.set(key, 1);
  return prefixed;
}

/** Size, 8 bytes, and root. */
export function encodeHead({ size, root }: Head): Bytes {
  const bytes = new Uint8Array(8 + HASH_SIZE);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(size));
  bytes.set(root, 8);
  return bytes;
}

/** @throws CoreError `store-corrupt` */
export function decodeHead(bytes: Bytes, directory: string): Head {
  const size =
    bytes.length === 8 + HASH_SIZE
      ? Number(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getBigUint64(0))
      : Number.NaN;
  if (!Number.isSafeInteger(size)) throw new CoreError('store-corrupt', `the head of ${directory} is damaged`);
  return { size, root: plain(bytes).slice(8) };
}

const lengthAt = (bundle: Bytes, at: number): number => ENTRY_PREFIX_SIZE + ((bundle[at]! << 8) | bundle[at + 1]!);

/** Entries in a bundle's segment; not an integer if it does not end with an entry. */
export function countEntries(segment: Bytes): number {
  let count = 0;
  let at = 0;
  while (at + ENTRY_PREFIX_SIZE <= segment.length) {
    at += lengthAt(segment, at);
    count++;
  }
  return at === segment.length ? count : Number.NaN;
}

/** Bytes of the first `width` entries. */
export function lengthOfEntries(bundle: Bytes, width: number): number | undefined {
  let at = 0;
  for (let i = 0; i < width; i++) at += lengthAt(bundle, at);
  return at <= bundle.length ? at : undefined;
}

/** LevelDB gives Buffers, whose `slice` does not copy: code that expects arrays to be arrays would share memory. */
export function plain<T extends Bytes | undefined>(bytes: T): T {
  return (bytes && new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)) as T;
}
