import { crc32c } from '../../src/log/crc32c.ts';

// Files of a LevelDB database, made by hand: what LevelDB itself does not write, or not in a small database.

export const FULL = 1;
export const FIRST = 2;
export const MIDDLE = 3;
export const LAST = 4;

/** How LevelDB stores the checksum of `bytes`. */
function maskedChecksum(bytes: Uint8Array): Buffer {
  const crc = crc32c(bytes);
  const masked = Buffer.alloc(4);
  masked.writeUInt32LE((((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0);
  return masked;
}

/** Part of a journal's record, or all of it. */
export function fragment(type: number, data: Uint8Array): Buffer {
  const size = Buffer.alloc(2);
  size.writeUInt16LE(data.length);
  return Buffer.concat([maskedChecksum(Uint8Array.of(type, ...data)), size, Uint8Array.of(type), data]);
}

export function varint(value: number): number[] {
  return value < 128 ? [value] : [0x80 | (value % 128), ...varint(Math.floor(value / 128))];
}

/** A version edit that adds a table. */
export const added = (number: number, size = 128): number[] => [7, 0, number, ...varint(size), 1, 0x61, 1, 0x7a];

/** A block with its trailer. */
export function block(bytes: readonly number[], type = 0): Buffer {
  const typed = Uint8Array.of(...bytes, type);
  return Buffer.concat([typed, maskedChecksum(typed)]);
}

/** The contents of a block whose values are these handles. */
export function index(...handles: readonly (readonly number[])[]): number[] {
  const entries = handles.flatMap((handle) => [0, 1, handle.length, 0x61, ...handle]);
  return [...entries, 0, 0, 0, 0, 1, 0, 0, 0];
}

export const handle = (offset: number, size: number): number[] => [...varint(offset), ...varint(size)];

export function footer(metaindex: readonly number[], indexHandle: readonly number[]): Buffer {
  const bytes = Buffer.alloc(48);
  bytes.set([...metaindex, ...indexHandle]);
  bytes.write('57fb808b247547db', 40, 'hex');
  return bytes;
}
