import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type CborValue, decodeCbor, encodeCbor } from '../../src/index.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.replace(/ /g, ''), 'hex'));

/** The integers below `count`, encoded. */
const keys = (count: number): string[] => Array.from({ length: count }, (_, i) => hex(encodeCbor(i)));

// RFC 8949, appendix A, of the kinds that are used here.
const EXAMPLES: readonly (readonly [CborValue, string])[] = [
  [0, '00'],
  [23, '17'],
  [24, '1818'],
  [100, '1864'],
  [1000, '1903e8'],
  [1000000, '1a000f4240'],
  [1000000000000, '1b000000e8d4a51000'],
  [-1, '20'],
  [-100, '3863'],
  [-1000, '3903e7'],
  [false, 'f4'],
  [true, 'f5'],
  [null, 'f6'],
  [bytes('01020304'), '4401020304'],
  ['IETF', '6449455446'],
  ['\u6c34', '63e6b0b4'],
  ['\u{10151}', '64f0908591'],
  [`${'a'.repeat(96)}\ufeff`, `7863${'61'.repeat(96)}efbbbf`],
  [[1, [2, 3], [4, 5]], '8301820203820405'],
  [
    new Map<number, CborValue>([
      [3, 4],
      [1, 2],
    ]),
    'a201020304',
  ],
  [
    new Map<string, CborValue>([
      ['b', [2, 3]],
      ['a', 1],
    ]),
    'a26161016162820203',
  ],
];

describe('deterministic CBOR', () => {
  test.each(EXAMPLES)('writes and reads %j as RFC 8949 has it', (value, expected) => {
    expect(hex(encodeCbor(value))).toBe(expected);
    expect(decodeCbor(bytes(expected), 'the value')).toEqual(value);
  });

  const leaf = fc.oneof(
    fc.integer({ min: -0x80000000, max: Number.MAX_SAFE_INTEGER }),
    fc.constantFrom(2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1, -(2 ** 31)),
    fc.string({ unit: 'grapheme' }),
    fc.constantFrom('__proto__', 'constructor'),
    fc.boolean(),
    fc.constant(null),
    fc.uint8Array(),
  );
  const { value } = fc.letrec<{ value: CborValue }>((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      leaf,
      fc.array(tie('value'), { maxLength: 5 }),
      fc
        .array(
          fc.tuple(fc.oneof(fc.integer({ min: -100, max: 2 ** 33 }), fc.string({ unit: 'grapheme' })), tie('value')),
          { maxLength: 5 },
        )
        .map((entries) => new Map(entries)),
    ),
  }));

  test('reads what it wrote, and writes a map in one way whatever the order of its entries', () => {
    fc.assert(
      fc.property(value, (original) => {
        const encoded = encodeCbor(original);
        expect(decodeCbor(encoded, 'the value')).toEqual(original);
        if (original instanceof Map) expect(encodeCbor(new Map([...original].reverse()))).toEqual(encoded);
      }),
    );
  });

  test('accepts no other bytes than those it would write', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 40 }), (input) => {
        let decoded: CborValue;
        try {
          decoded = decodeCbor(input, 'the value');
        } catch (error) {
          expect(error).toMatchObject({ code: 'cbor-malformed' });
          return;
        }
        expect(encodeCbor(decoded)).toEqual(input);
      }),
      { numRuns: 5000 },
    );
  });

  test.each([
    ['nothing', ''],
    ['a number that is not as short as it could be', '1817'],
    ['another one', '1b0000000000000001'],
    ['a length that is not as short as it could be', '5801ff'],
    ['an indefinite length of a byte string', '5f4101ff'],
    ['an indefinite array', '9f01ff'],
    ['an indefinite map', 'bf6161 01ff'],
    ['keys out of order', 'a2616201616101'],
    ['a longer key before a shorter one', 'a262616101616201'],
    ['a key twice', 'a2616101616102'],
    ['a byte behind the value', '0000'],
    ['a tag', 'c074323031332d30332d32315432303a30343a30305a'],
    ['a bignum', 'c249010000000000000000'],
    ['an integer beyond 2^53 - 1', '1b0020000000000000'],
    ['the largest integer', '1bffffffffffffffff'],
    ['a negative integer below -2^31', '3a80000000'],
    ['a float', 'fb3ff199999999999a'],
    ['a whole float', 'f93c00'],
    ['undefined', 'f7'],
    ['a simple value', 'f0'],
    ['a simple value in two bytes', 'f818'],
    ['a break', 'ff'],
    ['a reserved length', '1c'],
    ['text that is not UTF-8', '62c328'],
    ['text with a surrogate', '63eda080'],
    ['text with a byte order mark in front', '64efbbbf61'],
    ['long text with a byte order mark in front', `7864efbbbf${'61'.repeat(97)}`],
    ['a key with a byte order mark in front', `a178 64efbbbf${'61'.repeat(97)}01`],
    ['a key that is a byte string', 'a1410101'],
    ['a key that is an array', 'a1800101'],
    ['a string that ends early', '62 61'],
    ['an array of 4 billion elements', '9affffffff'],
    ['an array of 2^64 - 1 elements', '9bffffffffffffffff'],
    ['a map of 2^63 entries', 'bb8000000000000000'],
    ['nesting without end', '81'.repeat(60_000)],
    ['an array of more values than there may be', `9a00010000${'80'.repeat(65_536)}`],
    [
      'a map of more values than there may be',
      'b98000' +
        keys(0x8000)
          .map((key) => `${key}80`)
          .join(''),
    ],
  ])('refuses %s', (_, input) => {
    expect(() => decodeCbor(bytes(input), 'the value')).toThrow(expect.objectContaining({ code: 'cbor-malformed' }));
  });

  test('reads as many values as there may be', () => {
    expect(decodeCbor(bytes(`99ffff${'80'.repeat(65_535)}`), 'the value')).toHaveLength(65_535);
    const map =
      'b97fff' +
      keys(0x7fff)
        .map((key) => `${key}80`)
        .join('');
    expect(decodeCbor(bytes(map), 'the value')).toHaveProperty('size', 0x7fff);
  });

  test('refuses to write what it would not read', () => {
    expect(() => encodeCbor(1.5)).toThrow(RangeError);
    expect(() => encodeCbor(-0)).toThrow(RangeError);
    expect(() => encodeCbor(2 ** 53)).toThrow(RangeError);
    expect(() => encodeCbor(-(2 ** 31) - 1)).toThrow(RangeError);
    expect(() => encodeCbor('\ud800')).toThrow(RangeError);
    expect(() => encodeCbor('\ufefftext')).toThrow(RangeError);
    expect(() => encodeCbor(undefined as never)).toThrow(TypeError);
    expect(() => encodeCbor({} as never)).toThrow(TypeError);
    expect(() => encodeCbor(new Map([[null, 1]]) as never)).toThrow(TypeError);
  });

  test('leaves the input as it was, and gives out bytes of its own', () => {
    const input = encodeCbor([bytes('0102')]);
    const [inner] = decodeCbor(input, 'the value') as [Uint8Array];
    inner[0] = 9;
    expect(hex(input)).toBe('81420102');
    expect(Reflect.ownKeys(input)).toEqual(['0', '1', '2', '3']);
  });
});
