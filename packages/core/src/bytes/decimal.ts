import { CoreError } from '../error.ts';

const DECIMAL = /^(?:0|[1-9][0-9]{0,15})$/;

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
    const shown = text.length > 40 ? `${text.slice(0, 40)}…` : text;
    throw new CoreError('number-malformed', `${what} must be a decimal number from 0 to 2^53 - 1, found "${shown}"`);
  }
  return value;
}
