import { sha256Into } from '#sha256';
import { ENTRY_PREFIX_SIZE } from '../tile/entry-bundle.ts';
import { TILE_WIDTH } from '../tile/tile.ts';
import { HASH_SIZE } from '../tree/hash.ts';
import { joinPacked, type PackedEntries } from './packed-entries.ts';
import type { BundleSegment } from './store.ts';

/** Entries on their way into the log, with their leaf hashes, computed from the very bytes that are stored. */
export class EntryBatch {
  /** The leaf hashes, 32 bytes each. */
  readonly leafHashes: Uint8Array;
  readonly #bytes: Uint8Array;
  readonly #starts: Uint32Array;

  private constructor({ bytes, starts }: PackedEntries, leafHashes: Uint8Array) {
    this.#bytes = bytes;
    this.#starts = starts;
    this.leafHashes = leafHashes;
  }

  static of(packed: PackedEntries): EntryBatch {
    const { bytes, starts } = packed;
    const leafHashes = new Uint8Array((starts.length - 1) * HASH_SIZE);
    for (let i = 0; i < starts.length - 1; i++) {
      // With a zero in place of the last byte of its length, the entry is the input of its leaf hash: no copy is needed.
      const prefix = starts[i]! + 1;
      const low = bytes[prefix]!;
      bytes[prefix] = 0;
      sha256Into(bytes.subarray(prefix, starts[i + 1]!), leafHashes, i * HASH_SIZE);
      bytes[prefix] = low;
    }
    return new EntryBatch(packed, leafHashes);
  }

  get length(): number {
    return this.#starts.length - 1;
  }

  /** The entry at `position`: a view. */
  entry(position: number): Uint8Array {
    return this.#bytes.subarray(this.#starts[position]! + ENTRY_PREFIX_SIZE, this.#starts[position + 1]!);
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
    return new EntryBatch({ bytes, starts }, leafHashes);
  }

  /** All entries of both, in order. */
  join(next: EntryBatch): EntryBatch {
    const packed = joinPacked([this, next].map((batch) => ({ bytes: batch.#bytes, starts: batch.#starts })));
    const leafHashes = new Uint8Array(this.leafHashes.length + next.leafHashes.length);
    leafHashes.set(this.leafHashes);
    leafHashes.set(next.leafHashes, this.leafHashes.length);
    return new EntryBatch(packed, leafHashes);
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
