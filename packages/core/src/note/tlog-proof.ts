import { formatBase64, parseBase64 } from '../bytes/base64.ts';
import { parseDecimal } from '../bytes/decimal.ts';
import { verifyInclusion } from '../tree/proof.ts';
import type { Policy } from './policy.ts';
import { malformedProof, readHashes, readKeyword, readProofFile, writeHashes, writeProofFile } from './proof-file.ts';
import { reading } from './reading.ts';
import { MAX_NOTE_SIZE } from './signature-line.ts';
import type { SchemeOptions } from './signature-scheme.ts';
import { type VerifiedCheckpoint, verifyCheckpoint } from './verify-checkpoint.ts';

/** That an entry is in a log, offline: a `.tlog-proof` file. Unverified. https://c2sp.org/tlog-proof#format */
export interface TlogProof {
  /** Data of the application, 1 to {@link MAX_EXTRA_SIZE} bytes. Nothing authenticates it. */
  readonly extra?: Uint8Array;
  /** The entry's index in the log, from 0. */
  readonly index: number;
  /** The inclusion proof, from the leaf's sibling up: at most 63 hashes of 32 bytes. */
  readonly proof: readonly Uint8Array[];
  /** The log's signed checkpoint, byte for byte. */
  readonly checkpoint: Uint8Array;
}

/** A proof with what it is verified against. */
export interface VerifyTlogProofOptions extends SchemeOptions {
  /** The leaf hash of the entry, which the caller computes from what it was given: 32 bytes. */
  readonly leafHash: Uint8Array;
  readonly proof: TlogProof;
  readonly policy: Policy;
}

/** Most bytes of extra data. */
export const MAX_EXTRA_SIZE: number = 1 << 20;

/** Largest tlog-proof file, in bytes: the extra data in base64, the proof and the note fit in it. */
export const MAX_TLOG_PROOF_SIZE: number = 2 * MAX_EXTRA_SIZE + MAX_NOTE_SIZE;

const HEADER = 'c2sp.org/tlog-proof@v1';

function checkExtra(extra: Uint8Array): Uint8Array {
  if (extra.length === 0) throw malformedProof('extra data is left out if there is none');
  if (extra.length > MAX_EXTRA_SIZE) {
    throw malformedProof(`at most ${MAX_EXTRA_SIZE} bytes of extra data, found ${extra.length}`);
  }
  return extra;
}

/**
 * Reads a tlog-proof file: exactly what {@link formatTlogProof} writes. The checkpoint must be well-formed; nothing is
 * verified. https://c2sp.org/tlog-proof#format
 *
 * @throws ProofError `proof-malformed`; `proof-length` for more than 63 hashes
 */
export function parseTlogProof(bytes: Uint8Array): TlogProof {
  const { lines, checkpoint } = readProofFile(bytes, MAX_TLOG_PROOF_SIZE);
  const [header, ...rest] = lines;
  if (header !== HEADER) throw malformedProof(`a tlog-proof starts with the line "${HEADER}"`);
  const first = rest[0]?.startsWith('extra ') ? readKeyword(rest.shift(), 'extra') : undefined;
  const index = readKeyword(rest.shift(), 'index');
  return {
    ...(first !== undefined && {
      extra: checkExtra(reading(malformedProof, () => parseBase64(first, 'the extra data'))),
    }),
    index: reading(malformedProof, () => parseDecimal(index, 'the index')),
    proof: readHashes(rest),
    checkpoint,
  };
}

/**
 * Writes a tlog-proof file.
 *
 * @throws ProofError as {@link parseTlogProof} would
 * @throws RangeError if `index` is not a safe integer from 0
 */
export function formatTlogProof({ extra, index, proof, checkpoint }: TlogProof): Uint8Array {
  if (!Number.isSafeInteger(index) || index < 0) throw new RangeError('index must be an integer from 0 to 2^53 - 1');
  const lines = [
    HEADER,
    ...(extra === undefined ? [] : [`extra ${formatBase64(checkExtra(extra))}`]),
    `index ${index}`,
    ...writeHashes(proof),
  ];
  return writeProofFile({ lines, checkpoint });
}

/**
 * Verifies that the entry with `leafHash` is in a log that the policy accepts, and returns the checkpoint that shows it.
 * https://c2sp.org/tlog-proof#verifying-a-tlog-proof
 *
 * @throws CoreError as `verifyCheckpoint`
 * @throws ProofError as `verifyInclusion`
 */
export function verifyTlogProof({ leafHash, proof, policy, ...options }: VerifyTlogProofOptions): VerifiedCheckpoint {
  const verified = verifyCheckpoint(proof.checkpoint, policy, options);
  const { size, root } = verified.checkpoint;
  verifyInclusion({ index: proof.index, size, leafHash, proof: proof.proof, root });
  return verified;
}
