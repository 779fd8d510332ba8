import { CoreError, parseDecimal } from '@vitrine/core';
import { InvalidArgumentError } from 'commander';

/** Reads an index or a size on a command line, for commander. */
export function decimalArgument(text: string): number {
  try {
    return parseDecimal(text, 'it');
  } catch (error) {
    if (error instanceof CoreError) throw new InvalidArgumentError('It must be a decimal number from 0 to 2^53 - 1.');
    throw error;
  }
}
