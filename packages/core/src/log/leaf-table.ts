import { HASH_SIZE } from '../tree/hash.ts';

/**
 * Finds leaf hashes among those of one commit, by exact comparison. A hash table on the leaf hashes' own first bytes:
 * they are uniformly random already, and no object is made per leaf.
 */
export class LeafTable {
  readonly #leafHashes: Uint8Array;
  /** Position of a leaf plus one, or zero. At most half full, so that a search ends soon. */
  readonly #slots: Uint32Array;

  /** @param leafHashes 32 bytes each; they can be found once they were added */
  constructor(leafHashes: Uint8Array) {
    this.#leafHashes = leafHashes;
    let slots = 16;
    while (slots < (2 * leafHashes.length) / HASH_SIZE) slots *= 2;
    this.#slots = new Uint32Array(slots);
  }

  /** The position of the leaf hash that stands in `hashes` at `offset`, or -1 if it was not added. */
  find(hashes: Uint8Array, offset: number): number {
    return this.#slots[this.#search(hashes, offset)]! - 1;
  }

  /** Adds the leaf hash at `position`, which was not added yet. */
  add(position: number): void {
    this.#slots[this.#search(this.#leafHashes, position * HASH_SIZE)] = position + 1;
  }

  /** The slot that has the hash, or the empty one where it belongs. */
  #search(hashes: Uint8Array, offset: number): number {
    const last = this.#slots.length - 1;
    let slot = (hashes[offset]! | (hashes[offset + 1]! << 8) | (hashes[offset + 2]! << 16)) & last;
    for (;;) {
      const position = this.#slots[slot]! - 1;
      if (position < 0 || this.#isAt(position, hashes, offset)) return slot;
      slot = (slot + 1) & last;
    }
  }

  #isAt(position: number, hashes: Uint8Array, offset: number): boolean {
    const at = position * HASH_SIZE;
    for (let i = 0; i < HASH_SIZE; i++) if (this.#leafHashes[at + i] !== hashes[offset + i]) return false;
    return true;
  }
}
