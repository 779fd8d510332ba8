import { Decoder, Encoder } from 'cbor-x';
import { compareBytes } from '../bytes/compare.ts';
import { equalBytes } from '../bytes/equal.ts';
import { CoreError } from '../error.ts';
import { checkCbor } from './check-cbor.ts';

/** The part of CBOR that Vitrine's formats use: no tags, no floats, and keys of maps that are integers or texts. */
export type CborValue = number | string | boolean | null | Uint8Array | readonly CborValue[] | CborMap;

/** A map. The order of its entries has no meaning. */
export type CborMap = ReadonlyMap<number | string, CborValue>;

const OPTIONS = { useRecords: false, variableMapSize: true, tagUint8Array: false, useTag259ForMaps: false } as const;
// The encoder goes back to the start of its buffer after each value, which is copied or compared at once. Otherwise it makes a
// new buffer for every few values, and that takes more time than encoding them.
const RESET_BUFFER_MODE = 1024;
const encoder = new Encoder(OPTIONS) as unknown as { encode(value: unknown, mode: number): Uint8Array };
// Plain objects would rename a key "__proto__".
const decoder = new Decoder({ ...OPTIONS, mapsAsObjects: false });

// Below it cbor-x writes eight bytes where four do. No format here needs such numbers.
const MIN_INTEGER = -0x80000000;
const MAX_UINT32 = 0xffffffff;

const ASCII = /^[\0-\x7f]*$/;
const BYTE_ORDER_MARK = '\ufeff';
const utf8 = new TextEncoder();

/**
 * Encodes a value in deterministic CBOR: one value, one byte string. RFC 8949, section 4.2.1.
 *
 * @throws TypeError for a value that is no {@link CborValue}, RangeError for a number that is no integer from -2^31 to
 * 2^53 - 1, and for text that is not well-formed Unicode or begins with a byte order mark
 */
export function encodeCbor(value: CborValue): Uint8Array {
  // Not the encoder's own buffer, which it goes on to use.
  return new Uint8Array(encodeInPlace(value));
}

/** In the encoder's own buffer: good until the next value is encoded. */
function encodeInPlace(value: CborValue): Uint8Array {
  return encoder.encode(prepared(value), RESET_BUFFER_MODE);
}

/**
 * Decodes deterministic CBOR, and nothing else: what {@link encodeCbor} would not have written in exactly these bytes
 * is refused, and so is what has more than 65,536 values, keys counted, or more than 16 levels.
 *
 * @param what names the value in the error
 * @throws CoreError `cbor-malformed`
 */
export function decodeCbor(bytes: Uint8Array, what: string): CborValue {
  // The decoder makes room for as many elements as a length claims, and recurses as deep as the input says.
  checkCbor(bytes, what);
  let value: CborValue;
  let isSame: boolean;
  try {
    // A copy, because cbor-x leaves a property on what it is given, and its byte strings are views of it.
    value = owned(decoder.decode(new Uint8Array(bytes)));
    isSame = equalBytes(bytes, encodeInPlace(value));
  } catch (cause) {
    throw new CoreError('cbor-malformed', `${what} is not CBOR of the kinds that are used here`, { cause });
  }
  if (!isSame) throw new CoreError('cbor-malformed', `${what} is not deterministic CBOR`);
  return value;
}

/** A value in which the encoder finds only what it encodes in one way. */
function prepared(value: CborValue): unknown {
  if (typeof value === 'number') return integer(value);
  if (typeof value === 'string') return text(value);
  if (typeof value === 'boolean' || value === null || value instanceof Uint8Array) return value;
  if (Array.isArray(value)) return value.map(prepared);
  if (value instanceof Map) return sorted(value);
  throw new TypeError(`CBOR here has no ${typeof value}`);
}

function integer(value: number): number | bigint {
  if (!isInteger(value)) throw new RangeError('a number in CBOR is an integer from -2^31 to 2^53 - 1 here');
  // Beyond 32 bits the encoder writes numbers as floats, and a BigInt always in eight bytes.
  return value > MAX_UINT32 ? BigInt(value) : value;
}

const isInteger = (value: number): boolean =>
  Number.isSafeInteger(value) && value >= MIN_INTEGER && !Object.is(value, -0);

function text(value: string): string {
  if (!value.isWellFormed()) throw new RangeError('text in CBOR is well-formed Unicode');
  // cbor-x reads it or drops it, by the length of the text and by whether its native add-on is there.
  if (value.startsWith(BYTE_ORDER_MARK)) throw new RangeError('text in CBOR begins with no byte order mark');
  return value;
}

/** Keys in the order of their encodings. RFC 8949, section 4.2.1. */
function sorted(map: CborMap): Map<unknown, unknown> {
  const entries: [number | string, CborValue][] = [];
  let isSorted = true;
  for (const [key, value] of map) {
    if (typeof key !== 'number' && typeof key !== 'string') throw new TypeError('a key is an integer or a text');
    isSorted &&= entries.length === 0 || compareKeys(entries.at(-1)![0], key) < 0;
    entries.push([key, value]);
  }
  if (!isSorted) entries.sort(([a], [b]) => compareKeys(a, b));
  return new Map(entries.map(([key, value]) => [prepared(key), prepared(value)]));
}

/** Orders keys as their encodings: integers from 0, then those below 0 from -1 down, then texts, the shorter first. */
function compareKeys(a: number | string, b: number | string): number {
  if (typeof a === 'number' || typeof b === 'number') {
    if (typeof a !== typeof b) return typeof a === 'number' ? -1 : 1;
    const [x, y] = [a as number, b as number];
    if (x < 0 && y < 0) return y - x;
    return x < 0 || y < 0 ? y - x : x - y;
  }
  // The length in front of a text is in bytes.
  if (ASCII.test(a) && ASCII.test(b)) return a.length - b.length || (a < b ? -1 : a > b ? 1 : 0);
  const [x, y] = [a, b].map((key) => utf8.encode(key)) as [Uint8Array, Uint8Array];
  return x.length - y.length || compareBytes(x, y);
}

/** What the decoder made, with safe integers as numbers. @throws TypeError for kinds that are not used here */
function owned(value: unknown): CborValue {
  if (typeof value === 'bigint') {
    // Exact, or not an integer that the encoder takes.
    return Number(value);
  }
  if (typeof value === 'number' || typeof value === 'string' || typeof value === 'boolean' || value === null) {
    return value;
  }
  if (value instanceof Uint8Array) return value;
  if (Array.isArray(value)) return value.map(owned);
  if (value instanceof Map) return new Map(Array.from(value, ([k, v]) => [owned(k) as number | string, owned(v)]));
  throw new TypeError(`CBOR here has no ${typeof value}`);
}
