import type { CborMap, CborValue } from '../cbor/cbor.ts';
import { quote } from '../note/text.ts';
import type { Codec } from './codec.ts';
import type { Place } from './place.ts';

/** A field of a map: the codec of its value, and its key if that is not the field's name. */
interface Field<T> extends Codec<T> {
  readonly key?: number;
  readonly optional?: boolean;
}

interface RequiredField<T> extends Field<T> {
  readonly optional?: false;
}

/** A field that may be left out. */
export interface OptionalField<T> extends Field<T> {
  readonly optional: true;
}

/** A field for each property of `T`, optional where the property is. */
export type Fields<T> = {
  readonly [K in keyof T]-?: object extends Pick<T, K> ? OptionalField<Exclude<T[K], undefined>> : RequiredField<T[K]>;
};

/** A field that may be left out. */
export function optional<T>(codec: Codec<T>): OptionalField<T> {
  return { ...codec, optional: true };
}

/** A field whose key in CBOR is a number. */
export function keyed<T>(key: number, codec: Codec<T>): RequiredField<T> {
  return { ...codec, key };
}

/** A map with these fields and no others; a property that is `undefined` is a field that is left out. */
export function record<T extends object>(fields: Fields<T>): Codec<T> {
  const table = Object.entries<Field<unknown>>(fields).map(([name, field]) => ({
    ...field,
    name,
    key: field.key ?? name,
  }));
  const keys = new Set<unknown>(table.map(({ key }) => key));
  const names = new Set(table.map(({ name }) => name));

  return {
    read: (cbor, place) => {
      if (!(cbor instanceof Map)) throw place.refuse('is not a map');
      const map: CborMap = cbor;
      for (const key of map.keys()) if (!keys.has(key)) throw unknown(key, place);
      const value: Record<string, unknown> = {};
      for (const { name, key, optional, read } of table) {
        const found = map.get(key);
        if (found !== undefined) value[name] = read(found, place.in(name));
        else if (!optional) throw place.in(name).refuse('is missing');
      }
      return value as T;
    },
    write: (value, place) => {
      if (typeof value !== 'object' || value === null) throw place.refuse('is not an object');
      const given = { ...value } as Readonly<Record<string, unknown>>;
      for (const name of Object.keys(given)) if (!names.has(name)) throw unknown(name, place);
      const map = new Map<number | string, CborValue>();
      for (const { name, key, optional, write } of table) {
        if (given[name] !== undefined) map.set(key, write(given[name], place.in(name)));
        else if (!optional) throw place.in(name).refuse('is missing');
      }
      return map;
    },
  };
}

const unknown = (key: number | string, place: Place): Error =>
  place.refuse(`has no field ${typeof key === 'number' ? key : quote(key)}`);
