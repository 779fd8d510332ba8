import { leafHash, verifyInclusion } from '@vitrine/core';
import { SignerError } from '../error.ts';
import type { SourceTreeSummary } from '../statement/payload.ts';
import { parseSourceLine, type SourceFile } from './source-file.ts';

/** One file is in a source tree. Discloses its line, and of the other files only hashes. */
export interface FileProof {
  /** At most 65,535 bytes. */
  readonly line: Uint8Array;
  /** The line's index, from 0. */
  readonly index: number;
  /** Files in the tree. */
  readonly files: number;
  /** From the line's sibling up to the root's child. */
  readonly proof: readonly Uint8Array[];
}

/**
 * Checks that a file is in a source tree.
 *
 * @param tree from a statement whose signature was verified: it says whether lines have salts
 * @returns what the line says of the file
 * @throws SignerError `statement-proof-malformed` for a line that is none; `statement-proof-mismatch` if the proof is for a
 * tree of another size; ProofError as core's `verifyInclusion`
 */
export function verifyFileProof({
  tree,
  file: { line, index, files, proof },
}: {
  readonly tree: SourceTreeSummary;
  readonly file: FileProof;
}): SourceFile {
  const file = parseSourceLine(line, { salted: tree.salted === true });
  if (files !== tree.files) {
    throw new SignerError(
      'statement-proof-mismatch',
      `the proof is for a source tree of ${files} files, and the statement's has ${tree.files}`,
    );
  }
  verifyInclusion({ index, size: tree.files, leafHash: leafHash(line), proof, root: tree.root });
  return file;
}
