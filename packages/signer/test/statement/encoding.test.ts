import { type CborMap, decodeCbor, encodeCbor } from '@vitrine/core';
import { describe, expect, test } from 'vitest';
import { openStatement } from '../../src/statement/open-statement.ts';
import { EXAMPLES, REVIEWER, statementOf, VENDOR } from './examples.ts';
import {
  changed,
  concat,
  elementsOf,
  encodeMap,
  forge,
  hex,
  OTHER_MAPS,
  type Parts,
  partsOf,
  withRaw,
} from './forge.ts';

const example = EXAMPLES.find(({ name }) => name === 'source')!;
const statement = await statementOf(example);
const parts = partsOf(statement);
const header = decodeCbor(parts.header, 'the header') as CborMap;
const claims = header.get(15) as CborMap;
const payload = decodeCbor(parts.payload, 'the payload') as CborMap;
const tree = payload.get('tree') as CborMap;
const [protectedItem, unprotectedItem, payloadItem, signatureItem] = (await elementsOf(parts, VENDOR)) as [
  Uint8Array,
  Uint8Array,
  Uint8Array,
  Uint8Array,
];

/** Why a statement is refused: all of these have a signature by the key that is known. */
function refusalOf(bytes: Uint8Array): string {
  try {
    openStatement(bytes, [VENDOR.vkey]);
  } catch (error) {
    expect(error).toMatchObject({ name: 'SignerError', code: 'statement-malformed' });
    return (error as Error).message;
  }
  return 'accepted';
}

const refusalOfParts = async (change: Partial<Parts>): Promise<string> =>
  refusalOf(await forge({ ...parts, ...change }, VENDOR));

const bytesOfString = (item: Uint8Array): Uint8Array => decodeCbor(item, 'a byte string') as Uint8Array;

test('what is put together again from its parts is the statement', async () => {
  expect(await forge(parts, VENDOR)).toEqual(statement);
  expect(encodeMap(header)).toEqual(parts.header);
  expect(encodeMap(payload)).toEqual(parts.payload);
  expect(withRaw(payload, 'tree', encodeMap(tree))).toEqual(parts.payload);
  expect(refusalOf(statement)).toBe('accepted');
});

describe('a statement in another encoding is refused, although its signature holds:', () => {
  for (const [what, other] of Object.entries(OTHER_MAPS)) {
    test(`a header with ${what}`, async () => {
      expect(await refusalOfParts({ header: other(header) })).toMatch(/^header /);
    });

    test(`claims with ${what}`, async () => {
      expect(await refusalOfParts({ header: withRaw(header, 15, other(claims)) })).toMatch(/^header /);
    });

    test(`a payload with ${what}`, async () => {
      expect(await refusalOfParts({ payload: other(payload) })).toMatch(/^payload /);
    });

    test(`a map in the payload with ${what}`, async () => {
      expect(await refusalOfParts({ payload: withRaw(payload, 'tree', other(tree)) })).toMatch(/^payload /);
    });
  }

  test.each([
    ['an algorithm', () => ({ header: withRaw(header, 1, hex('3812')) }), /^header /],
    ['a time', () => ({ header: withRaw(header, 15, withRaw(claims, 6, hex('1b 000000006a188700'))) }), /^header /],
    [
      'a label',
      () => ({ header: hex(Buffer.from(parts.header).toString('hex').replace('a40132', 'a4180132')) }),
      /^header /,
    ],
    [
      'a number',
      () => ({ payload: withRaw(payload, 'tree', withRaw(tree, 'files', hex('1a 000004b4'))) }),
      /^payload /,
    ],
  ] as const)('%s in more bytes than it needs', async (_, change, reason) => {
    expect(await refusalOfParts(change())).toMatch(reason);
  });

  test.each([
    ['a float', hex('f9 6000')],
    ['a bignum', hex('c2 42 04b4')],
    ['a text', hex('64 31323034')],
  ])('a number as %s', async (_, raw) => {
    expect(await refusalOfParts({ payload: withRaw(payload, 'tree', withRaw(tree, 'files', raw)) })).toMatch(
      /^payload/,
    );
  });

  test.each([
    ['text of indefinite length', 'version', concat(hex('7f'), encodeCbor('1'), hex('ff'))],
    ['text in a length that is not as short as it could be', 'version', hex('78 01 31')],
    ['text that is not UTF-8', 'version', hex('61 ff')],
    ['text as bytes', 'version', hex('41 31')],
    ['null for a field that is left out', 'toolchain', hex('f6')],
    ['undefined for a field that is left out', 'toolchain', hex('f7')],
  ])('%s', async (_, field, raw) => {
    expect(await refusalOfParts({ payload: withRaw(payload, field, raw) })).toMatch(/^payload/);
  });

  test.each([
    ['no tag', []],
    ['tag 17 (COSE_Mac0)', [0xd1]],
    ['tag 98 (COSE_Sign)', [0xd8, 98]],
    ['tag 18 in two bytes', [0xd8, 18]],
    ['tag 18 twice', [0xd2, 0xd2]],
    ['the tag of self-described CBOR before it', [0xd9, 0xd9, 0xf7, 0xd2]],
  ])('%s', async (_, tag) => {
    expect(await refusalOfParts({ tag: Uint8Array.from(tag) })).toMatch(/tag/);
  });

  test.each([
    ['an array of indefinite length', () => concat(hex('9f'), statement.subarray(2), hex('ff'))],
    ['an array whose length is not as short as it could be', () => concat(hex('98 04'), statement.subarray(2))],
    ['an array with a fifth element', () => concat(hex('85'), statement.subarray(2), hex('f6'))],
    ['an array without its last element', () => concat(hex('83'), protectedItem, unprotectedItem, payloadItem)],
    ['a map', () => concat(hex('a2'), statement.subarray(2))],
    ['a trailing byte', () => concat(statement.subarray(1), hex('00'))],
    [
      'a header in pieces',
      () => concat(hex('84 5f'), protectedItem, hex('ff'), unprotectedItem, payloadItem, signatureItem),
    ],
    [
      'a header that is not wrapped into a byte string',
      () => concat(hex('84'), parts.header, unprotectedItem, payloadItem, signatureItem),
    ],
    [
      'a payload in pieces',
      () => concat(hex('84'), protectedItem, unprotectedItem, hex('5f'), payloadItem, hex('ff'), signatureItem),
    ],
    [
      'a payload whose length is not as short as it could be',
      () =>
        concat(
          ...[hex('84'), protectedItem, unprotectedItem, hex('5a 0000'), Uint8Array.of(parts.payload.length >> 8)],
          ...[Uint8Array.of(parts.payload.length & 0xff), parts.payload, signatureItem],
        ),
    ],
    [
      'a payload that is not wrapped into a byte string',
      () => concat(hex('84'), protectedItem, unprotectedItem, parts.payload, signatureItem),
    ],
    ['a detached payload', () => concat(hex('84'), protectedItem, unprotectedItem, hex('f6'), signatureItem)],
    ['an empty payload', () => concat(hex('84'), protectedItem, unprotectedItem, hex('40'), signatureItem)],
    [
      'a signature whose length is not as short as it could be',
      () =>
        concat(hex('84'), protectedItem, unprotectedItem, payloadItem, hex('59 0040'), bytesOfString(signatureItem)),
    ],
    [
      'a signature with a byte behind it',
      () =>
        concat(
          ...[hex('84'), protectedItem, unprotectedItem, payloadItem],
          encodeCbor(concat(bytesOfString(signatureItem), hex('00'))),
        ),
    ],
    ['a signature that is text', () => concat(hex('84'), protectedItem, unprotectedItem, payloadItem, hex('6161'))],
    ['nothing', () => new Uint8Array()],
  ] as const)('%s', (_, body) => {
    expect(refusalOf(concat(hex('d2'), body()))).not.toBe('accepted');
  });

  test.each([
    ['something in it', hex('a1 01 32')],
    ['a key ID in it', hex('a1 04 44 01020304')],
    ['a length that is not as short as it could be', hex('b8 00')],
    ['an indefinite length', hex('bf ff')],
    ['null instead', hex('f6')],
    ['an empty byte string instead', hex('40')],
    ['an empty array instead', hex('80')],
  ])('an unprotected header with %s', async (_, unprotected) => {
    expect(await refusalOfParts({ unprotected })).toMatch(/^COSE_Sign1 structure /);
  });
});

describe('a header that says something else is refused, although its signature holds:', () => {
  test.each([
    ['the algorithm -8 (EdDSA)', -8],
    ['the algorithm -7 (ES256)', -7],
    ['the algorithm -53 (Ed448)', -53],
    ['the algorithm 19', 19],
    ['the algorithm as text', 'Ed25519'],
    ['no algorithm', undefined],
  ])('%s', async (_, algorithm) => {
    expect(await refusalOfParts({ header: encodeCbor(changed(header, [[1, algorithm]])) })).toMatch(
      /^header\.algorithm /,
    );
  });

  test.each([
    ['a "crit" label', 2, [1]],
    ['an empty "crit" label', 2, []],
    ['an IV', 5, new Uint8Array(8)],
    ['a certificate chain', 33, new Uint8Array(8)],
    ['a private label', -70000, 1],
    ['a label that is text', 'alg', -19],
    ['the payload hash algorithm of a hash envelope', 258, -16],
  ])('%s', async (_, label, value) => {
    expect(await refusalOfParts({ header: encodeCbor(changed(header, [[label, value]])) })).toMatch(
      /^header has no field /,
    );
  });

  test.each([
    ['an expiry', 4, 1_900_000_000],
    ['a "not before"', 5, 0],
    ['a CWT ID', 7, new Uint8Array(4)],
    ['a claim that is text', 'iss', 'acme.example/release'],
  ])('%s among the claims', async (_, claim, value) => {
    const extended = encodeCbor(changed(header, [[15, changed(claims, [[claim, value]])]]));
    expect(await refusalOfParts({ header: extended })).toMatch(/^header\.claims has no field /);
  });

  test.each([
    ['no content type', 3, undefined, /^header\.contentType /],
    ['a content type that is a number', 3, 60, /^header\.contentType /],
    ['another content type', 3, 'application/cbor', /^header\.contentType .*"application\/cbor"/],
    ['a content type of version 0', 3, 'application/vnd.vitrine.source.v0+cbor', /^header\.contentType /],
    ['a content type with a parameter', 3, 'application/vnd.vitrine.source.v1+cbor; a=b', /^header\.contentType /],
    ['a content type in capitals', 3, 'application/vnd.vitrine.SOURCE.v1+cbor', /^header\.contentType /],
    ['no key ID', 4, undefined, /^header\.keyId is missing/],
    ['a key ID of 3 bytes', 4, new Uint8Array(3), /^header\.keyId is 4 bytes, found 3/],
    ['a key ID of 5 bytes', 4, new Uint8Array(5), /^header\.keyId is 4 bytes, found 5/],
    ['a key ID that is a number', 4, VENDOR.vkey.keyId, /^header\.keyId is not a byte string/],
    ['no claims', 15, undefined, /^header\.claims is missing/],
    ['claims that are an array', 15, [], /^header\.claims is not a map/],
  ])('%s', async (_, label, value, reason) => {
    expect(await refusalOfParts({ header: encodeCbor(changed(header, [[label, value]])) })).toMatch(reason);
  });

  test.each([
    ['no issuer', 1, undefined, /^header\.claims\.issuer is missing/],
    ['an empty issuer', 1, '', /^header\.claims\.issuer is not a key name/],
    ['an issuer with a space', 1, 'acme example', /^header\.claims\.issuer is not a key name/],
    ['an issuer with a plus sign', 1, 'acme+example', /^header\.claims\.issuer is not a key name/],
    ['an issuer with a control character', 1, 'acme\u0007', /^header\.claims\.issuer is not a key name/],
    ['no stream', 2, undefined, /^header\.claims\.stream is missing/],
    ['the stream of another product', 2, 'acme-server', /^header\.claims\.stream .*"acme-endpoint".*"acme-server"/],
    ['a stream that is bytes', 2, new Uint8Array(4), /^header\.claims\.stream is not text/],
    ['no audience', 3, undefined, /^header\.claims\.audience is missing/],
    ['an empty audience', 3, '', /^header\.claims\.audience is not an origin/],
    ['an audience of two lines', 3, 'a\nb', /^header\.claims\.audience is not an origin/],
    ['several audiences', 3, ['a', 'b'], /^header\.claims\.audience is not text/],
    ['no time', 6, undefined, /^header\.claims\.issuedAt is missing/],
    ['a time before 1970', 6, -1, /^header\.claims\.issuedAt is not an integer/],
    ['a time that is text', 6, '2026-01-01', /^header\.claims\.issuedAt is not an integer/],
  ])('%s', async (_, claim, value, reason) => {
    const other = encodeCbor(changed(header, [[15, changed(claims, [[claim, value]])]]));
    expect(await refusalOfParts({ header: other })).toMatch(reason);
  });

  test('a header that is empty, or not a map', async () => {
    expect(await refusalOfParts({ header: new Uint8Array() })).toMatch(/^header /);
    expect(await refusalOfParts({ header: hex('80') })).toMatch(/^header/);
    expect(await refusalOfParts({ header: hex('a0') })).toMatch(/^header/);
  });

  test('a payload of another type than the content type says', async () => {
    const other = encodeCbor(changed(header, [[3, 'application/vnd.vitrine.handling.v1+cbor']]));
    expect(await refusalOfParts({ header: other })).toMatch(/^payload has no field /);
  });
});

describe('a statement of a type or version that is not known', () => {
  test.each(['application/vnd.vitrine.source.v2+cbor', 'application/vnd.vitrine.key-ceremony.v1+cbor'])(
    'is refused by its content type: %s',
    async (contentType) => {
      // Whatever else is new in it.
      const newer = changed(header, [
        [1, -50],
        [3, contentType],
        [99, 'new'],
      ]);
      const bytes = await forge({ ...parts, header: encodeCbor(newer), payload: hex('f6') }, VENDOR);
      expect(() => openStatement(bytes, [VENDOR.vkey])).toThrow(
        expect.objectContaining({ code: 'statement-newer', message: expect.stringContaining(contentType) }),
      );
    },
  );
});

test('the same statement by another key is another statement', async () => {
  const other = await forge(parts, REVIEWER);
  expect(() => openStatement(other, [VENDOR.vkey])).toThrow(expect.objectContaining({ code: 'statement-signature' }));
});
