import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { ed25519Signer } from '../../src/note/ed25519.ts';
import { formatPrivateKey, parsePrivateKey, privateKeyFromSeed } from '../../src/note/private-key.ts';
import { formatVkey } from '../../src/note/vkey.ts';
import { codeOf, errorOf, hex, LOG, schemes, seedOf, utf8 } from './fixtures.ts';
import {
  GO_LOG_PRIVATE,
  GO_LOG_VKEY,
  GO_UNICODE_PRIVATE,
  GO_UNICODE_VKEY,
  GO_WITNESS6_PRIVATE,
  GO_WITNESS6_VKEY,
} from './vectors.ts';

describe('a private key', () => {
  for (const [name, text, vkey] of [
    ['Ed25519', GO_LOG_PRIVATE, GO_LOG_VKEY],
    ['Ed25519 with a name outside ASCII', GO_UNICODE_PRIVATE, GO_UNICODE_VKEY],
    ['ML-DSA-44', GO_WITNESS6_PRIVATE, GO_WITNESS6_VKEY],
  ] as const) {
    it(`of Go is read and written: ${name}`, () => {
      const key = parsePrivateKey(text, { schemes });
      expect(formatVkey(key.vkey)).toBe(vkey);
      expect(formatPrivateKey(key)).toBe(text);
    });
  }

  it('of type 0x04 is read as it is written', () => {
    const key = privateKeyFromSeed('w', 4, seedOf(4));
    expect(parsePrivateKey(formatPrivateKey(key))).toEqual(key);
  });

  it('is made of a copy of the seed', () => {
    const seed = seedOf(9);
    const key = privateKeyFromSeed('w', 1, seed);
    seed.fill(0);
    expect(hex(key.seed)).toBe('09'.repeat(32));
  });

  it('is made of a copy of the seed, of a Buffer too', () => {
    const seed = Buffer.alloc(32, 9);
    const key = privateKeyFromSeed('w', 1, seed);
    seed.fill(0);
    expect(hex(key.seed)).toBe('09'.repeat(32));
  });

  it('of type 0x06 needs its scheme, and the refusal says where it is', () => {
    const error = errorOf(() => parsePrivateKey(GO_WITNESS6_PRIVATE));
    expect(error?.code).toBe('key-type');
    expect(error?.message).toContain('@vitrine/core/ml-dsa');
    expect(codeOf(() => privateKeyFromSeed('w', 6, seedOf(6)))).toBe('key-type');
  });

  it('of an unknown type is refused', () => {
    expect(codeOf(() => privateKeyFromSeed('w', 2, seedOf(6), { schemes }))).toBe('key-type');
    expect(codeOf(() => parsePrivateKey(`PRIVATE+KEY+w+00000000+${Buffer.alloc(33, 2).toString('base64')}`))).toBe(
      'key-type',
    );
  });

  it('is refused from a seed of a wrong length', () => {
    expect(() => privateKeyFromSeed('w', 1, new Uint8Array(31))).toThrow(RangeError);
    expect(() => privateKeyFromSeed('w', 6, new Uint8Array(33), { schemes })).toThrow(RangeError);
  });

  it('is refused for a bad key name', () => {
    for (const name of ['', 'a b', 'a+b', 'a\n', '\ud800']) {
      expect(codeOf(() => privateKeyFromSeed(name, 1, seedOf(1)))).toBe('key-malformed');
      expect(codeOf(() => formatPrivateKey({ ...LOG, vkey: { ...LOG.vkey, keyName: name } }))).toBe('key-malformed');
    }
  });

  const SECRET = 'AQEBAQ';
  const refused: readonly (readonly [string, string])[] = [
    ['without its beginning', GO_LOG_PRIVATE.replace('PRIVATE+KEY+', '')],
    ['with another beginning', GO_LOG_PRIVATE.replace('PRIVATE', 'private')],
    ['without a name', GO_LOG_PRIVATE.replace('example.com/log', '')],
    ['with a space in its name', GO_LOG_PRIVATE.replace('example', 'exa mple')],
    ['with the key where the name should be', `PRIVATE+KEY+${SECRET} +9be5d3c6+AQEB`],
    ['with the key where the ID should be', `PRIVATE+KEY+name+${SECRET}+AQEB`],
    ['with nothing but the key', `PRIVATE+KEY+${SECRET}`],
    ['with another key ID', GO_LOG_PRIVATE.replace('9be5d3c6', '9be5d3c7')],
    ['with a key ID in upper case', GO_LOG_PRIVATE.replace('9be5d3c6', '9BE5D3C6')],
    ['with a seed that is too short', GO_LOG_PRIVATE.slice(0, -4)],
    ['with a seed that is too long', `${GO_LOG_PRIVATE}AQEB`],
    ['with base64 that is not canonical', `${GO_LOG_PRIVATE.slice(0, -4)}AQF=`],
    ['with other characters', `${GO_LOG_PRIVATE.slice(0, -4)}AQ!B`],
    ['with a newline at the end', `${GO_LOG_PRIVATE}\n`],
    ['without a type', GO_LOG_PRIVATE.slice(0, GO_LOG_PRIVATE.lastIndexOf('+') + 1)],
    ['that is a vkey', GO_LOG_VKEY],
    ['that is empty', ''],
  ];
  for (const [what, text] of refused) {
    it(`is refused ${what}, and the refusal does not show it`, () => {
      const error = errorOf(() => parsePrivateKey(text, { schemes }));
      expect(error?.code).toBe('key-malformed');
      expect(inspect(error)).not.toContain(SECRET);
      expect(error?.cause).toBeUndefined();
    });
  }
});

describe('a signer', () => {
  it('signs the same message with the same bytes', () => {
    const signer = ed25519Signer(LOG);
    expect(signer).toMatchObject({ keyName: LOG.vkey.keyName, keyId: LOG.vkey.keyId });
    expect(signer.sign(utf8('m'))).toEqual(signer.sign(utf8('m')));
  });

  it('of plain signatures takes no cosignature key', () => {
    expect(codeOf(() => ed25519Signer(privateKeyFromSeed('w', 4, seedOf(4))))).toBe('key-type');
  });
});
