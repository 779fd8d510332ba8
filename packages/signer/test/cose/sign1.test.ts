import { createPublicKey, verify } from 'node:crypto';
import { verifyEd25519 } from '@vitrine/core';
import { describe, expect, test } from 'vitest';
import { formatSign1, parseSign1, sigStructure } from '../../src/cose/sign1.ts';
import { placeOf } from '../../src/place.ts';

const place = placeOf('statement-malformed', 'structure');

const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));

// "This is the content.", which all examples sign.
const PAYLOAD = hex('546869732069732074686520636f6e74656e742e');

// https://github.com/cose-wg/Examples: eddsa-examples and sign1-tests.
const EXAMPLES = [
  {
    name: 'eddsa-sig-01',
    alg: 'Ed25519',
    protectedHeader: 'a201270300',
    externalData: '',
    toBeSigned: '846a5369676e61747572653145a2012703004054546869732069732074686520636f6e74656e742e',
    signature:
      '7142fd2ff96d56db85bee905a76ba1d0b7321a95c8c4d3607c5781932b7afb8711497dfa751bf40b58b3bcc32300b1487f3db34085eef013bf08f4a44d6fef0d',
  },
  {
    name: 'eddsa-sig-02',
    alg: 'Ed448',
    protectedHeader: 'a10127',
    externalData: '',
    toBeSigned: '846a5369676e61747572653143a101274054546869732069732074686520636f6e74656e742e',
    signature:
      '988240a3a2f189bd486de14aa77f54686c576a09f2e7ed9bae910df9139c2ac3be7c27b7e10a20fa17c9d57d3510a2cf1f634bc0345ab9be00849842171d1e9e98b2674c0e38bfcf6c557a1692b01b71015a47ac9f7748840cad1da80cbb5b349309febb912672b377c8b2072af1598b3700',
  },
  {
    name: 'sign-pass-01',
    alg: 'ES256',
    // The example carries the map 'a0', and signs as if the header were not there. RFC 9052, section 3.
    protectedHeader: '',
    externalData: '',
    toBeSigned: '846a5369676e617475726531404054546869732069732074686520636f6e74656e742e',
    signature:
      '87db0d2e5571843b78ac33ecb2830df7b6e0a4d5b7376de336b23c591c90c425317e56127fbe04370097ce347087b233bf722b64072beb4486bda4031d27244f',
  },
  {
    name: 'sign-pass-02',
    alg: 'ES256',
    protectedHeader: 'a10126',
    externalData: '11aa22bb33cc44dd55006699',
    toBeSigned: '846a5369676e61747572653143a101264c11aa22bb33cc44dd5500669954546869732069732074686520636f6e74656e742e',
    signature:
      '10729cd711cb3813d8d8e944a8da7111e7b258c9bdca6135f7ae1adbee9509891267837e1e33bd36c150326ae62755c6bd8e540c3e8f92d7d225e8db72b8820b',
  },
  {
    name: 'sign-pass-03',
    alg: 'ES256',
    protectedHeader: 'a10126',
    externalData: '',
    toBeSigned: '846a5369676e61747572653143a101264054546869732069732074686520636f6e74656e742e',
    signature:
      '8eb33e4ca31d1c465ab05aac34cc6b23d58fef5c083106c4d25a91aef0b0117e2af9a291aa32e14ab834dc56ed2a223444547e01f11d3b0916e5a4c345cacb36',
  },
] as const;

const base64url = (text: string): string => Buffer.from(text, 'hex').toString('base64url');

const ED25519_KEY = 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a';
const KEYS = {
  Ed25519: { kty: 'OKP', crv: 'Ed25519', x: base64url(ED25519_KEY) },
  Ed448: {
    kty: 'OKP',
    crv: 'Ed448',
    x: base64url(
      '5fd7449b59b461fd2ce787ec616ad46a1da1342485a70e1f8a0ea75d80e96778edf124769b46c7061bd6783df1e50f6cd1fa1abeafe8256180',
    ),
  },
  ES256: {
    kty: 'EC',
    crv: 'P-256',
    x: 'usWxHK2PmfnHKwXPS54m0kTcGJ90UiglWiGahtagnv8',
    y: 'IBOL-C3BttVivg-lSreASjpkttcsz-1rb7btKLv8EX4',
  },
} as const;

describe('the Sig_structure of the published example', () => {
  test.each(EXAMPLES)('$name is what it is there, and its signature holds', (example) => {
    const { alg, protectedHeader, externalData, toBeSigned, signature } = example;
    const made = sigStructure({
      protectedHeader: hex(protectedHeader),
      externalData: hex(externalData),
      payload: PAYLOAD,
    });
    expect(Buffer.from(made).toString('hex')).toBe(toBeSigned);
    const key = createPublicKey({ key: KEYS[alg], format: 'jwk' });
    const hash = alg === 'ES256' ? 'sha256' : null;
    expect(verify(hash, made, { key, dsaEncoding: 'ieee-p1363' }, hex(signature))).toBe(true);
  });

  test('has no external data unless some is given', () => {
    const [{ protectedHeader, toBeSigned }] = EXAMPLES;
    const made = sigStructure({ protectedHeader: hex(protectedHeader), payload: PAYLOAD });
    expect(Buffer.from(made).toString('hex')).toBe(toBeSigned);
  });

  test('verifies with the Ed25519 that statements are verified with, and no other payload does', () => {
    const [{ protectedHeader, signature }] = EXAMPLES;
    const made = (payload: Uint8Array) => sigStructure({ protectedHeader: hex(protectedHeader), payload });
    expect(verifyEd25519(hex(ED25519_KEY), made(PAYLOAD), hex(signature))).toBe(true);
    expect(verifyEd25519(hex(ED25519_KEY), made(PAYLOAD.subarray(1)), hex(signature))).toBe(false);
  });
});

describe('a COSE_Sign1 structure', () => {
  const [{ protectedHeader, signature }] = EXAMPLES;
  const sign1 = {
    protectedHeader: hex(protectedHeader),
    unprotectedHeader: new Map(),
    payload: PAYLOAD,
    signature: hex(signature),
  };
  const encoded = `d28445${protectedHeader}a054${Buffer.from(PAYLOAD).toString('hex')}5840${signature}`;

  test('is written as RFC 9052 has it, and read again', () => {
    expect(Buffer.from(formatSign1(sign1)).toString('hex')).toBe(encoded);
    expect(parseSign1(hex(encoded), place)).toEqual(sign1);
  });

  test('may have something in its unprotected header, and no payload', () => {
    const other = { ...sign1, unprotectedHeader: new Map([[4, hex('3131')]]), payload: null };
    const bytes = encoded.replace(/a054[0-9a-f]{40}/, 'a104423131f6');
    expect(Buffer.from(formatSign1(other)).toString('hex')).toBe(bytes);
    expect(parseSign1(hex(bytes), place)).toEqual(other);
  });

  test.each([
    ['one without its tag, as in sign-pass-03', encoded.slice(2)],
    ['one with another tag, as in sign-fail-01', encoded.replace(/^d2/, 'd903e6')],
    [
      'one with a signature of Ed448',
      `d28443a10127a054${Buffer.from(PAYLOAD).toString('hex')}5872${EXAMPLES[1].signature}`,
    ],
    ['one with a number for a payload', encoded.replace(/a054[0-9a-f]{40}/, 'a001')],
  ])('is not %s', (_, bytes) => {
    expect(bytes).not.toBe(encoded);
    expect(() => parseSign1(hex(bytes), place)).toThrow(expect.objectContaining({ code: 'statement-malformed' }));
  });
});
