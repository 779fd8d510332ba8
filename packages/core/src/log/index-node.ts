import { CoreError } from '../error.ts';
import { EMPTY_PREFIX_ROOT, PREFIX_KEY_SIZE, prefixLeafHashInto, prefixNodeHashInto } from '../prefix/prefix-hash.ts';
import { HASH_SIZE } from '../tree/hash.ts';
import { decodeIndex, encodeIndex } from './known-leaves.ts';

/** Places below a node: it decides on four bits of a key, and stands for so many levels of the tree. */
const NODE_SLOTS = 16;

/** Deepest node, counted in nodes from the root at 0. */
export const MAX_NODE_DEPTH = 63;

/** The only key of a subtree. */
export interface LeafSlot {
  readonly kind: 'leaf';
  readonly key: Uint8Array;
  readonly valueHash: Uint8Array;
  /** The version that wrote the key's record. */
  readonly version: number;
}

/** A subtree with several keys: a node of its own. */
interface SubtreeSlot {
  readonly kind: 'subtree';
  readonly hash: Uint8Array;
  /** The version that wrote the node. */
  readonly version: number;
}

/** What stands below a node at one of its sixteen places. */
export type Slot = LeafSlot | SubtreeSlot;

const HEADER_SIZE = 4;
const LEAF_SIZE = PREFIX_KEY_SIZE + HASH_SIZE + 8;
const SUBTREE_SIZE = HASH_SIZE + 8;

// Where the two sides of a part are hashed, by the places in each: nothing else runs meanwhile, and no array is made for each.
const SCRATCH: Readonly<Record<number, Uint8Array>> = Object.fromEntries(
  [1, 2, 4, 8].map((width) => [width, new Uint8Array(2 * HASH_SIZE)]),
);

// What is known of a part of a node's own levels.
const EMPTY = 0;
const LEAF = 1;
const SUBTREE = 2;

/**
 * Four levels of a prefix tree as they are stored together: two masks of 16 bits, of the places that are leaves and of
 * those that are subtrees, then what stands there, in order. It works on the stored bytes, because an object for each
 * place of each node would be most of the cost of an index.
 */
export class IndexNode {
  /** As it is stored. */
  readonly bytes: Uint8Array;
  readonly #leaves: number;
  readonly #subtrees: number;

  private constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#leaves = (bytes[0]! << 8) | bytes[1]!;
    this.#subtrees = (bytes[2]! << 8) | bytes[3]!;
  }

  /** The node that nothing stands below. */
  static readonly EMPTY: IndexNode = new IndexNode(new Uint8Array(HEADER_SIZE));

  /** @throws CoreError `log-corrupt` */
  static decode(bytes: Uint8Array): IndexNode {
    const node = new IndexNode(bytes);
    const isWhole = bytes.length >= HEADER_SIZE && bytes.length === node.#offset(NODE_SLOTS);
    if (!isWhole || (node.#leaves & node.#subtrees) !== 0) {
      throw new CoreError('log-corrupt', 'a node of the index is damaged: check the log with fsck');
    }
    return node;
  }

  /** What stands at a place; undefined if no key begins so. @throws CoreError `log-corrupt` */
  slot(place: number): Slot | undefined {
    const kind = this.#kind(place);
    if (kind === EMPTY) return undefined;
    const at = this.#offset(place);
    const hashAt = kind === LEAF ? at + PREFIX_KEY_SIZE : at;
    const hash = this.bytes.slice(hashAt, hashAt + HASH_SIZE);
    const version = decodeIndex(this.bytes.subarray(hashAt + HASH_SIZE, hashAt + HASH_SIZE + 8));
    if (kind === SUBTREE) return { kind: 'subtree', hash, version };
    return { kind: 'leaf', key: this.bytes.slice(at, at + PREFIX_KEY_SIZE), valueHash: hash, version };
  }

  /** The node with something else at some places. */
  with(changes: ReadonlyMap<number, Slot>): IndexNode {
    let leaves = this.#leaves;
    let subtrees = this.#subtrees;
    for (const [place, { kind }] of changes) {
      const bit = 1 << place;
      leaves = kind === 'leaf' ? leaves | bit : leaves & ~bit;
      subtrees = kind === 'leaf' ? subtrees & ~bit : subtrees | bit;
    }
    const bytes = new Uint8Array(HEADER_SIZE + LEAF_SIZE * bitCount(leaves) + SUBTREE_SIZE * bitCount(subtrees));
    bytes[0] = leaves >>> 8;
    bytes[1] = leaves;
    bytes[2] = subtrees >>> 8;
    bytes[3] = subtrees;
    let at = HEADER_SIZE;
    let from = HEADER_SIZE;
    for (const place of [...changes.keys()].sort((a, b) => a - b)) {
      // What stands between the places that change is copied as it is.
      const until = this.#offset(place);
      bytes.set(this.bytes.subarray(from, until), at);
      at += until - from;
      from = this.#offset(place + 1);
      const slot = changes.get(place)!;
      if (slot.kind === 'leaf') {
        bytes.set(slot.key, at);
        at += PREFIX_KEY_SIZE;
      }
      bytes.set(slot.kind === 'leaf' ? slot.valueHash : slot.hash, at);
      bytes.set(encodeIndex(slot.version), at + HASH_SIZE);
      at += HASH_SIZE + 8;
    }
    bytes.set(this.bytes.subarray(from), at);
    return new IndexNode(bytes);
  }

  /**
   * Whether each leaf stands where its key belongs in a node of this depth. Its hash does not say so: a leaf that is alone in a
   * part of the node has the same hash wherever it stands there.
   */
  isPlaced(depth: number): boolean {
    for (let place = 0; place < NODE_SLOTS; place++) {
      if (this.#kind(place) !== LEAF) continue;
      const at = this.#offset(place);
      if (nibbleAt(this.bytes.subarray(at, at + PREFIX_KEY_SIZE), depth) !== place) return false;
    }
    return true;
  }

  /** The hash of all that is below the node, whatever its depth. */
  hash(): Uint8Array {
    const hash = new Uint8Array(HASH_SIZE);
    this.#hashInto(0, NODE_SLOTS, hash, 0);
    return hash;
  }

  /**
   * The way from the node towards the key whose next four bits are `place`: the other sides that it passes, from the top
   * down, and what it ends in; undefined if nothing is there.
   */
  towards(place: number): { readonly siblings: Uint8Array[]; readonly end: Slot | undefined } {
    const siblings: Uint8Array[] = [];
    for (let width = NODE_SLOTS; width > 1; width /= 2) {
      const start = place - (place % width);
      const only = this.#only(start, width);
      // One key or none: the tree goes no deeper here.
      if (only !== undefined) return { siblings, end: only === -1 ? undefined : this.slot(only) };
      const half = width / 2;
      const other = place - start < half ? start + half : start;
      const hash = new Uint8Array(HASH_SIZE);
      siblings.push(this.#hashInto(other, half, hash, 0) === EMPTY ? new Uint8Array(0) : hash);
    }
    return { siblings, end: this.slot(place) };
  }

  /**
   * Where the only key is that stands in the `width` places from `start` on; -1 if there is none, undefined if there are
   * several.
   */
  #only(start: number, width: number): number | undefined {
    const mask = ((1 << width) - 1) << start;
    if ((this.#subtrees & mask) !== 0) return undefined;
    const leaves = this.#leaves & mask;
    if (leaves === 0) return -1;
    return bitCount(leaves) === 1 ? 31 - Math.clz32(leaves) : undefined;
  }

  /** Writes the hash of the `width` places from `start` on to `out` at `offset`, and says what they are. */
  #hashInto(start: number, width: number, out: Uint8Array, offset: number): number {
    const only = this.#only(start, width);
    if (only === -1) {
      out.set(EMPTY_PREFIX_ROOT, offset);
      return EMPTY;
    }
    if (only !== undefined) {
      const at = this.#offset(only);
      prefixLeafHashInto(this.bytes, at, this.bytes, at + PREFIX_KEY_SIZE, out, offset);
      return LEAF;
    }
    if (width === 1) {
      const at = this.#offset(start);
      for (let i = 0; i < HASH_SIZE; i++) out[offset + i] = this.bytes[at + i]!;
      return SUBTREE;
    }
    const half = width / 2;
    const sides = SCRATCH[half]!;
    this.#hashInto(start, half, sides, 0);
    this.#hashInto(start + half, half, sides, HASH_SIZE);
    prefixNodeHashInto(sides, 0, sides, HASH_SIZE, out, offset);
    return SUBTREE;
  }

  #kind(place: number): number {
    const bit = 1 << place;
    if ((this.#leaves & bit) !== 0) return LEAF;
    return (this.#subtrees & bit) === 0 ? EMPTY : SUBTREE;
  }

  /** Where what stands at a place begins, or would. */
  #offset(place: number): number {
    const before = (1 << place) - 1;
    return HEADER_SIZE + LEAF_SIZE * bitCount(this.#leaves & before) + SUBTREE_SIZE * bitCount(this.#subtrees & before);
  }
}

/** Bits that are set in a number of 16 bits: counted in parts of two, four, eight and sixteen bits. */
function bitCount(mask: number): number {
  const twos = mask - ((mask >>> 1) & 0x5555);
  const fours = (twos & 0x3333) + ((twos >>> 2) & 0x3333);
  const eights = (fours + (fours >>> 4)) & 0x0f0f;
  return (eights + (eights >>> 8)) & 0x1f;
}

/** The four bits of a key that decide at a node of this depth. */
export function nibbleAt(key: Uint8Array, depth: number): number {
  const byte = key[depth >>> 1]!;
  return depth % 2 === 0 ? byte >>> 4 : byte & 0xf;
}
