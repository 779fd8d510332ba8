import { HASH_SIZE } from '../tree/hash.ts';
import {
  EMPTY_PREFIX_ROOT,
  keyBit,
  PREFIX_KEY_BITS,
  PREFIX_KEY_SIZE,
  prefixLeafHashInto,
  prefixNodeHashInto,
  sharedBits,
} from './prefix-hash.ts';

/**
 * Folds leaves, in the order of their keys, into the hash of the subtree that holds them: one pass, and memory for 256
 * hashes however many leaves there are.
 *
 * It keeps the subtree that ends with the newest key, and, for each node above it in which that subtree is on the right,
 * the finished left side. The bits that the next key shares with the newest one say how far up the tree is finished.
 */
export class PrefixFold {
  // Of each waiting left side its hash, and the depth of the node whose left side it is, which grows from one to the next.
  readonly #lefts = new Uint8Array(PREFIX_KEY_BITS * HASH_SIZE);
  readonly #depths = new Uint16Array(PREFIX_KEY_BITS);
  #waiting = 0;
  // The subtree that ends with the newest key: its hash and depth. That of one key is the same at every depth.
  readonly #hash = new Uint8Array(HASH_SIZE);
  #depth = PREFIX_KEY_BITS;
  #isLeaf = false;
  readonly #key = new Uint8Array(PREFIX_KEY_SIZE);
  #isEmpty = true;

  /**
   * Adds the leaf whose key and value hash are the 32 bytes from their offsets. Both may be overwritten afterwards.
   *
   * @throws RangeError if the key does not come after the one before it
   */
  add(keys: Uint8Array, keyAt: number, valueHashes: Uint8Array, valueAt: number): void {
    if (!this.#isEmpty) {
      const shared = sharedBits(this.#key, 0, keys, keyAt);
      if (shared === PREFIX_KEY_BITS) throw new RangeError('keys must be distinct');
      if (keyBit(keys, keyAt, shared) === 0) throw new RangeError('keys must be sorted');
      this.#closeAbove(shared);
      this.#raiseTo(shared + 1);
      this.#lefts.set(this.#hash, this.#waiting * HASH_SIZE);
      this.#depths[this.#waiting++] = shared;
    }
    prefixLeafHashInto(keys, keyAt, valueHashes, valueAt, this.#hash, 0);
    this.#depth = PREFIX_KEY_BITS;
    this.#isLeaf = true;
    this.#isEmpty = false;
    for (let i = 0; i < PREFIX_KEY_SIZE; i++) this.#key[i] = keys[keyAt + i]!;
  }

  /**
   * Writes the hash of the subtree at `depth`, whose first `depth` bits all keys share, to `out` at `offset`, and begins
   * anew.
   */
  finish(depth: number, out: Uint8Array, offset: number): void {
    if (this.#isEmpty) {
      out.set(EMPTY_PREFIX_ROOT, offset);
      return;
    }
    this.#closeAbove(-1);
    this.#raiseTo(depth);
    out.set(this.#hash, offset);
    this.#isEmpty = true;
  }

  /** Joins all nodes deeper than `depth` whose left side waits. */
  #closeAbove(depth: number): void {
    while (this.#waiting > 0 && this.#depths[this.#waiting - 1]! > depth) {
      const top = --this.#waiting;
      this.#raiseTo(this.#depths[top]! + 1);
      prefixNodeHashInto(this.#lefts, top * HASH_SIZE, this.#hash, 0, this.#hash, 0);
      this.#depth = this.#depths[top]!;
      this.#isLeaf = false;
    }
  }

  /** Takes the subtree up to `depth`, through nodes whose other side is empty. */
  #raiseTo(depth: number): void {
    if (this.#isLeaf) return;
    while (this.#depth > depth) {
      this.#depth--;
      if (keyBit(this.#key, 0, this.#depth) === 0) {
        prefixNodeHashInto(this.#hash, 0, EMPTY_PREFIX_ROOT, 0, this.#hash, 0);
      } else {
        prefixNodeHashInto(EMPTY_PREFIX_ROOT, 0, this.#hash, 0, this.#hash, 0);
      }
    }
  }
}
