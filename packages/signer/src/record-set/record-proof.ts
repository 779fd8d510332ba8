import { type PrefixProof, sha256, verifyAbsence, verifyPresence } from '@vitrine/core';

/** The key of a record in the prefix tree of its set, and the value hash beside it: SHA-256 of the record. */
export function recordKey(record: Uint8Array): Uint8Array {
  return sha256(record);
}

/** A record is in the set with this root, or it is not. */
export interface RecordClaim {
  /** From a statement of the database, 32 bytes. */
  readonly root: Uint8Array;
  /** Its bytes, as the reader named in the statement finds them in the database. */
  readonly record: Uint8Array;
  readonly present: boolean;
  readonly proof: PrefixProof;
}

/**
 * Checks a {@link RecordClaim}. That a record is not in a set means something only if it could be in it: see `isRecord`.
 *
 * @throws ProofError `proof-mismatch` if the proof shows the contrary or is of another record or set; `proof-length` or
 * `proof-malformed` if it is not in the one form that a proof has
 */
export function verifyRecord({ root, record, present, proof }: RecordClaim): void {
  const key = recordKey(record);
  if (present) verifyPresence({ root, key, valueHash: key, proof });
  else verifyAbsence({ root, key, proof });
}
