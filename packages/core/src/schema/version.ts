import type { CborMap } from '../cbor/cbor.ts';
import type { Place } from './place.ts';
import { unsigned } from './scalars.ts';

const version = unsigned(1);

/** The version of a format, in the field `v`: to be read before the rest, which may be other in a later version. */
export function versionOf(map: CborMap, place: Place): number {
  return version.read(map.get('v') ?? null, place.in('v'));
}
