import { decodeCbor, encodeCbor } from '../cbor/cbor.ts';
import { CoreError, ProofError } from '../error.ts';
import { HASH_SIZE, leafHash } from '../tree/hash.ts';
import { checkHash, type Inclusion, verifyInclusion } from '../tree/proof.ts';

/** What a log says of its first leaves: the root of the prefix tree over all of its streams and subjects. */
export interface IndexEntry {
  /** Leaves that it speaks of: those before it, so its own leaf index. */
  readonly size: number;
  /** 32 bytes; `EMPTY_PREFIX_ROOT` if none of the leaves belongs to a stream or speaks of a subject. */
  readonly root: Uint8Array;
}

/** The mapping from entries to streams and subjects, and the form of records, that this program knows: docs/index.md. */
const VERSION = 1;

// A map of four entries.
const FIRST_BYTE = 0xa4;
const MAX_SIZE = 68;

/**
 * Writes an index entry: the map `{ v: 1, type: "index", size, root }` in deterministic CBOR, 60 to 68 bytes.
 *
 * @throws RangeError for a size that is no safe integer from 1, or a root that is not 32 bytes
 */
export function formatIndexEntry({ size, root }: IndexEntry): Uint8Array {
  if (!Number.isSafeInteger(size) || size < 1) throw new RangeError('an index entry has at least one leaf before it');
  if (root.length !== HASH_SIZE) throw new RangeError(`the root of an index must be ${HASH_SIZE} bytes`);
  return encodeCbor(
    new Map<string, number | string | Uint8Array>([
      ['v', VERSION],
      ['type', 'index'],
      ['size', size],
      ['root', root],
    ]),
  );
}

/** The index entry that the bytes of a leaf are: exactly what {@link formatIndexEntry} writes. Undefined for anything else. */
export function indexEntryOf(entry: Uint8Array): IndexEntry | undefined {
  if (entry[0] !== FIRST_BYTE || entry.length > MAX_SIZE) return undefined;
  let value: unknown;
  try {
    value = decodeCbor(entry, 'an index entry');
  } catch (error) {
    if (error instanceof CoreError) return undefined;
    throw error;
  }
  if (!(value instanceof Map) || value.size !== 4) return undefined;
  const { v, type, size, root } = Object.fromEntries(value) as Record<string, unknown>;
  if (v !== VERSION || type !== 'index' || typeof size !== 'number' || size < 1) return undefined;
  return root instanceof Uint8Array && root.length === HASH_SIZE ? { size, root } : undefined;
}

/**
 * The leaf that a tree with an index ends with, for proofs that show it together with others.
 *
 * @throws ProofError `proof-range` for a tree that is too small to have an index; `proof-malformed`
 */
export function indexLeaf({ size, indexRoot }: Pick<IndexInclusion, 'size' | 'indexRoot'>): {
  readonly index: number;
  readonly leafHash: Uint8Array;
} {
  const index = size - 1;
  if (!Number.isSafeInteger(index) || index < 1) {
    throw new ProofError('proof-range', `a tree of ${size} leaves does not end with an index entry`);
  }
  checkHash(indexRoot, 'the root of the index');
  return { index, leafHash: leafHash(formatIndexEntry({ size: index, root: indexRoot })) };
}

/** The tree of `size` leaves with `root` ends with an index entry that commits to `indexRoot`. */
export interface IndexInclusion {
  /** Leaves in the tree, the index entry's among them, and its root: from one verified checkpoint. */
  readonly size: number;
  readonly root: Uint8Array;
  readonly indexRoot: Uint8Array;
  /** That the last leaf is in the tree. */
  readonly proof: Inclusion['proof'];
}

/**
 * Checks an {@link IndexInclusion}. The entry is made anew from the tree's size, so that no entry of another size and none
 * that is not the last leaf can pass.
 *
 * @throws ProofError as {@link indexLeaf} and `verifyInclusion`
 */
export function verifyIndexInclusion(claim: IndexInclusion): void {
  const { size, root, proof } = claim;
  verifyInclusion({ ...indexLeaf(claim), size, root, proof });
}
