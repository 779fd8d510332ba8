import type { CborValue } from '../cbor/cbor.ts';
import { ProofError } from '../error.ts';
import { checkPrefixProof, type PrefixProof } from './prefix-proof.ts';

/** A proof as a value in CBOR: `[[siblings from the root down], null or [key, value hash]]`. */
export function prefixProofToCbor({ siblings, leaf }: PrefixProof): CborValue {
  return [[...siblings], leaf === null ? null : [leaf.key, leaf.valueHash]];
}

/**
 * The proof that {@link prefixProofToCbor} made a value of. Nothing is proven by it before it is verified.
 *
 * @throws ProofError `proof-malformed`, `proof-length`
 */
export function prefixProofFromCbor(value: CborValue): PrefixProof {
  const [siblings, leaf] = array(value, 2, 'a proof');
  const proof: PrefixProof = {
    siblings: array(siblings, undefined, 'the siblings').map((sibling) => bytes(sibling, 'a sibling')),
    leaf: leaf === null ? null : leafOf(leaf),
  };
  checkPrefixProof(proof);
  return proof;
}

function leafOf(value: CborValue | undefined): PrefixProof['leaf'] {
  const [key, valueHash] = array(value, 2, 'the leaf');
  return { key: bytes(key, 'the key of the leaf'), valueHash: bytes(valueHash, 'the value hash of the leaf') };
}

function array(value: CborValue | undefined, length: number | undefined, what: string): readonly CborValue[] {
  if (!Array.isArray(value) || (length !== undefined && value.length !== length)) {
    throw new ProofError('proof-malformed', `${what} must be an array${length === undefined ? '' : ` of ${length}`}`);
  }
  return value;
}

function bytes(value: CborValue | undefined, what: string): Uint8Array {
  if (!(value instanceof Uint8Array)) throw new ProofError('proof-malformed', `${what} must be a byte string`);
  return value;
}
