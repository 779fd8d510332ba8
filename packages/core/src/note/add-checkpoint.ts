import { parseDecimal } from '../bytes/decimal.ts';
import { malformedProof, readHashes, readKeyword, readProofFile, writeHashes, writeProofFile } from './proof-file.ts';
import { reading } from './reading.ts';
import { MAX_NOTE_SIZE } from './signature-line.ts';

/** The body of an add-checkpoint request to a witness. Unverified. https://c2sp.org/tlog-witness#add-checkpoint */
export interface AddCheckpoint {
  /** Size of the tree that the witness cosigned last, 0 for none. Whoever verifies compares it with the checkpoint's. */
  readonly oldSize: number;
  /** The consistency proof from the old size to the checkpoint's: at most 63 hashes of 32 bytes. */
  readonly proof: readonly Uint8Array[];
  /** The signed checkpoint, byte for byte. */
  readonly checkpoint: Uint8Array;
}

/** Largest add-checkpoint request, in bytes: old size, proof and note fit in it. */
export const MAX_ADD_CHECKPOINT_SIZE: number = MAX_NOTE_SIZE + 4096;

/**
 * Reads the body of an add-checkpoint request: exactly what {@link formatAddCheckpoint} writes. The checkpoint must be
 * well-formed, but an empty tree may have any root; nothing is verified. https://c2sp.org/tlog-witness#add-checkpoint
 *
 * @throws ProofError `proof-malformed`; `proof-length` for more than 63 hashes
 */
export function parseAddCheckpoint(bytes: Uint8Array): AddCheckpoint {
  const { lines, checkpoint } = readProofFile(bytes, MAX_ADD_CHECKPOINT_SIZE);
  const old = readKeyword(lines[0], 'old');
  const oldSize = reading(malformedProof, () => parseDecimal(old, 'the old size'));
  return { oldSize, proof: readHashes(lines.slice(1)), checkpoint };
}

/**
 * Writes the body of an add-checkpoint request.
 *
 * @throws ProofError as {@link parseAddCheckpoint} would
 * @throws RangeError if `oldSize` is not a safe integer from 0
 */
export function formatAddCheckpoint({ oldSize, proof, checkpoint }: AddCheckpoint): Uint8Array {
  if (!Number.isSafeInteger(oldSize) || oldSize < 0)
    throw new RangeError('oldSize must be an integer from 0 to 2^53 - 1');
  return writeProofFile({ lines: [`old ${oldSize}`, ...writeHashes(proof)], checkpoint });
}
