import { CoreError, parseDecimal } from '@vitrine/core';
import { CliError } from './errors.ts';

/**
 * Reads an index or a size on a command line, for commander.
 *
 * @param name of the argument or option, for errors
 */
export function decimalArgument(name: string): (text: string) => number {
  return (text) => {
    try {
      return parseDecimal(text, name);
    } catch (error) {
      if (!(error instanceof CoreError)) throw error;
      const rule = /^[1-9][0-9]*$/.test(text) ? 'at most 2^53 - 1' : 'a decimal number';
      throw new CliError('usage', `${name} must be ${rule}, not ${text}`, { cause: error });
    }
  };
}

/** Reads a number from 1 on a command line, for commander. @param name of the argument or option, for errors */
export function positiveArgument(name: string): (text: string) => number {
  const decimal = decimalArgument(name);
  return (text) => {
    const value = decimal(text);
    if (value === 0) throw new CliError('usage', `${name} must be at least 1`);
    return value;
  };
}
