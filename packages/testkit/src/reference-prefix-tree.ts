import { createHash } from 'node:crypto';
import type { PrefixLeaf, PrefixProof } from '@vitrine/core';

// Written straight from the recursive definition in docs/formats.md, with another SHA-256 call than the code under test,
// and no sharing with it.

const sha256 = (...parts: Uint8Array[]): Uint8Array => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
};

const bit = (key: Uint8Array, depth: number): '0' | '1' =>
  key[Math.floor(depth / 8)]!.toString(2).padStart(8, '0')[depth % 8] as '0' | '1';

const side = (leaves: readonly PrefixLeaf[], depth: number, wanted: '0' | '1'): PrefixLeaf[] =>
  leaves.filter(({ key }) => bit(key, depth) === wanted);

/** The Merkle prefix tree over leaves with distinct keys, in any order. */
export class ReferencePrefixTree {
  readonly #leaves: readonly PrefixLeaf[];

  constructor(leaves: readonly PrefixLeaf[]) {
    this.#leaves = leaves;
  }

  root(): Uint8Array {
    return this.#hash(this.#leaves, 0);
  }

  /** The proof of presence or absence of a key. */
  prove(key: Uint8Array): PrefixProof {
    const siblings: Uint8Array[] = [];
    let leaves = this.#leaves;
    for (let depth = 0; leaves.length > 1; depth++) {
      const [same, other] = bit(key, depth) === '0' ? (['0', '1'] as const) : (['1', '0'] as const);
      const sibling = side(leaves, depth, other);
      siblings.push(sibling.length === 0 ? new Uint8Array(0) : this.#hash(sibling, depth + 1));
      leaves = side(leaves, depth, same);
    }
    return { siblings, leaf: leaves[0] ?? null };
  }

  #hash(leaves: readonly PrefixLeaf[], depth: number): Uint8Array {
    if (leaves.length === 0) return new Uint8Array(32);
    if (leaves.length === 1) return sha256(Uint8Array.of(2), leaves[0]!.key, leaves[0]!.valueHash);
    const [left, right] = [side(leaves, depth, '0'), side(leaves, depth, '1')];
    return sha256(Uint8Array.of(3), this.#hash(left, depth + 1), this.#hash(right, depth + 1));
  }
}
