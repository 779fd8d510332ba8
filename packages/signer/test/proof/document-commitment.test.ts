import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { commitTo, verifyDocument } from '../../src/proof/document-commitment.ts';
import { DOCUMENT, DOCUMENT_KEY, HANDLING } from './examples.ts';

const mismatch = expect.objectContaining({ name: 'SignerError', code: 'statement-proof-mismatch' });

describe('a commitment', () => {
  test.each([0, 1, 63, 64, 65, 1000, 1_000_000])('to %i bytes is HMAC-SHA256', (size) => {
    const document = new Uint8Array(size).fill(7);
    const expected = createHmac('sha256', DOCUMENT_KEY).update(document).digest();
    expect(commitTo(document, DOCUMENT_KEY)).toEqual(new Uint8Array(expected));
  });

  test('holds for its document under its key', () => {
    expect(() => verifyDocument({ payload: HANDLING, key: DOCUMENT_KEY, document: DOCUMENT })).not.toThrow();
  });

  test('does not hold for another document, another key or another statement', () => {
    const document = Uint8Array.of(...DOCUMENT, 0);
    const key = DOCUMENT_KEY.slice();
    key[31]! ^= 1;
    const payload = { ...HANDLING, commitment: commitTo(document, DOCUMENT_KEY) };
    expect(() => verifyDocument({ payload: HANDLING, key: DOCUMENT_KEY, document })).toThrow(mismatch);
    expect(() => verifyDocument({ payload: HANDLING, key, document: DOCUMENT })).toThrow(mismatch);
    expect(() => verifyDocument({ payload, key: DOCUMENT_KEY, document: DOCUMENT })).toThrow(mismatch);
  });

  test('has a key of 32 bytes: HMAC itself would take a shorter one, and a longer one for another', () => {
    for (const size of [0, 31, 33, 64]) {
      expect(() => commitTo(DOCUMENT, new Uint8Array(size))).toThrow(RangeError);
    }
  });
});
