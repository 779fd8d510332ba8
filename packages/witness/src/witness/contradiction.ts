import {
  type Checkpoint,
  CoreError,
  equalBytes,
  loadSchemes,
  openCheckpoint,
  type SchemeOptions,
  verifyConsistency,
} from '@vitrine/core';
import { WitnessError } from '../error.ts';
import type { Finding } from './finding.ts';

/**
 * Checks that a finding shows what its kind says, by nothing but what is in it.
 *
 * @throws WitnessError `evidence-malformed`; CoreError if a note is not signed by a key in it
 */
export async function checkContradiction(finding: Finding): Promise<void> {
  const { kind, keys, notes, proof, root } = finding;
  const schemes = await loadSchemes(keys.map(({ type }) => type));
  if (notes.length !== (kind === 'empty-root' ? 1 : 2) || !hasParts(finding)) {
    throw unshown(`what a finding of the kind ${kind} has is missing in it, or there is more`);
  }
  if (kind === 'empty-root') return checkEmptyRoot(finding, { schemes });
  const [earlier, later] = notes.map(
    (note) => openCheckpoint(note, { origin: finding.origin, keys, schemes }).checkpoint,
  );
  if (kind === 'two-roots') checkTwoRoots(earlier!, later!);
  else if (kind === 'rewritten') checkRewritten(earlier!, later!, root!, proof!);
  else checkUnproven(earlier!, later!, proof!);
}

function checkEmptyRoot({ origin, keys, notes: [note] }: Finding, options: SchemeOptions): void {
  try {
    openCheckpoint(note!, { origin, keys, ...options });
  } catch (error) {
    if (error instanceof CoreError && error.code === 'checkpoint-root') return;
    throw error;
  }
  throw unshown('the root in it is right');
}

function checkTwoRoots(earlier: Checkpoint, later: Checkpoint): void {
  if (earlier.size !== later.size || equalBytes(earlier.root, later.root)) {
    throw unshown('its checkpoints do not have two roots of one size');
  }
}

function hasParts({ kind, proof, root }: Finding): boolean {
  const wantsProof = kind === 'unproven' || kind === 'rewritten';
  return (proof !== undefined) === wantsProof && (root !== undefined) === (kind === 'rewritten');
}

function checkRewritten(earlier: Checkpoint, later: Checkpoint, root: Uint8Array, proof: readonly Uint8Array[]): void {
  if (equalBytes(earlier.root, root)) throw unshown('its trees begin with the same entries');
  // Of an empty tree there is nothing to rewrite, and no proof would be needed.
  if (earlier.size === 0) throw unshown('its earlier tree is empty');
  verifyConsistency({ oldSize: earlier.size, oldRoot: root, newSize: later.size, newRoot: later.root, proof });
}

function checkUnproven(earlier: Checkpoint, later: Checkpoint, proof: readonly Uint8Array[]): void {
  try {
    verifyConsistency({
      oldSize: earlier.size,
      oldRoot: earlier.root,
      newSize: later.size,
      newRoot: later.root,
      proof,
    });
  } catch (error) {
    if (error instanceof CoreError) return;
    throw error;
  }
  throw unshown('its proof does not fail');
}

const unshown = (message: string): WitnessError =>
  new WitnessError('evidence-malformed', `this is no evidence: ${message}`);
