// Leaf hashes are uniformly random, so their own bits serve as the filter's hash functions: one 32-bit word is chosen
// by the first four bytes, four of its bits by the next four. At two bytes a leaf about one unknown leaf in 150 passes.
const BYTES_PER_LEAF = 2;
const FIRST_CAPACITY = 2 ** 16;

interface Part {
  readonly words: Uint32Array;
  readonly capacity: number;
  count: number;
}

/**
 * Tells of most leaf hashes that they were not added, without asking the store, which takes a hundred times longer. Grows
 * by parts of double size, because what was added cannot be read out again.
 */
export class LeafFilter {
  readonly #parts: Part[] = [];

  /** Adds the hash that stands in `hashes` at `offset`. */
  add(hashes: Uint8Array, offset: number): void {
    let part = this.#parts.at(-1);
    if (part === undefined || part.count === part.capacity) {
      const capacity = part === undefined ? FIRST_CAPACITY : 2 * part.capacity;
      part = { words: new Uint32Array((capacity * BYTES_PER_LEAF) / 4), capacity, count: 0 };
      this.#parts.push(part);
    }
    // Sizes are powers of two, so that the low bits choose a word.
    const at = word(hashes, offset) & (part.words.length - 1);
    part.words[at] = part.words[at]! | mask(hashes, offset);
    part.count++;
  }

  /** False only if the hash that stands in `hashes` at `offset` was never added. */
  mayHave(hashes: Uint8Array, offset: number): boolean {
    const chosen = word(hashes, offset);
    const bits = mask(hashes, offset);
    return this.#parts.some(({ words }) => (words[chosen & (words.length - 1)]! & bits) === bits);
  }
}

function word(hashes: Uint8Array, at: number): number {
  return (hashes[at]! << 24) | (hashes[at + 1]! << 16) | (hashes[at + 2]! << 8) | hashes[at + 3]!;
}

function mask(hashes: Uint8Array, at: number): number {
  return (1 << (hashes[at + 4]! & 31)) | (1 << (hashes[at + 5]! & 31)) | (1 << (hashes[at + 6]! & 31)) | (1 << (hashes[at + 7]! & 31));
}
