import { ProofError } from '../error.ts';
import { Place } from '../schema/place.ts';

/** A place whose refusals are ProofErrors `proof-malformed`. */
export function placeOf(path: string): Place {
  return new Place((message, cause) => new ProofError('proof-malformed', message, { cause }), path);
}
