import { CoreError } from '../error.ts';

/**
 * What `read` returns; where it refuses a number or base64, the refusal gets the code of the format that they stand in,
 * by way of `refuse`. Other refusals pass.
 */
export function reading<T>(refuse: (message: string, cause: unknown) => CoreError, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof CoreError && (error.code === 'number-malformed' || error.code === 'base64-malformed')) {
      throw refuse(error.message, error);
    }
    throw error;
  }
}
