import type { CborValue } from '../cbor/cbor.ts';
import type { Place } from './place.ts';

/**
 * How a value stands in CBOR, and what it has to be: both directions check the same, so what is written can be read, and
 * the other way round.
 */
export interface Codec<T> {
  /** @throws what the place refuses with */
  read(value: CborValue, place: Place): T;
  /** @throws what the place refuses with */
  write(value: T, place: Place): CborValue;
}

/** A value that is in CBOR what it is in the program. `check` returns it, or a copy, or throws. */
export function scalar<T extends CborValue>(check: (value: unknown, place: Place) => T): Codec<T> {
  return { read: check, write: check };
}

/** A codec with one more rule. `rule` throws. */
export function refined<T>(codec: Codec<T>, rule: (value: T, place: Place) => void): Codec<T> {
  return {
    read: (cbor, place) => {
      const value = codec.read(cbor, place);
      rule(value, place);
      return value;
    },
    write: (value, place) => {
      const cbor = codec.write(value, place);
      rule(value, place);
      return cbor;
    },
  };
}

/** A codec of something that may be null. */
export function nullable<T>({ read, write }: Codec<T>): Codec<T | null> {
  return {
    read: (cbor, place) => (cbor === null ? null : read(cbor, place)),
    write: (value, place) => (value === null ? null : write(value, place)),
  };
}
