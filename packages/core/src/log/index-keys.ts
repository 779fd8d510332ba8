import { PREFIX_KEY_SIZE } from '../prefix/prefix-hash.ts';
import { decodeIndex, encodeIndex } from './known-leaves.ts';

// The derived keys of a log's index. docs/formats.md lists them. What is written under a key with a version is never
// written again, and goes once no checkpoint that is kept needs it; what has none stays.

/** First byte of the derived keys of the index. */
export const INDEX_KEY_PREFIX = 0x69;

const HEAD = 0x68;
const NODE = 0x6e;
const RECORD = 0x72;
const HISTORY = 0x74;
const NAME = 0x6b;
const REPLACED = 0x78;

const KEY_HEADER = 2;
const VERSION_SIZE = 8;

function derivedKey(kind: number, length: number): Uint8Array {
  const key = new Uint8Array(KEY_HEADER + length);
  key[0] = INDEX_KEY_PREFIX;
  key[1] = kind;
  return key;
}

/** What says which head the index belongs to. */
export const INDEX_HEAD_KEY: Uint8Array = derivedKey(HEAD, 0);

/**
 * A node of the tree: its depth in nibbles, the nibbles that lead to it, and the version that wrote it.
 *
 * @param key any key below the node
 */
export function nodeKey(key: Uint8Array, depth: number, version: number): Uint8Array {
  const pathSize = Math.ceil(depth / 2);
  const bytes = derivedKey(NODE, 1 + pathSize + VERSION_SIZE);
  bytes[KEY_HEADER] = depth;
  for (let i = 0; i < pathSize; i++) bytes[KEY_HEADER + 1 + i] = key[i]!;
  if (depth % 2 === 1) bytes[KEY_HEADER + pathSize]! &= 0xf0;
  bytes.set(encodeIndex(version), KEY_HEADER + 1 + pathSize);
  return bytes;
}

/** The record of a key of the tree, and what it takes to go on with it. */
export function recordKey(key: Uint8Array, version: number): Uint8Array {
  return numberedKey(RECORD, key, version);
}

/** Whether a key of the index is one of {@link nodeKey} or {@link recordKey}. */
export function isVersioned(key: Uint8Array): boolean {
  return key[1] === NODE || key[1] === RECORD;
}

/** A statement of a stream, by its position. */
export function historyKey(key: Uint8Array, position: number): Uint8Array {
  return numberedKey(HISTORY, key, position);
}

function numberedKey(kind: number, key: Uint8Array, number: number): Uint8Array {
  const bytes = derivedKey(kind, PREFIX_KEY_SIZE + VERSION_SIZE);
  bytes.set(key, KEY_HEADER);
  bytes.set(encodeIndex(number), KEY_HEADER + PREFIX_KEY_SIZE);
  return bytes;
}

/** What a key of the tree is the hash of, or the beginning of that. */
export function nameKey(preimage: Uint8Array): Uint8Array {
  const bytes = derivedKey(NAME, preimage.length);
  bytes.set(preimage, KEY_HEADER);
  return bytes;
}

/** The preimage in a key that begins as {@link nameKey} of nothing does. */
export function preimageOf(name: Uint8Array): Uint8Array {
  return name.subarray(KEY_HEADER);
}

/** The keys that a version replaced. */
export function replacedKey(version: number): Uint8Array {
  const bytes = derivedKey(REPLACED, VERSION_SIZE);
  bytes.set(encodeIndex(version), KEY_HEADER);
  return bytes;
}

/** What all keys of {@link replacedKey} begin with. */
export const REPLACED_PREFIX: Uint8Array = derivedKey(REPLACED, 0);

/** The version in a key of {@link replacedKey}. @throws CoreError `log-corrupt` */
export function versionOf(replaced: Uint8Array): number {
  return decodeIndex(replaced.subarray(KEY_HEADER));
}
