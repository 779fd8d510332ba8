import { HASH_SIZE } from '@vitrine/core';

const HASH_WORDS = HASH_SIZE / 4;

const FIRST_CAPACITY = 1024;

// Below it, moving a hash past its neighbours is faster than counting 256 digits.
const SHORT = 32;

/** Hashes of 32 bytes in one buffer, without an object for each. */
export class HashList {
  #bytes = new Uint8Array(FIRST_CAPACITY * HASH_SIZE);
  #length = 0;

  push(hash: Uint8Array): void {
    if (this.#length === this.#bytes.length) {
      const larger = new Uint8Array(2 * this.#bytes.length);
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    this.#bytes.set(hash, this.#length);
    this.#length += HASH_SIZE;
  }

  /** Sorts the hashes and drops those that are there already. @returns the others, on end: a view, so push no more */
  distinct(): Uint8Array {
    const hashes = this.#bytes.subarray(0, this.#length);
    const words = new Uint32Array(hashes.buffer, 0, this.#length / 4);
    sort(hashes, words, 0, this.#length / HASH_SIZE, 0);
    let kept = 0;
    for (let index = 0; index * HASH_WORDS < words.length; index++) {
      if (kept > 0 && isSame(words, kept - 1, index)) continue;
      words.copyWithin(kept * HASH_WORDS, index * HASH_WORDS, (index + 1) * HASH_WORDS);
      kept++;
    }
    return hashes.subarray(0, kept * HASH_SIZE);
  }
}

/**
 * Sorts the hashes `[start, end)`, which share their first `digit` bytes, in place: by their next byte, then each of the
 * groups that this makes. The time does not depend on how anybody chose the records.
 */
function sort(bytes: Uint8Array, words: Uint32Array, start: number, end: number, digit: number): void {
  if (digit === HASH_SIZE) return;
  if (end - start <= SHORT) {
    sortFew(bytes, words, start, end);
    return;
  }
  const nexts = new Float64Array(256);
  const ends = new Float64Array(256);
  for (let index = start; index < end; index++) ends[bytes[index * HASH_SIZE + digit]!]!++;
  for (let value = 0, at = start; value < 256; value++) {
    nexts[value] = at;
    at += ends[value]!;
    ends[value] = at;
  }
  for (let value = 0; value < 256; value++) {
    while (nexts[value]! < ends[value]!) {
      const index = nexts[value]!;
      const group = bytes[index * HASH_SIZE + digit]!;
      // The hash goes to its group, and what stood there is looked at next.
      if (group !== value) swap(words, index, nexts[group]!);
      nexts[group]!++;
    }
  }
  for (let value = 0, from = start; value < 256; value++) {
    const to = ends[value]!;
    if (to - from > 1) sort(bytes, words, from, to, digit + 1);
    from = to;
  }
}

function sortFew(bytes: Uint8Array, words: Uint32Array, start: number, end: number): void {
  for (let sorted = start + 1; sorted < end; sorted++) {
    for (let index = sorted; index > start && isBelow(bytes, index, index - 1); index--) swap(words, index, index - 1);
  }
}

function isBelow(bytes: Uint8Array, a: number, b: number): boolean {
  for (let i = 0; i < HASH_SIZE; i++) {
    const difference = bytes[a * HASH_SIZE + i]! - bytes[b * HASH_SIZE + i]!;
    if (difference !== 0) return difference < 0;
  }
  return false;
}

function isSame(words: Uint32Array, a: number, b: number): boolean {
  for (let i = 0; i < HASH_WORDS; i++) if (words[a * HASH_WORDS + i] !== words[b * HASH_WORDS + i]) return false;
  return true;
}

function swap(words: Uint32Array, a: number, b: number): void {
  for (let i = 0; i < HASH_WORDS; i++) {
    const word = words[a * HASH_WORDS + i]!;
    words[a * HASH_WORDS + i] = words[b * HASH_WORDS + i]!;
    words[b * HASH_WORDS + i] = word;
  }
}
