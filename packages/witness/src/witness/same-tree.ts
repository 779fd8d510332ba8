import {
  CoreError,
  cosignatureTime,
  formatSignedNote,
  isLineOf,
  KEY_TYPE_ED25519,
  KEY_TYPE_ML_DSA_44_COSIGNATURE,
  type NoteSignature,
  type VerifierKey,
} from '@vitrine/core';
import type { CosignedNote, TypedLine } from './cosigned-note.ts';
import type { SeenCheckpoint } from './seen-checkpoint.ts';

/*
 * A checkpoint can be sent again with fewer lines of its log, and without the extension lines that only the missing ones cover:
 * anybody can make that of a public one. Signatures of type 0x06 cover the tree, and hold for each text of it; those of type 0x01
 * and 0x04 cover the text.
 */

const coversTree = ({ type }: Pick<TypedLine, 'type'>): boolean => type === KEY_TYPE_ML_DSA_44_COSIGNATURE;

/** Whether a key of the log signed the text, extension lines included. */
const isTextSigned = (lines: readonly TypedLine[]): boolean => lines.some(({ type }) => type === KEY_TYPE_ED25519);

/** The log's lines of a checkpoint, with the types of their keys. */
function logLines({ signatures, keys }: SeenCheckpoint): TypedLine[] {
  return signatures.map((line) => ({ ...line, type: keys.find((key) => isLineOf(line, key))!.type }));
}

/** Whether the log signed the text that was cosigned, and did not sign that of this checkpoint, of the same tree, in full. */
export function hasLess(checkpoint: SeenCheckpoint, cosigned: CosignedNote): boolean {
  return (
    checkpoint.text !== cosigned.text && isTextSigned(cosigned.logSignatures) && !isTextSigned(logLines(checkpoint))
  );
}

/** The cosignatures by these keys that were given for the same tree and hold for this checkpoint; undefined if one is missing. */
export function givenFor(
  checkpoint: SeenCheckpoint,
  { text, logSignatures, cosignatures }: CosignedNote,
  keys: readonly VerifierKey[],
): { readonly cosignatures: readonly NoteSignature[]; readonly time: number } | undefined {
  // A further key of the log's has to be shown to those who monitor.
  if (checkpoint.signatures.some((line) => !logSignatures.some((known) => isLineOf(line, known)))) return undefined;
  const given = keys.flatMap(
    (key) => cosignatures.find((line) => isLineOf(line, key) && (coversTree(line) || text === checkpoint.text)) ?? [],
  );
  if (given.length < keys.length) return undefined;
  return { cosignatures: given, time: Math.min(...given.map(({ signature }) => cosignatureTime(signature))) };
}

/**
 * What those who monitor are shown after a checkpoint of the same tree was cosigned once more: the newest text that the log signed in
 * full, with all lines that hold for it, the newest of each key.
 */
export function mergeSameTree(
  checkpoint: SeenCheckpoint,
  cosigned: CosignedNote,
  cosignatures: readonly NoteSignature[],
): Uint8Array {
  const text = hasLess(checkpoint, cosigned) ? cosigned.text : checkpoint.text;
  const holds = (line: TypedLine): boolean => coversTree(line) || text === cosigned.text;
  const without = (earlier: readonly TypedLine[], newer: readonly NoteSignature[]): TypedLine[] =>
    earlier.filter((line) => holds(line) && !newer.some((other) => isLineOf(line, other)));
  const { signatures } = checkpoint;
  const all = [
    ...signatures,
    ...without(cosigned.logSignatures, signatures),
    ...without(cosigned.cosignatures, cosignatures),
    ...cosignatures,
  ];
  try {
    return formatSignedNote({ text, signatures: all });
  } catch (error) {
    if (!(error instanceof CoreError)) throw error;
    // A log of very many keys: what it has signed now, and what was cosigned now, have room.
    return formatSignedNote({ text: checkpoint.text, signatures: [...signatures, ...cosignatures] });
  }
}
