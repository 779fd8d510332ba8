// Leaf hashes are uniformly random, so their own bits serve as the filter's hash functions: a block of two words is chosen
// by the first four bytes, and five of its bits by the next ones. At two bytes a leaf, a full part lets about one unknown
// leaf in 250 pass.
const BYTES_PER_LEAF = 2;
const FIRST_CAPACITY = 2 ** 16;
const GROWTH = 4;

interface Part {
  readonly words: Uint32Array;
  readonly capacity: number;
  count: number;
}

/**
 * Tells of most leaf hashes that they were not added, without asking the store, which takes a hundred times longer. Grows
 * by larger parts, because what was added cannot be read out again.
 */
export class LeafFilter {
  readonly #parts: Part[] = [];

  /** Adds the hash that stands in `hashes` at `offset`. */
  add(hashes: Uint8Array, offset: number): void {
    let part = this.#parts.at(-1);
    if (part === undefined || part.count === part.capacity) {
      const capacity = part === undefined ? FIRST_CAPACITY : GROWTH * part.capacity;
      part = { words: new Uint32Array((capacity * BYTES_PER_LEAF) / 4), capacity, count: 0 };
      this.#parts.push(part);
    }
    const { words } = part;
    const block = blockOf(words, hashes, offset);
    words[block] = words[block]! | lowBits(hashes, offset);
    words[block + 1] = words[block + 1]! | highBits(hashes, offset);
    part.count++;
  }

  /** False only if the hash that stands in `hashes` at `offset` was never added. */
  mayHave(hashes: Uint8Array, offset: number): boolean {
    const low = lowBits(hashes, offset);
    const high = highBits(hashes, offset);
    for (const { words } of this.#parts) {
      const block = blockOf(words, hashes, offset);
      if ((words[block]! & low) === low && (words[block + 1]! & high) === high) return true;
    }
    return false;
  }
}

/** Sizes are powers of two, so the low bits choose a block: the position of its first word. */
function blockOf(words: Uint32Array, hashes: Uint8Array, at: number): number {
  const chosen = (hashes[at]! << 24) | (hashes[at + 1]! << 16) | (hashes[at + 2]! << 8) | hashes[at + 3]!;
  return chosen & (words.length - 2);
}

function lowBits(hashes: Uint8Array, at: number): number {
  return (1 << (hashes[at + 4]! & 31)) | (1 << (hashes[at + 5]! & 31)) | (1 << (hashes[at + 6]! & 31));
}

function highBits(hashes: Uint8Array, at: number): number {
  return (1 << (hashes[at + 7]! & 31)) | (1 << (hashes[at + 8]! & 31));
}
