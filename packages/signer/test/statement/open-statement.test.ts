import { ed25519Signer, KEY_TYPE_ED25519_COSIGNATURE, type PrivateKey, privateKeyFromSeed } from '@vitrine/core';
import { describe, expect, test } from 'vitest';
import { openStatement } from '../../src/statement/open-statement.ts';
import { parseStatement } from '../../src/statement/parse-statement.ts';
import { signStatement } from '../../src/statement/sign-statement.ts';
import { EXAMPLES, keyOf, ORIGIN, REVIEWER, statementOf, VENDOR } from './examples.ts';

const example = EXAMPLES.find(({ name }) => name === 'source')!;
const statement = await statementOf(example);

const refusal = (code: string) => expect.objectContaining({ name: 'SignerError', code });

describe('the key of a statement', () => {
  test('is found among others, and is returned', () => {
    const opened = openStatement(statement, [REVIEWER.vkey, keyOf(VENDOR.vkey.keyName, 50).vkey, VENDOR.vkey]);
    expect(opened.key).toEqual(VENDOR.vkey);
  });

  test('is not there if none is given', () => {
    expect(() => openStatement(statement, [])).toThrow(refusal('statement-key'));
  });

  test('is not one of the right name and another ID', () => {
    expect(() => openStatement(statement, [keyOf(VENDOR.vkey.keyName, 50).vkey])).toThrow(refusal('statement-key'));
  });

  test('is not one of the right ID and another name', () => {
    const key = { ...VENDOR.vkey, keyName: 'acme.example/other' };
    expect(() => openStatement(statement, [key])).toThrow(refusal('statement-key'));
  });

  test('is not one of another type, even if its bytes and its ID are the same', () => {
    const cosigner = privateKeyFromSeed(VENDOR.vkey.keyName, KEY_TYPE_ED25519_COSIGNATURE, VENDOR.seed).vkey;
    const disguised = { ...cosigner, keyId: VENDOR.vkey.keyId };
    expect(disguised.publicKey).toEqual(VENDOR.vkey.publicKey);
    expect(() => openStatement(statement, [disguised])).toThrow(refusal('statement-key'));
  });

  test('is not one of the right name and ID that did not sign', () => {
    const other = { ...VENDOR.vkey, publicKey: REVIEWER.vkey.publicKey };
    expect(() => openStatement(statement, [other])).toThrow(refusal('statement-signature'));
  });
});

describe('two keys of one name and ID', () => {
  /** Found by trying: four bytes of a key ID are soon the same. */
  const numbered = (n: number): PrivateKey => {
    const seed = new Uint8Array(32);
    new DataView(seed.buffer).setUint32(0, n);
    return privateKeyFromSeed(VENDOR.vkey.keyName, VENDOR.vkey.type, seed);
  };
  const pair = [numbered(45_966), numbered(104_600)] as const;

  test('are both tried, and the one that signed is returned', async () => {
    const [a, b] = pair;
    expect(a.vkey.keyId).toBe(b.vkey.keyId);
    expect(a.vkey.publicKey).not.toEqual(b.vkey.publicKey);
    for (const key of pair) {
      const bytes = await signStatement(example.payload, { signer: ed25519Signer(key), audience: ORIGIN, issuedAt: 1 });
      expect(openStatement(bytes, [a.vkey, b.vkey]).key).toEqual(key.vkey);
      expect(openStatement(bytes, [b.vkey, a.vkey]).key).toEqual(key.vkey);
      const other = key === a ? b : a;
      expect(() => openStatement(bytes, [other.vkey])).toThrow(refusal('statement-signature'));
    }
  });
});

test('reading a statement does not look at its signature', () => {
  const other = statement.slice();
  other[other.length - 1]! ^= 1;
  expect(parseStatement(other)).toEqual(parseStatement(statement));
  expect(() => openStatement(other, [VENDOR.vkey])).toThrow(refusal('statement-signature'));
});

test('a statement larger than an entry is not looked at', () => {
  expect(() => parseStatement(new Uint8Array(65_536).fill(0xd2))).toThrow(/at most 65535 bytes, found 65536/);
});

test('what is returned does not change with the bytes that were read, nor with the keys', () => {
  const bytes = statement.slice();
  const key = { ...VENDOR.vkey, publicKey: VENDOR.vkey.publicKey.slice() };
  const opened = openStatement(bytes, [key]);
  const before = structuredClone(opened);
  bytes.fill(0);
  key.publicKey.fill(0);
  expect(opened).toEqual(before);
});
