import { CoreError } from '../error.ts';
import { EMPTY_PREFIX_ROOT, PREFIX_KEY_SIZE, prefixLeafHashInto, prefixNodeHashInto } from '../prefix/prefix-hash.ts';
import { HASH_SIZE } from '../tree/hash.ts';
import { decodeIndex, encodeIndex } from './known-leaves.ts';

/** Bits of a key that one node decides on: it stands for so many levels of the tree. */
const NODE_BITS = 4;

/** Subtrees below a node. */
export const NODE_SLOTS = 16;

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
export interface SubtreeSlot {
  readonly kind: 'subtree';
  readonly hash: Uint8Array;
  /** The version that wrote the node. */
  readonly version: number;
}

/** What stands below a node at one of its sixteen places. */
export type Slot = LeafSlot | SubtreeSlot;

/** A part of the node's own levels: at most one of the two is there; neither if it is empty. */
interface Cell {
  readonly leaf?: LeafSlot;
  /** Of a part with several keys. */
  readonly hash?: Uint8Array;
}

const LEAF_SIZE = PREFIX_KEY_SIZE + HASH_SIZE + 8;
const SUBTREE_SIZE = HASH_SIZE + 8;

/**
 * Four levels of a prefix tree as they are stored together: two masks of 16 bits, of the places that are leaves and of
 * those that are subtrees, then what stands there, in order.
 */
export class IndexNode {
  /** Sixteen; undefined where no key begins so. */
  readonly slots: readonly (Slot | undefined)[];

  constructor(slots: readonly (Slot | undefined)[]) {
    this.slots = slots;
  }

  /** @throws CoreError `log-corrupt` */
  static decode(bytes: Uint8Array): IndexNode {
    const mask = (at: number): number => (bytes[at]! << 8) | bytes[at + 1]!;
    const leaves = mask(0);
    const subtrees = mask(2);
    const slots: (Slot | undefined)[] = [];
    let at = 4;
    for (let slot = 0; slot < NODE_SLOTS; slot++) {
      const bit = 1 << slot;
      if (leaves & bit) {
        slots.push({
          kind: 'leaf',
          key: bytes.slice(at, at + PREFIX_KEY_SIZE),
          valueHash: bytes.slice(at + PREFIX_KEY_SIZE, at + PREFIX_KEY_SIZE + HASH_SIZE),
          version: decodeIndex(bytes.subarray(at + PREFIX_KEY_SIZE + HASH_SIZE, at + LEAF_SIZE)),
        });
        at += LEAF_SIZE;
      } else if (subtrees & bit) {
        const version = decodeIndex(bytes.subarray(at + HASH_SIZE, at + SUBTREE_SIZE));
        slots.push({ kind: 'subtree', hash: bytes.slice(at, at + HASH_SIZE), version });
        at += SUBTREE_SIZE;
      } else slots.push(undefined);
    }
    if (at !== bytes.length || (leaves & subtrees) !== 0) {
      throw new CoreError('log-corrupt', 'a node of the index is damaged: check the log with fsck');
    }
    return new IndexNode(slots);
  }

  encode(): Uint8Array {
    let leaves = 0;
    let subtrees = 0;
    let length = 4;
    this.slots.forEach((slot, i) => {
      if (slot?.kind === 'leaf') {
        leaves |= 1 << i;
        length += LEAF_SIZE;
      } else if (slot !== undefined) {
        subtrees |= 1 << i;
        length += SUBTREE_SIZE;
      }
    });
    const bytes = new Uint8Array(length);
    bytes.set([leaves >>> 8, leaves & 0xff, subtrees >>> 8, subtrees & 0xff]);
    let at = 4;
    const put = (part: Uint8Array): void => {
      bytes.set(part, at);
      at += part.length;
    };
    for (const slot of this.slots) {
      if (slot === undefined) continue;
      if (slot.kind === 'leaf') {
        put(slot.key);
        put(slot.valueHash);
      } else put(slot.hash);
      put(encodeIndex(slot.version));
    }
    return bytes;
  }

  /** The hash of all that is below the node, whatever its depth. */
  hash(): Uint8Array {
    return hashOf(this.#cells()[0]![0]!);
  }

  /**
   * The way from the node towards the key whose next four bits are `slot`: the other sides that it passes, from the top down,
   * and what it ends in, if that is not a subtree.
   */
  towards(slot: number): { readonly siblings: Uint8Array[]; readonly end: LeafSlot | SubtreeSlot | undefined } {
    const rows = this.#cells();
    const siblings: Uint8Array[] = [];
    for (let depth = 0; depth < NODE_BITS; depth++) {
      const cell = rows[depth]![slot >>> (NODE_BITS - depth)]!;
      // One key or none: the tree goes no deeper here.
      if (cell.hash === undefined) return { siblings, end: cell.leaf };
      const other = rows[depth + 1]![(slot >>> (NODE_BITS - depth - 1)) ^ 1]!;
      siblings.push(other.hash === undefined && other.leaf === undefined ? new Uint8Array(0) : hashOf(other));
    }
    return { siblings, end: this.slots[slot] };
  }

  /** The node's own levels, from the one at its top to its slots. */
  #cells(): Cell[][] {
    let row: Cell[] = this.slots.map((slot) => {
      if (slot === undefined) return {};
      return slot.kind === 'leaf' ? { leaf: slot } : { hash: slot.hash };
    });
    const rows = [row];
    while (row.length > 1) {
      const above: Cell[] = [];
      for (let i = 0; i < row.length; i += 2) above.push(join(row[i]!, row[i + 1]!));
      rows.unshift(above);
      row = above;
    }
    return rows;
  }
}

function isEmpty({ leaf, hash }: Cell): boolean {
  return leaf === undefined && hash === undefined;
}

function join(left: Cell, right: Cell): Cell {
  if (isEmpty(left) && right.hash === undefined) return right;
  if (isEmpty(right) && left.hash === undefined) return left;
  const hash = new Uint8Array(HASH_SIZE);
  prefixNodeHashInto(hashOf(left), 0, hashOf(right), 0, hash, 0);
  return { hash };
}

function hashOf({ leaf, hash }: Cell): Uint8Array {
  if (hash !== undefined) return hash;
  if (leaf === undefined) return EMPTY_PREFIX_ROOT;
  const out = new Uint8Array(HASH_SIZE);
  prefixLeafHashInto(leaf.key, 0, leaf.valueHash, 0, out, 0);
  return out;
}

/** The four bits of a key that decide at a node of this depth. */
export function nibbleAt(key: Uint8Array, depth: number): number {
  const byte = key[depth >>> 1]!;
  return depth % 2 === 0 ? byte >>> 4 : byte & 0xf;
}
