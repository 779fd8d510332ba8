import { sha256Into } from '#sha256';
import { checkEntry, ENTRY_PREFIX_SIZE } from '../tile/entry-bundle.ts';
import { TILE_WIDTH } from '../tile/tile.ts';
import { HASH_SIZE } from '../tree/hash.ts';
import type { BundleSegment } from './store.ts';

/**
 * Entries on their way into the log, copied once into the encoding of entry bundles, and their leaf hashes, computed from
 * that copy: what is hashed is what is stored, whatever the caller does to its arrays meanwhile.
 */
export class EntryBatch {
  /** The leaf hashes, 32 bytes each. */
  readonly leafHashes: Uint8Array;
  readonly #bytes: Uint8Array;
  /** Where each entry's length prefix begins, and where the last entry ends. */
  readonly #starts: Uint32Array;

  private constructor(bytes: Uint8Array, starts: Uint32Array, leafHashes: Uint8Array) {
    this.#bytes = bytes;
    this.#starts = starts;
    this.leafHashes = leafHashes;
  }

  /** @throws CoreError `entry-empty`, `entry-too-large` */
  static of(entries: readonly Uint8Array[]): EntryBatch {
    const starts = new Uint32Array(entries.length + 1);
    let size = 0;
    for (let i = 0; i < entries.length; i++) {
      checkEntry(entries[i]!);
      size += ENTRY_PREFIX_SIZE + entries[i]!.length;
      starts[i + 1] = size;
    }
    const bytes = new Uint8Array(size);
    const leafHashes = new Uint8Array(entries.length * HASH_SIZE);
    for (let i = 0; i < entries.length; i++) {
      const entry = entries[i]!;
      const at = starts[i]!;
      bytes.set(entry, at + ENTRY_PREFIX_SIZE);
      // The byte before the entry is zero, which makes this the input of its leaf hash; its length goes there after.
      sha256Into(bytes.subarray(at + 1, starts[i + 1]!), leafHashes, i * HASH_SIZE);
      bytes[at] = entry.length >>> 8;
      bytes[at + 1] = entry.length & 0xff;
    }
    return new EntryBatch(bytes, starts, leafHashes);
  }

  get length(): number {
    return this.#starts.length - 1;
  }

  /** The entries at `positions`, which increase. */
  select(positions: readonly number[]): EntryBatch {
    if (positions.length === this.length) return this;
    const starts = new Uint32Array(positions.length + 1);
    positions.forEach((position, i) => {
      starts[i + 1] = starts[i]! + this.#starts[position + 1]! - this.#starts[position]!;
    });
    const bytes = new Uint8Array(starts[positions.length]!);
    const leafHashes = new Uint8Array(positions.length * HASH_SIZE);
    positions.forEach((position, i) => {
      bytes.set(this.#bytes.subarray(this.#starts[position]!, this.#starts[position + 1]!), starts[i]!);
      leafHashes.set(this.leafHashes.subarray(position * HASH_SIZE, (position + 1) * HASH_SIZE), i * HASH_SIZE);
    });
    return new EntryBatch(bytes, starts, leafHashes);
  }

  /** The segments that put these entries behind the first `size` of a log. */
  segments(size: number): BundleSegment[] {
    const segments: BundleSegment[] = [];
    for (let from = 0; from < this.length; ) {
      const index = Math.floor((size + from) / TILE_WIDTH);
      const start = (size + from) % TILE_WIDTH;
      const to = Math.min(this.length, from + TILE_WIDTH - start);
      segments.push({ index, start, bytes: this.#bytes.subarray(this.#starts[from]!, this.#starts[to]!) });
      from = to;
    }
    return segments;
  }
}
