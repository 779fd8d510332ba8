import { isLineOf, type NoteSignature, type VerifierKey } from '@vitrine/core';
import { WitnessError } from '../error.ts';

/** Lines of one key in one note: a key that signs a checkpoint again gives it another time. */
const MAX_LINES_OF_KEY = 4;

/**
 * Bounds what a note costs, before anything in it is verified: anybody can collect the lines by which a key signed one checkpoint
 * again and again, and all of them would have to be verified. Lines of other keys are not, and do not count.
 *
 * @throws WitnessError `witness-request`
 */
export function checkLines(lines: readonly NoteSignature[], keys: readonly VerifierKey[]): void {
  for (const key of keys) {
    const { length } = lines.filter((line) => isLineOf(line, key));
    if (length <= MAX_LINES_OF_KEY) continue;
    throw new WitnessError(
      'witness-request',
      `a note has at most ${MAX_LINES_OF_KEY} lines of one key here, and ${key.keyName} has ${length}`,
    );
  }
}
