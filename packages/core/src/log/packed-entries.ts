import { ENTRY_PREFIX_SIZE } from '../tile/entry-bundle.ts';

/** Entries in the encoding of entry bundles. */
export interface PackedEntries {
  readonly bytes: Uint8Array;
  /** Where each entry's length begins, and where the last entry ends. */
  readonly starts: Uint32Array;
}

/**
 * Copies entries into the encoding of entry bundles as they come: what the caller does to its arrays afterwards changes
 * nothing.
 */
export class EntryPacker {
  #bytes: Uint8Array;
  readonly #starts: Uint32Array;
  #count = 0;

  /** @param size bytes that the entries will probably need; more are made if they do */
  constructor(maxCount: number, size: number) {
    this.#bytes = new Uint8Array(size);
    this.#starts = new Uint32Array(maxCount + 1);
  }

  get count(): number {
    return this.#count;
  }

  /** Bytes of all entries with their lengths. */
  get size(): number {
    return this.#starts[this.#count]!;
  }

  /** Adds an entry of 1 to 65,535 bytes. */
  add(entry: Uint8Array): void {
    const at = this.size;
    const end = at + ENTRY_PREFIX_SIZE + entry.length;
    if (end > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(end, 2 * this.#bytes.length));
      larger.set(this.#bytes.subarray(0, at));
      this.#bytes = larger;
    }
    this.#bytes[at] = entry.length >>> 8;
    this.#bytes[at + 1] = entry.length & 0xff;
    this.#bytes.set(entry, at + ENTRY_PREFIX_SIZE);
    this.#starts[++this.#count] = end;
  }

  /** What was added. The packer is not used again. */
  finish(): PackedEntries {
    return { bytes: this.#bytes.subarray(0, this.size), starts: this.#starts.subarray(0, this.#count + 1) };
  }
}

/** One entry. */
export function packEntry(entry: Uint8Array): PackedEntries {
  const packer = new EntryPacker(1, ENTRY_PREFIX_SIZE + entry.length);
  packer.add(entry);
  return packer.finish();
}

/** All entries of `parts`, in order. */
export function joinPacked(parts: readonly PackedEntries[]): PackedEntries {
  if (parts.length === 1) return parts[0]!;
  const count = parts.reduce((sum, { starts }) => sum + starts.length - 1, 0);
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.bytes.length, 0));
  const starts = new Uint32Array(count + 1);
  let at = 0;
  let entries = 0;
  for (const part of parts) {
    bytes.set(part.bytes, at);
    for (let i = 1; i < part.starts.length; i++) starts[++entries] = at + part.starts[i]!;
    at += part.bytes.length;
  }
  return { bytes, starts };
}
