import { ProofError } from '../error.ts';
import type { Codec } from '../schema/codec.ts';
import type { PrefixProof } from './prefix-proof.ts';
import { prefixProofFromCbor, prefixProofToCbor } from './prefix-proof-cbor.ts';

/** A prefix tree's proof as a part of something else. */
export const prefixProofCodec: Codec<PrefixProof> = {
  read: (value, place) => {
    try {
      return prefixProofFromCbor(value);
    } catch (error) {
      if (error instanceof ProofError) throw place.refuse(`is malformed: ${error.message}`, error);
      throw error;
    }
  },
  write: (proof, place) => {
    const cbor = prefixProofToCbor(proof);
    prefixProofCodec.read(cbor, place);
    return cbor;
  },
};
