import { equalBytes } from '../bytes/equal.ts';
import { ProofError } from '../error.ts';
import { HASH_SIZE } from '../tree/hash.ts';
import { checkHash } from '../tree/proof.ts';
import {
  EMPTY_PREFIX_ROOT,
  keyBit,
  PREFIX_KEY_BITS,
  prefixLeafHashInto,
  prefixNodeHashInto,
  sharedBits,
} from './prefix-hash.ts';

/** One key of a prefix tree. */
export interface PrefixLeaf {
  /** 32 bytes. */
  readonly key: Uint8Array;
  /** SHA-256 of the record that the key stands for, 32 bytes. */
  readonly valueHash: Uint8Array;
}

/** The way from the root towards a key. The same form proves that the key is there and that it is not. */
export interface PrefixProof {
  /** The other side of each node, from the root down: 32 bytes, or no bytes if that side is empty. */
  readonly siblings: readonly Uint8Array[];
  /** What the way ends in: the one leaf there, or null if nothing is there. */
  readonly leaf: PrefixLeaf | null;
}

/** `key` is in the tree with `root`, with a record of this hash. */
export interface Presence {
  readonly root: Uint8Array;
  readonly key: Uint8Array;
  readonly valueHash: Uint8Array;
  readonly proof: PrefixProof;
}

/** `key` is not in the tree with `root`. */
export interface Absence {
  readonly root: Uint8Array;
  readonly key: Uint8Array;
  readonly proof: PrefixProof;
}

/**
 * Checks a {@link Presence}: at most 257 hashes.
 *
 * @throws ProofError `proof-mismatch` if the proof is of another key, record or tree, `proof-length` if it has more
 * siblings than a key has bits, `proof-malformed` if it is not in the one form that a proof has
 */
export function verifyPresence({ root, key, valueHash, proof }: Presence): void {
  checkHash(root, 'the root');
  checkHash(key, 'the key');
  checkHash(valueHash, 'the value hash');
  checkPrefixProof(proof);
  const { leaf } = proof;
  if (leaf === null || !equalBytes(leaf.key, key)) {
    throw new ProofError('proof-mismatch', 'the proof does not lead to the key');
  }
  if (!equalBytes(leaf.valueHash, valueHash)) {
    throw new ProofError('proof-mismatch', 'the proof leads to the key with another record');
  }
  checkRoot(root, key, proof);
}

/**
 * Checks an {@link Absence}: at most 257 hashes.
 *
 * @throws ProofError `proof-mismatch` if the proof is of another key or tree, or shows that the key is there;
 * `proof-length` and `proof-malformed` as {@link verifyPresence}
 */
export function verifyAbsence({ root, key, proof }: Absence): void {
  checkHash(root, 'the root');
  checkHash(key, 'the key');
  checkPrefixProof(proof);
  const { siblings, leaf } = proof;
  if (leaf !== null) {
    const shared = sharedBits(leaf.key, 0, key, 0);
    if (shared === PREFIX_KEY_BITS) throw new ProofError('proof-mismatch', 'the proof leads to the key: it is there');
    // The key would stand elsewhere.
    if (shared < siblings.length) {
      throw new ProofError(
        'proof-mismatch',
        `the leaf that the proof leads to shares ${shared} bits with the key, and not ${siblings.length}`,
      );
    }
  }
  checkRoot(root, key, proof);
}

/**
 * Checks the form of a proof: that it is one that some tree has. So there is one form for each answer.
 *
 * @throws ProofError `proof-length`, `proof-malformed`
 */
export function checkPrefixProof({ siblings, leaf }: PrefixProof): void {
  // Nothing can be missing where only one key can be.
  const most = leaf === null ? PREFIX_KEY_BITS - 1 : PREFIX_KEY_BITS;
  if (siblings.length > most) {
    throw new ProofError('proof-length', `this proof has at most ${most} siblings, found ${siblings.length}`);
  }
  siblings.forEach((sibling, i) => {
    if (sibling instanceof Uint8Array && sibling.length === 0) return;
    checkHash(sibling, `sibling ${i}`);
    if (equalBytes(sibling, EMPTY_PREFIX_ROOT)) {
      throw new ProofError(
        'proof-malformed',
        `sibling ${i} stands for an empty subtree, which has no bytes in a proof`,
      );
    }
  });
  if (siblings.at(-1)?.length === 0) {
    // Such a node has one key or none, and is a leaf itself, or empty.
    throw new ProofError('proof-malformed', 'the last sibling is empty, so the proof goes on below its end');
  }
  if (leaf !== null) {
    checkHash(leaf.key, 'the key of the leaf');
    checkHash(leaf.valueHash, 'the value hash of the leaf');
  }
}

function checkRoot(root: Uint8Array, key: Uint8Array, { siblings, leaf }: PrefixProof): void {
  const hash = new Uint8Array(HASH_SIZE);
  if (leaf !== null) prefixLeafHashInto(leaf.key, 0, leaf.valueHash, 0, hash, 0);
  for (let depth = siblings.length - 1; depth >= 0; depth--) {
    const sibling = siblings[depth]!.length === 0 ? EMPTY_PREFIX_ROOT : siblings[depth]!;
    if (keyBit(key, 0, depth) === 0) prefixNodeHashInto(hash, 0, sibling, 0, hash, 0);
    else prefixNodeHashInto(sibling, 0, hash, 0, hash, 0);
  }
  if (!equalBytes(hash, root)) throw new ProofError('proof-mismatch', 'the proof leads to another root');
}
