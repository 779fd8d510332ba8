import {
  type Cosigner,
  cosignSubtree,
  fitsCosignedMessage,
  isSubtree,
  KEY_TYPE_ML_DSA_44_COSIGNATURE,
  loadSchemes,
  type NoteSignature,
  openNote,
  parseCheckpoint,
  parseSignedNote,
  parseSignSubtree,
  quote,
  verifierOf,
  verifySubtreeConsistency,
} from '@vitrine/core';
import { WitnessError } from '../error.ts';
import { checkLines } from './key-lines.ts';
import { refusing } from './refusing.ts';

/** What a request to cosign a subtree is judged by. */
export interface SignSubtreeOptions {
  /** The witness's keys: those of type 0x06 cosign. */
  readonly cosigners: readonly Cosigner[];
  isKnown(origin: string): Promise<boolean>;
  /** Asked before anything is verified or signed, which takes time. Throws to refuse it. */
  admit(origin: string): void;
}

/**
 * Handles a sign-subtree request: cosigns the part of a tree that is in a checkpoint which this witness cosigned.
 * https://c2sp.org/tlog-witness#sign-subtree
 *
 * @throws WitnessError `witness-request` (400), `witness-log` (404), `witness-signature` (403), `witness-proof` (422); what `admit`
 * throws
 */
export async function signSubtree(body: Uint8Array, options: SignSubtreeOptions): Promise<readonly NoteSignature[]> {
  const request = refusing('witness-request', () => parseSignSubtree(body));
  const note = parseSignedNote(request.checkpoint);
  const { origin, size, root } = refusing('witness-request', () => parseCheckpoint(note.text));
  const { start, end } = request.subtree;
  if (!isSubtree(request.subtree) || end > size) {
    throw new WitnessError('witness-request', `[${start}, ${end}) is not a subtree of a tree of ${size} entries`);
  }
  if (!(await options.isKnown(origin))) {
    throw new WitnessError('witness-log', `the log ${quote(origin)} is not known here`);
  }
  const signers = options.cosigners.filter(({ vkey }) => vkey.type === KEY_TYPE_ML_DSA_44_COSIGNATURE);
  if (signers.length === 0 || !fitsCosignedMessage(origin)) {
    throw new WitnessError('witness-signature', `no key of this witness can cosign subtrees of ${quote(origin)}`);
  }
  checkLines(
    note.signatures,
    options.cosigners.map(({ vkey }) => vkey),
  );
  options.admit(origin);
  const schemes = await loadSchemes(options.cosigners.map(({ vkey }) => vkey.type));
  const own = options.cosigners.map(({ vkey }) => verifierOf(vkey, { schemes }));
  refusing('witness-signature', () => openNote(note, own));
  refusing('witness-proof', () =>
    verifySubtreeConsistency({ start, end, size, subtreeRoot: request.subtreeRoot, root, proof: request.proof }),
  );
  const signatures: NoteSignature[] = [];
  for (const cosigner of signers) {
    signatures.push(await cosignSubtree({ origin, start, end, root: request.subtreeRoot }, cosigner));
  }
  return signatures;
}
