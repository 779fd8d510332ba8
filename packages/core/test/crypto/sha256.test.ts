import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as selected from '#sha256';
import * as native from '../../src/crypto/sha256.node.ts';
import * as portable from '../../src/crypto/sha256.ts';

const RUNS = Number(process.env['FUZZ_RUNS'] ?? 300);
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

// FIPS 180-4; the examples are those that NIST publishes beside it.
const VECTORS = [
  ['the empty string', '', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
  ['abc', 'abc', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
  [
    '56 bytes',
    'abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq',
    '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1',
  ],
  ['a million times a', 'a'.repeat(1_000_000), 'cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0'],
] as const;

for (const [path, { sha256, sha256Into }] of Object.entries({ native, portable, selected })) {
  describe(`SHA-256 on the ${path} path`, () => {
    for (const [name, message, digest] of VECTORS) {
      it(`hashes ${name} as FIPS 180-4 says`, () => {
        expect(toHex(sha256(utf8(message)))).toBe(digest);
      });
    }

    it('writes where it is told and nowhere else', () => {
      const out = new Uint8Array(100).fill(0xaa);
      sha256Into(utf8('abc'), out, 33);
      expect(toHex(out)).toBe(`${'aa'.repeat(33)}${VECTORS[1][2]}${'aa'.repeat(35)}`);
      sha256Into(utf8('abc'), out, 68);
      expect(toHex(out.subarray(68))).toBe(VECTORS[1][2]);
    });

    it('writes into a view of a larger buffer', () => {
      const buffer = new Uint8Array(100);
      sha256Into(utf8('abc'), buffer.subarray(10, 90), 5);
      expect(toHex(buffer.subarray(15, 47))).toBe(VECTORS[1][2]);
      expect(buffer.subarray(47).every((byte) => byte === 0)).toBe(true);
    });

    it('hashes a view of a larger buffer', () => {
      expect(toHex(sha256(utf8('xxabcxx').subarray(2, 5)))).toBe(VECTORS[1][2]);
    });

    it('throws a RangeError if there is no room', () => {
      const out = new Uint8Array(64);
      expect(() => sha256Into(utf8('abc'), out, 33)).toThrow(RangeError);
      expect(out.every((byte) => byte === 0)).toBe(true);
    });
  });
}

describe('the two SHA-256 paths', () => {
  it('agree on every length from 0 to 300', () => {
    for (let n = 0; n <= 300; n++) {
      const message = Uint8Array.from({ length: n }, (_, i) => (i * 7 + n) & 0xff);
      const digest = native.sha256(message);
      expect(portable.sha256(message)).toEqual(digest);
      const out = new Uint8Array(32);
      portable.sha256Into(message, out, 0);
      expect(out).toEqual(digest);
      native.sha256Into(message, out.fill(0), 0);
      expect(out).toEqual(digest);
    }
  });

  it('agree on random messages up to 70,000 bytes', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 70_000 }),
        fc.uint8Array({ minLength: 64, maxLength: 64 }),
        (length, pattern) => {
          const message = Uint8Array.from({ length }, (_, i) => pattern[i % 64]! ^ (i >> 6));
          expect(toHex(portable.sha256(message))).toBe(toHex(native.sha256(message)));
        },
      ),
      { numRuns: Math.min(RUNS, 100) },
    );
  });
});
