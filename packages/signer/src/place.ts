import { Place } from '@vitrine/core/schema';
import { SignerError, type SignerErrorCode } from './error.ts';

/** A place whose refusals are errors of this package. */
export function placeOf(code: SignerErrorCode, path: string): Place {
  return new Place((message, cause) => new SignerError(code, message, { cause }), path);
}
