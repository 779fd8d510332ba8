import { formatBase64, parseBase64 } from '../bytes/base64.ts';
import { parseDecimal } from '../bytes/decimal.ts';
import { HASH_SIZE } from '../tree/hash.ts';
import type { Interval } from '../tree/interval.ts';
import { malformedProof, readHashes, readKeyword, readProofFile, writeHashes, writeProofFile } from './proof-file.ts';
import { reading } from './reading.ts';
import { MAX_NOTE_SIZE } from './signature-line.ts';

/** The body of a sign-subtree request to a witness. Unverified. https://c2sp.org/tlog-witness#sign-subtree */
export interface SignSubtree {
  /** The leaves of the subtree. Whoever verifies checks that they are one, of the checkpoint's tree. */
  readonly subtree: Interval;
  /** The subtree's root hash, 32 bytes. */
  readonly subtreeRoot: Uint8Array;
  /** The proof that the subtree is in the checkpoint's tree: at most 63 hashes of 32 bytes. */
  readonly proof: readonly Uint8Array[];
  /** The reference checkpoint, byte for byte: a note that the witness has cosigned. */
  readonly checkpoint: Uint8Array;
}

/** Largest sign-subtree request, in bytes. */
export const MAX_SIGN_SUBTREE_SIZE: number = MAX_NOTE_SIZE + 4096;

/**
 * Reads the body of a sign-subtree request: exactly what {@link formatSignSubtree} writes. The checkpoint must be well-formed;
 * nothing is verified. https://c2sp.org/tlog-witness#sign-subtree
 *
 * @throws ProofError `proof-malformed`; `proof-length` for more than 63 hashes
 */
export function parseSignSubtree(bytes: Uint8Array): SignSubtree {
  const { lines, checkpoint } = readProofFile(bytes, MAX_SIGN_SUBTREE_SIZE);
  const [range, hash, ...proof] = lines;
  const [start, end, ...rest] = readKeyword(range, 'subtree').split(' ');
  if (start === undefined || end === undefined || rest.length > 0) {
    throw malformedProof('expected a line "subtree <start> <end>"');
  }
  if (hash === undefined) throw malformedProof('the hash of the subtree is missing');
  return {
    subtree: {
      start: reading(malformedProof, () => parseDecimal(start, 'the start')),
      end: reading(malformedProof, () => parseDecimal(end, 'the end')),
    },
    subtreeRoot: checkRoot(reading(malformedProof, () => parseBase64(hash, 'the hash of the subtree'))),
    proof: readHashes(proof),
    checkpoint,
  };
}

/**
 * Writes the body of a sign-subtree request.
 *
 * @throws ProofError as {@link parseSignSubtree} would
 * @throws RangeError if `start` or `end` is not a safe integer from 0
 */
export function formatSignSubtree({ subtree, subtreeRoot, proof, checkpoint }: SignSubtree): Uint8Array {
  const { start, end } = subtree;
  if (![start, end].every((at) => Number.isSafeInteger(at) && at >= 0)) {
    throw new RangeError('start and end must be integers from 0 to 2^53 - 1');
  }
  const lines = [`subtree ${start} ${end}`, formatBase64(checkRoot(subtreeRoot)), ...writeHashes(proof)];
  return writeProofFile({ lines, checkpoint });
}

function checkRoot(hash: Uint8Array): Uint8Array {
  if (hash.length !== HASH_SIZE) throw malformedProof(`a root hash is ${HASH_SIZE} bytes, found ${hash.length}`);
  return hash;
}
