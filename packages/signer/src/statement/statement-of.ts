import { SignerError } from '../error.ts';
import { parseStatement } from './parse-statement.ts';
import type { Statement } from './statement.ts';

/** The tag 18, with which every statement begins. RFC 9052, section 2 */
export const COSE_SIGN1 = 0xd2;

/** The statement that an entry is; undefined if it is none that this program knows. Its signature is not checked. */
export function statementOf(entry: Uint8Array): Statement | undefined {
  // Most entries of other kinds need no closer look.
  if (entry[0] !== COSE_SIGN1) return undefined;
  try {
    return parseStatement(entry);
  } catch (error) {
    if (error instanceof SignerError) return undefined;
    throw error;
  }
}
