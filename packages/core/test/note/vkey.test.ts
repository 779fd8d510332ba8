import { describe, expect, it } from 'vitest';
import { formatVkey, keyId, parseVkey, verifierKey } from '../../src/note/vkey.ts';
import { codeOf, errorOf, keyOf } from './fixtures.ts';
import { GO_LOG_PRIVATE, GO_LOG_VKEY, GO_UNICODE_VKEY, GO_WITNESS4_VKEY, GO_WITNESS6_VKEY } from './vectors.ts';

const SPEC = 'example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k';
const base64 = (...bytes: number[]): string => Buffer.from(bytes).toString('base64');

describe('a vkey', () => {
  it('is read: the example of signed-note', () => {
    const key = parseVkey(SPEC);
    expect(key).toMatchObject({ keyName: 'example.com/foo', keyId: 0x530d903a, type: 1 });
    expect(key.publicKey).toHaveLength(32);
    expect(keyId(key.keyName, key.type, key.publicKey)).toBe(0x530d903a);
  });

  for (const vkey of [SPEC, GO_LOG_VKEY, GO_UNICODE_VKEY, GO_WITNESS4_VKEY, GO_WITNESS6_VKEY]) {
    it(`is written as it was read: ${vkey.slice(0, 40)}`, () => {
      expect(formatVkey(parseVkey(vkey))).toBe(vkey);
    });
  }

  it('is made of its name, its type and its public key', () => {
    for (const vkey of [SPEC, GO_LOG_VKEY, GO_UNICODE_VKEY, GO_WITNESS4_VKEY, GO_WITNESS6_VKEY]) {
      const { keyName, type, publicKey } = parseVkey(vkey);
      const made = verifierKey(keyName, type, publicKey);
      expect(formatVkey(made)).toBe(vkey);
      publicKey.fill(0);
      expect(formatVkey(made)).toBe(vkey);
    }
    expect(codeOf(() => verifierKey('two words', 1, new Uint8Array(32)))).toBe('key-malformed');
    expect(codeOf(() => verifierKey('name', 1, new Uint8Array(31)))).toBe('key-malformed');
  });

  it('of an unknown type is read, whatever its key ID', () => {
    const vkey = `name+00000001+${base64(0x42, 1, 2, 3)}`;
    expect(parseVkey(vkey)).toEqual({ keyName: 'name', keyId: 1, type: 0x42, publicKey: Uint8Array.of(1, 2, 3) });
    expect(formatVkey(parseVkey(vkey))).toBe(vkey);
  });

  it('may have plus signs in its base64', () => {
    const vkey = `name+00000001+${base64(0x42, 1, 2, 0xfb, 0xef, 0xbe)}`;
    expect(vkey.split('+').length).toBeGreaterThan(3);
    expect(formatVkey(parseVkey(vkey))).toBe(vkey);
  });

  const refused: readonly (readonly [string, string])[] = [
    ['nothing', ''],
    ['no key', 'example.com/foo+530d903a'],
    ['an empty name', SPEC.replace('example.com/foo', '')],
    ['a space in the name', `a b+00000001+${base64(0x42, 1)}`],
    ['a no-break space in the name', `a\u00a0b+00000001+${base64(0x42, 1)}`],
    ['an ideographic space in the name', `a\u3000b+00000001+${base64(0x42, 1)}`],
    ['a next-line character in the name', `a\u0085b+00000001+${base64(0x42, 1)}`],
    ['a line separator in the name', `a\u2028b+00000001+${base64(0x42, 1)}`],
    ['a control character in the name', `a\u0001b+00000001+${base64(0x42, 1)}`],
    ['half a surrogate pair in the name', `a\ud800b+00000001+${base64(0x42, 1)}`],
    ['a key ID in upper case', SPEC.replace('530d903a', '530D903A')],
    ['a key ID of seven digits', SPEC.replace('530d903a', '530d903')],
    ['a key ID of nine digits', SPEC.replace('530d903a', '0530d903a')],
    ['a key ID that is not hex', SPEC.replace('530d903a', '530d903g')],
    ['a key ID with a prefix', SPEC.replace('530d903a', '0x530d90')],
    ['a key ID that is not the key’s', SPEC.replace('530d903a', '530d903b')],
    ['a name that the key ID is not for', SPEC.replace('foo', 'bar')],
    ['another key', SPEC.replace('U2k', 'U2l')],
    ['base64 without a type', 'name+00000001+'],
    ['a type without a key', `name+00000001+${base64(0x42)}`],
    ['base64 that is not canonical', `name+00000001+QgF=`],
    ['base64 without padding', `name+00000001+QgE`],
    ['a newline at the end', `${SPEC}\n`],
    ['a space before it', ` ${SPEC}`],
  ];
  for (const [what, vkey] of refused) {
    it(`is refused with ${what}`, () => {
      expect(codeOf(() => parseVkey(vkey))).toBe('key-malformed');
    });
  }

  for (const [type, size] of [
    [1, 32],
    [4, 32],
    [6, 1312],
  ] as const) {
    it(`of type ${type} is refused unless its key has ${size} bytes`, () => {
      for (const length of [size - 1, size, size + 1]) {
        const publicKey = new Uint8Array(length).fill(9);
        const key = { keyName: 'n', keyId: keyId('n', type, publicKey), type, publicKey };
        expect(codeOf(() => formatVkey(key))).toBe(length === size ? 'accepted' : 'key-malformed');
      }
    });

    it(`of type ${type} is refused with the key ID of another type`, () => {
      const key = keyOf('n', type, 7).vkey;
      expect(codeOf(() => formatVkey({ ...key, keyId: keyId('n', 0xff, key.publicKey) }))).toBe('key-malformed');
    });
  }

  it('is not a private key, and the refusal does not show it', () => {
    const error = errorOf(() => parseVkey(GO_LOG_PRIVATE));
    expect(error?.code).toBe('key-malformed');
    expect(error?.message).toContain('private key');
    expect(error?.message).not.toContain('AQEB');
  });

  it('is not written with a bad ID or type', () => {
    const key = { keyName: 'n', keyId: 1, type: 0x42, publicKey: Uint8Array.of(1) };
    expect(codeOf(() => formatVkey(key))).toBe('accepted');
    for (const bad of [-1, 2 ** 32, 0.5])
      expect(codeOf(() => formatVkey({ ...key, keyId: bad }))).toBe('key-malformed');
    for (const bad of [-1, 256, 0.5]) expect(codeOf(() => formatVkey({ ...key, type: bad }))).toBe('key-malformed');
    expect(codeOf(() => formatVkey({ ...key, publicKey: new Uint8Array(0) }))).toBe('key-malformed');
  });
});
