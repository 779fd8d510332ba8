import { CoreError } from '../error.ts';

const DECIMAL = /^(?:0|[1-9][0-9]{0,15})$/;
const MAX_SHOWN = 24;

/**
 * Reads a tree size or an index: ASCII decimal digits, no sign, no leading zeroes, at most 2^53 - 1. This is the only
 * reader of decimal numbers in the project.
 *
 * @param what names the number in the error
 * @throws CoreError `number-malformed`
 */
export function parseDecimal(text: string, what: string): number {
  const value = DECIMAL.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value)) {
    // What is longer was never meant as a number, and may be anything, a key for instance.
    const shown = text.length > MAX_SHOWN ? `${text.length} characters` : `"${text}"`;
    throw new CoreError('number-malformed', `${what} must be a decimal number from 0 to 2^53 - 1, found ${shown}`);
  }
  return value;
}
