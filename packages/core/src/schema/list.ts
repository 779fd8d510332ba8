import { compareText } from '../bytes/compare-text.ts';
import type { CborValue } from '../cbor/cbor.ts';
import { type Codec, refined } from './codec.ts';
import type { Place } from './place.ts';

/** A list of any order, with at least `min` elements and at most `max`. */
export function list<T>(element: Codec<T>, { min = 0, max }: { min?: number; max: number }): Codec<readonly T[]> {
  const check = (value: unknown, place: Place): readonly unknown[] => {
    if (!Array.isArray(value)) throw place.refuse('is not a list');
    if (value.length < min) throw place.refuse(`has at least ${min}, found ${value.length}`);
    if (value.length > max) throw place.refuse(`has at most ${max}, found ${value.length}`);
    return value;
  };
  return {
    read: (cbor, place) => Array.from(check(cbor, place), (e, i) => element.read(e as CborValue, place.in(`${i}`))),
    write: (value, place) => Array.from(check(value, place), (e, i) => element.write(e as T, place.in(`${i}`))),
  };
}

/**
 * A list with at least one element, in the order of the bytes of what `keyOf` gives, so that there is one way to write a
 * set. No two elements have the same.
 *
 * @param by says for people what the order is by
 */
export function sortedList<T>(
  element: Codec<T>,
  { max, by, keyOf }: { max: number; by: string; keyOf: (element: T) => string },
): Codec<readonly T[]> {
  return refined(list(element, { min: 1, max }), (elements, place) => {
    const keys = elements.map(keyOf);
    for (let i = 1; i < keys.length; i++) {
      const order = compareText(keys[i - 1]!, keys[i]!);
      if (order === 0) throw place.refuse(`has the same ${by} twice, in elements ${i - 1} and ${i}`);
      if (order > 0) throw place.refuse(`is not in the order of ${by}: element ${i} comes before element ${i - 1}`);
    }
  });
}
