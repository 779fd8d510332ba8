import { CoreError } from '../error.ts';

/** Deepest nesting of arrays and maps. */
const MAX_DEPTH = 16;

// Each takes hundreds of times the memory and time of the one byte that it may be. No entry of a log has more.
const MAX_VALUES = 65_536;

// Major types. RFC 8949, section 3.1.
const UNSIGNED = 0;
const NEGATIVE = 1;
const BYTES = 2;
const TEXT = 3;
const ARRAY = 4;
const MAP = 5;
const SIMPLE = 7;

// Simple values. RFC 8949, section 3.3.
const FALSE = 20;
const NULL = 22;

/**
 * Checks that bytes are one well-formed CBOR value of definite lengths, without tags, floats and undefined, and not too
 * many values, before a decoder trusts a length in them. Whether it is deterministic is not looked at.
 *
 * @throws CoreError `cbor-malformed`
 */
export function checkCbor(bytes: Uint8Array, what: string): void {
  const refuse = (why: string): CoreError => new CoreError('cbor-malformed', `${what} ${why}`);
  let at = 0;
  let values = 0;

  const item = (depth: number): void => {
    if (at >= bytes.length) throw refuse('ends within a value');
    if (++values > MAX_VALUES) throw refuse(`has more than ${MAX_VALUES} values`);
    const initial = bytes[at++]!;
    const major = initial >>> 5;
    const argument = readArgument(initial & 0x1f, major);
    const left = bytes.length - at;
    if (major === UNSIGNED || major === NEGATIVE) return;
    if (major === BYTES || major === TEXT) {
      if (argument > left) throw refuse('ends within a string');
      at += argument;
      return;
    }
    if (major === SIMPLE) {
      // True stands between them.
      if (argument >= FALSE && argument <= NULL) return;
      throw refuse('has a float or another simple value than true, false and null');
    }
    if (major !== ARRAY && major !== MAP) throw refuse('has a tag');
    // Each element takes at least one byte.
    const elements = major === MAP ? 2 * argument : argument;
    if (elements > left) throw refuse('ends within an array or a map');
    if (depth === MAX_DEPTH) throw refuse(`is nested more than ${MAX_DEPTH} deep`);
    for (let i = 0; i < elements; i++) item(depth + 1);
  };

  const readArgument = (info: number, major: number): number => {
    if (info < 24) return info;
    if (info > 27) throw refuse(info === 31 ? 'has an indefinite length' : 'has a reserved length');
    if (major === SIMPLE) throw refuse('has a float or another simple value than true, false and null');
    const size = 2 ** (info - 24);
    if (size > bytes.length - at) throw refuse('ends within a length');
    let value = 0;
    for (let i = 0; i < size; i++) value = value * 256 + bytes[at++]!;
    return value;
  };

  item(0);
  if (at !== bytes.length) throw refuse('has something behind it');
}
