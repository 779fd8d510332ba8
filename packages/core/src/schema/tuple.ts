import type { CborValue } from '../cbor/cbor.ts';
import type { Codec } from './codec.ts';

/** An array with an element for each property of `T`, in the order in which they are given. */
export function tuple<T extends object>(elements: { readonly [K in keyof T]-?: Codec<T[K]> }): Codec<T> {
  const table = Object.entries<Codec<unknown>>(elements as Record<string, Codec<unknown>>);
  return {
    read: (cbor, place) => {
      if (!Array.isArray(cbor) || cbor.length !== table.length)
        throw place.refuse(`is not an array of ${table.length}`);
      const array = cbor as readonly CborValue[];
      return Object.fromEntries(table.map(([name, { read }], i) => [name, read(array[i]!, place.in(name))])) as T;
    },
    write: (value, place) => {
      const given = value as Readonly<Record<string, unknown>>;
      return table.map(([name, { write }]) => write(given[name], place.in(name)));
    },
  };
}
