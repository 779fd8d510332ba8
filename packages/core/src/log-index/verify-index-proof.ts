import { equalBytes } from '../bytes/equal.ts';
import { ProofError } from '../error.ts';
import { leafHash } from '../tree/hash.ts';
import { verifyHistory, verifyStream, verifyStreams, verifySubject } from './index-claim.ts';
import { verifyIndexInclusion } from './index-entry.ts';
import { type IndexMapping, preimageOf } from './index-mapping.ts';
import type { IndexProof, StreamProof, SubjectProof } from './index-proof.ts';
import { streamPreimage } from './stream.ts';
import { subjectPreimage } from './subject.ts';

/** An index proof with what it is verified against. */
export interface VerifyIndexProofOptions {
  readonly proof: IndexProof;
  /** Of the tlog-proof that it stands in: the index of its entry, and the hashes up to the root. */
  readonly index: number;
  readonly inclusion: readonly Uint8Array[];
  /** From a checkpoint that was verified. */
  readonly size: number;
  readonly root: Uint8Array;
  /** Says what the entries are to the index. */
  readonly mapping: IndexMapping;
}

const mismatch = (message: string): ProofError => new ProofError('proof-mismatch', message);

/**
 * Verifies that the index which a checkpoint commits to says what a proof claims, and that the entries in the proof are those
 * that the index names. If the index entry is true, that is all that the log has on the matter.
 *
 * @throws ProofError
 */
export function verifyIndexProof({ proof, index, inclusion, size, root, mapping }: VerifyIndexProofOptions): void {
  if (index !== size - 1) {
    throw mismatch(
      `the index that a checkpoint commits to is its last entry, ${size - 1}, and the proof is of entry ${index}`,
    );
  }
  verifyIndexInclusion({ size, root, indexRoot: proof.indexRoot, proof: inclusion });
  if (proof.type === 'stream') verifyStreamProof(proof, mapping);
  else if (proof.type === 'subject') verifySubjectProof(proof, mapping);
  else verifyStreams(proof);
}

function verifyStreamProof(proof: StreamProof, mapping: IndexMapping): void {
  const { stream, record, history, entries } = proof;
  verifyStream(proof);
  if (record === null) {
    if (history !== undefined || entries.length > 0) throw mismatch('a stream that has no statement comes with one');
    return;
  }
  const leafHashes = entries.map(leafHash);
  if (history !== undefined) verifyHistory({ ...history, record, leafHashes });
  else if (leafHashes.length !== 1 || !equalBytes(leafHashes[0]!, record.last)) {
    throw mismatch('the entry is not the newest statement of the stream');
  }
  const name = streamPreimage(stream);
  for (const entry of entries) {
    const indexed = mapping(entry);
    if (indexed === undefined || !equalBytes(preimageOf(indexed), name))
      throw mismatch('an entry is not of the stream that lists it');
  }
}

function verifySubjectProof(proof: SubjectProof, mapping: IndexMapping): void {
  const { subject, entries } = proof;
  verifySubject(proof);
  const record = proof.record ?? [];
  if (entries.length !== record.length)
    throw mismatch(`the record names ${record.length} statements, found ${entries.length}`);
  const name = subjectPreimage(subject);
  record.forEach(({ issuer, type, newest }, i) => {
    const entry = entries[i]!;
    const indexed = mapping(entry);
    if (!equalBytes(leafHash(entry), newest)) throw mismatch(`entry ${i} is not the one that the record names`);
    const isSame = indexed?.kind === 'subject' && indexed.word.issuer === issuer && indexed.word.type === type;
    if (!isSame || !equalBytes(preimageOf(indexed), name))
      throw mismatch(`entry ${i} says something else than the record`);
  });
}
