import { quote } from '../note/text.ts';
import { HASH_SIZE } from '../tree/hash.ts';
import { type Codec, scalar } from './codec.ts';

const KEY_ID_SIZE = 4;

const encoder = new TextEncoder();

/** Numbers from 0, or from `min`, to 2^53 - 1. */
export function unsigned(min = 0): Codec<number> {
  return scalar((value, place) => {
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < min || Object.is(value, -0)) {
      throw place.refuse(`is not an integer from ${min} to 2^53 - 1`);
    }
    return value;
  });
}

/** Byte strings of one length. */
export function octets(size: number): Codec<Uint8Array> {
  return scalar((value, place) => {
    if (!(value instanceof Uint8Array)) throw place.refuse('is not a byte string');
    if (value.length !== size) throw place.refuse(`is ${size} bytes, found ${value.length}`);
    // Not slice(), which of a Buffer is a view.
    return new Uint8Array(value);
  });
}

/** Byte strings of 1 to `max` bytes. */
export function octetsUpTo(max: number): Codec<Uint8Array> {
  return scalar((value, place) => {
    if (!(value instanceof Uint8Array)) throw place.refuse('is not a byte string');
    if (value.length === 0 || value.length > max) throw place.refuse(`is 1 to ${max} bytes, found ${value.length}`);
    return new Uint8Array(value);
  });
}

/** SHA-256 digests, leaf hashes, roots. */
export const hash: Codec<Uint8Array> = octets(HASH_SIZE);

/** Text that `test` accepts; `rule` says for people what it is. */
export function textWhere(test: (text: string) => boolean, rule: string): Codec<string> {
  return scalar((value, place) => {
    if (typeof value !== 'string') throw place.refuse('is not text');
    if (!value.isWellFormed() || !test(value)) throw place.refuse(`is not ${rule}, found ${quote(value)}`);
    if (value.startsWith('\ufeff')) throw place.refuse('begins with a byte order mark');
    return value;
  });
}

/** Any text. */
export const anyText: Codec<string> = textWhere(() => true, 'text');

/** Text for people. Control characters are the Unicode category Cc, which never grows. */
export function text(maxBytes: number): Codec<string> {
  return textWhere(
    (value) => value !== '' && !/\p{Cc}/u.test(value) && encoder.encode(value).length <= maxBytes,
    `1 to ${maxBytes} bytes of text without control characters`,
  );
}

/** What names products, channels, platforms, databases and categories. */
export const identifier: Codec<string> = textWhere(
  (value) => /^[A-Za-z0-9._-]{1,64}$/.test(value),
  '1 to 64 of the characters A-Z, a-z, 0-9, ".", "_" and "-"',
);

/** One of a few texts, or one number. */
export function oneOf<const T extends string | number>(...values: readonly T[]): Codec<T> {
  return scalar((value, place) => {
    const found = values.find((v) => v === value);
    if (found === undefined) throw place.refuse(`is not ${values.map((v) => JSON.stringify(v)).join(' or ')}`);
    return found;
  });
}

export const boolean: Codec<boolean> = scalar((value, place) => {
  if (typeof value !== 'boolean') throw place.refuse('is not a boolean');
  return value;
});

/** A field that is left out rather than false. */
export const onlyTrue: Codec<true> = scalar((value, place) => {
  if (value !== true) throw place.refuse('is not true; it is left out if it does not hold');
  return value;
});

/** A C2SP key ID: a number in the program, its four bytes, big-endian, in CBOR. */
export const keyId: Codec<number> = {
  read: (value, place) => {
    const bytes = octets(KEY_ID_SIZE).read(value, place);
    return new DataView(bytes.buffer).getUint32(0);
  },
  write: (value, place) => {
    if (!Number.isInteger(value) || value < 0 || value > 0xffffffff) {
      throw place.refuse('is not an unsigned 32-bit integer');
    }
    const bytes = new Uint8Array(KEY_ID_SIZE);
    new DataView(bytes.buffer).setUint32(0, value);
    return bytes;
  },
};
