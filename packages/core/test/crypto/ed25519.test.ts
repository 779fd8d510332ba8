import { etc, hash, verify as nobleVerify, Point } from '@noble/ed25519';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as selected from '#ed25519';
import * as native from '../../src/crypto/ed25519.node.ts';
import * as portable from '../../src/crypto/ed25519.ts';
import { isVerifiable } from '../../src/crypto/ed25519-key.ts';

const RUNS = Number(process.env['FUZZ_RUNS'] ?? 300);
const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex'));
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

const { n: L, p: P } = Point.CURVE();
const toBytes = (value: bigint): Uint8Array =>
  Uint8Array.from({ length: 32 }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn));
const toScalar = (bytes: Uint8Array): bigint => bytes.reduceRight((value, byte) => value * 256n + BigInt(byte), 0n);
const challenge = (r: Uint8Array, key: Uint8Array, message: Uint8Array): bigint =>
  toScalar(hash(etc.concatBytes(r, key, message))) % L;
const multiply = (point: Point, scalar: bigint): Point => point.multiplyUnsafe(scalar % L);

/** What both paths say, which must be one thing. */
function bothVerify(key: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  const answer = native.ed25519Verify(key, message, signature);
  expect(portable.ed25519Verify(key, message, signature)).toBe(answer);
  return answer;
}

/** Satisfies only `[8][S]B = [8]R + [8][k]A`, or also the equation without the cofactor. */
const cofactored = (key: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean =>
  nobleVerify(signature, message, key, { zip215: true });

// A generator of the eight points of small order.
const T8 = Point.fromHex('26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05');
const torsion = Array.from({ length: 8 }, (_, i) => multiply(T8, BigInt(i)));

const VECTORS = [
  {
    name: 'TEST 1',
    seed: '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
    key: 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    message: '',
    signature:
      'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
  },
  {
    name: 'TEST 2',
    seed: '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
    key: '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
    message: '72',
    signature:
      '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
  },
  {
    name: 'TEST 3',
    seed: 'c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7',
    key: 'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
    message: 'af82',
    signature:
      '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
  },
];

describe('RFC 8032, section 7.1', () => {
  for (const { name, seed, key, message, signature } of VECTORS) {
    for (const [path, ed25519] of Object.entries({ native, portable, selected })) {
      it(`${name} holds on the ${path} path`, () => {
        expect(ed25519.ed25519PublicKey(hex(seed))).toEqual(hex(key));
        expect(ed25519.ed25519Sign(hex(message), hex(seed))).toEqual(hex(signature));
        expect(ed25519.ed25519Verify(hex(key), hex(message), hex(signature))).toBe(true);
        expect(ed25519.ed25519Verify(hex(key), utf8('another'), hex(signature))).toBe(false);
      });
    }
  }
});

const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 });

describe('both paths', () => {
  it('derive the same keys and make the same signatures', () => {
    fc.assert(
      fc.property(bytes32, fc.uint8Array({ maxLength: 300 }), (seed, message) => {
        const key = native.ed25519PublicKey(seed);
        expect(portable.ed25519PublicKey(seed)).toEqual(key);
        const signature = native.ed25519Sign(message, seed);
        expect(portable.ed25519Sign(message, seed)).toEqual(signature);
        expect(bothVerify(key, message, signature)).toBe(true);
      }),
      { numRuns: Math.min(RUNS, 100) },
    );
  });

  it('refuse a signature, a key or a message with one bit flipped', () => {
    fc.assert(
      fc.property(bytes32, fc.uint8Array({ minLength: 1, maxLength: 64 }), fc.nat(), (seed, message, n) => {
        const parts = [native.ed25519PublicKey(seed), message.slice(), native.ed25519Sign(message, seed)];
        const bit = n % parts.reduce((sum, part) => sum + 8 * part.length, 0);
        let at = bit;
        for (const part of parts) {
          if (at >= 0 && at < 8 * part.length) part[at >> 3]! ^= 1 << (at & 7);
          at -= 8 * part.length;
        }
        expect(bothVerify(parts[0]!, parts[1]!, parts[2]!)).toBe(false);
      }),
      { numRuns: Math.min(RUNS, 100) },
    );
  });

  it('agree on random keys and signatures', () => {
    fc.assert(
      fc.property(bytes32, fc.uint8Array({ minLength: 64, maxLength: 64 }), (key, signature) => {
        signature[63]! &= 0x0f;
        expect(bothVerify(key, utf8('m'), signature)).toBe(false);
      }),
      { numRuns: Math.min(RUNS, 100) },
    );
  });

  it('refuse keys and signatures of a wrong length', () => {
    const { key, signature } = VECTORS[0]!;
    for (const n of [0, 31, 33, 64]) expect(bothVerify(new Uint8Array(n), hex(''), hex(signature))).toBe(false);
    for (const n of [0, 32, 63, 65]) expect(bothVerify(hex(key), hex(''), new Uint8Array(n))).toBe(false);
    expect(bothVerify(hex(key), hex(''), hex(`${signature}00`))).toBe(false);
    expect(bothVerify(hex(`${key}00`), hex(''), hex(signature))).toBe(false);
  });

  it('throw for a seed of a wrong length, without showing it', () => {
    for (const ed25519 of [native, portable]) {
      expect(() => ed25519.ed25519PublicKey(new Uint8Array(31))).toThrow(new RangeError('seed must be 32 bytes'));
      expect(() => ed25519.ed25519Sign(hex(''), new Uint8Array(33))).toThrow(new RangeError('seed must be 32 bytes'));
      expect(() => ed25519.ed25519Sign(hex(''), 'secret' as never)).toThrow(new TypeError('seed must be a Uint8Array'));
    }
  });

  it('sign with what stands in the array of the seed, though it was another seed before', () => {
    for (const ed25519 of [native, portable]) {
      const seed = hex(VECTORS[0]!.seed);
      expect(ed25519.ed25519Sign(hex(''), seed)).toEqual(hex(VECTORS[0]!.signature));
      seed.set(hex(VECTORS[1]!.seed));
      expect(ed25519.ed25519PublicKey(seed)).toEqual(hex(VECTORS[1]!.key));
      expect(ed25519.ed25519Sign(hex('72'), seed)).toEqual(hex(VECTORS[1]!.signature));
    }
  });

  it('remember more keys than the cache holds', () => {
    const { seed } = VECTORS[0]!;
    const signature = native.ed25519Sign(hex(''), hex(seed));
    for (let i = 0; i < 300; i++) {
      const key = native.ed25519PublicKey(toBytes(BigInt(i)));
      expect(native.ed25519Verify(key, hex(''), signature)).toBe(false);
    }
    expect(native.ed25519Verify(hex(VECTORS[0]!.key), hex(''), signature)).toBe(true);
  });
});

describe('keys and signatures with a component of small order', () => {
  const a = 0x1234567890abcdefn * 0x42n;
  const r = 0xfedcba987654321n;

  /** Signs with A = aB + [i]T8 and R = rB + [j]T8, whose torsion is not taken into account in S. */
  function sign(i: number, j: number, message: Uint8Array): { key: Uint8Array; signature: Uint8Array; k: bigint } {
    const key = multiply(Point.BASE, a).add(torsion[i]!).toBytes();
    const R = multiply(Point.BASE, r).add(torsion[j]!).toBytes();
    const k = challenge(R, key, message);
    return { key, signature: etc.concatBytes(R, toBytes((r + k * a) % L)), k };
  }

  for (let i = 0; i < 8; i++) {
    for (let j = 0; j < 8; j++) {
      it(`are accepted exactly if the equation without the cofactor holds: A + ${i}T, R + ${j}T`, () => {
        // [S]B - [k]A is rB - [k i]T8, and is compared with rB + [j]T8.
        for (let n = 0; n < 24; n++) {
          const message = utf8(`message ${n}`);
          const { key, signature, k } = sign(i, j, message);
          const holds = (k * BigInt(i) + BigInt(j)) % 8n === 0n;
          expect(cofactored(key, message, signature)).toBe(true);
          expect(bothVerify(key, message, signature)).toBe(holds);
        }
      });
    }
  }

  it('include mixed-order keys with good signatures and with bad ones', () => {
    const answers = Array.from({ length: 64 }, (_, n) => {
      const message = utf8(`message ${n}`);
      const { key, signature } = sign(1, 0, message);
      return bothVerify(key, message, signature);
    });
    expect(new Set(answers)).toEqual(new Set([true, false]));
  });
});

describe('keys of small order', () => {
  const sign = (value: bigint, bit: number): Uint8Array => {
    const bytes = toBytes(value);
    bytes[31]! |= bit << 7;
    return bytes;
  };
  const ys = [...new Set(torsion.map((point) => point.toAffine().y))];
  const encodings = [...ys, P, P + 1n].flatMap((y) => [sign(y, 0), sign(y, 1)]);

  it('are eight points with fourteen encodings', () => {
    expect(ys).toHaveLength(5);
    expect(encodings).toHaveLength(14);
  });

  for (const key of encodings) {
    it(`${Buffer.from(key).toString('hex')} is refused, whatever it signs`, () => {
      // With R = [S]B the equation holds for every message whose k is a multiple of the key's order.
      const s = toBytes(0x1337n);
      const R = multiply(Point.BASE, 0x1337n).toBytes();
      let forged = 0;
      for (let n = 0; n < 64; n++) {
        const message = utf8(`message ${n}`);
        if (challenge(R, key, message) % 8n !== 0n) continue;
        forged++;
        const signature = etc.concatBytes(R, s);
        expect(cofactored(key, message, signature)).toBe(true);
        expect(bothVerify(key, message, signature)).toBe(false);
      }
      expect(forged).toBeGreaterThan(0);
    });
  }
});

describe('signatures with an R of small order', () => {
  for (let j = 0; j < 8; j++) {
    it(`are refused though the equation holds: ${j}T`, () => {
      const a = 77n;
      const key = multiply(Point.BASE, a).add(T8).toBytes();
      const R = torsion[j]!.toBytes();
      let forged = 0;
      for (let n = 0; n < 64; n++) {
        const message = utf8(`message ${n}`);
        const k = challenge(R, key, message);
        if ((k + BigInt(j)) % 8n !== 0n) continue;
        forged++;
        const signature = etc.concatBytes(R, toBytes((k * a) % L));
        expect(cofactored(key, message, signature)).toBe(true);
        expect(bothVerify(key, message, signature)).toBe(false);
      }
      expect(forged).toBeGreaterThan(0);
    });
  }
});

describe('encodings that are not canonical', () => {
  it('of a key, y from p to 2^255 - 1, are refused', () => {
    const signature = etc.concatBytes(toBytes(3n), toBytes(0n));
    for (let y = P; y < 1n << 255n; y++) {
      for (const bit of [0, 0x80]) {
        const key = toBytes(y);
        key[31]! |= bit;
        expect(isVerifiable(key, signature)).toBe(false);
        expect(bothVerify(key, utf8('m'), signature)).toBe(false);
      }
    }
    expect(isVerifiable(toBytes(P - 2n), signature)).toBe(true);
  });

  it('of R are refused', () => {
    const a = 77n;
    const key = multiply(Point.BASE, a).toBytes();
    const message = utf8('R is the identity');
    for (const R of [toBytes(P + 1n), toBytes(1n + (1n << 255n)), toBytes(P + 1n + (1n << 255n))]) {
      const signature = etc.concatBytes(R, toBytes((challenge(R, key, message) * a) % L));
      expect(cofactored(key, message, signature)).toBe(true);
      expect(bothVerify(key, message, signature)).toBe(false);
    }
  });

  it('of S, which is S + nL, are refused', () => {
    const { key, signature } = VECTORS[1]!;
    const s = toScalar(hex(signature).subarray(32));
    for (let n = 1n; s + n * L < 1n << 256n; n++) {
      expect(bothVerify(hex(key), hex('72'), etc.concatBytes(hex(signature).subarray(0, 32), toBytes(s + n * L)))).toBe(
        false,
      );
    }
  });

  it('of S are refused from L on', () => {
    const { key, signature } = VECTORS[0]!;
    for (const s of [L, L + 1n, 1n << 253n, (1n << 256n) - 1n]) {
      const forged = etc.concatBytes(hex(signature).subarray(0, 32), toBytes(s));
      expect(isVerifiable(hex(key), forged)).toBe(false);
      expect(bothVerify(hex(key), hex(''), forged)).toBe(false);
    }
    expect(isVerifiable(hex(key), etc.concatBytes(toBytes(3n), toBytes(L - 1n)))).toBe(true);
  });
});

describe('keys that are not on the curve', () => {
  it('are refused', () => {
    let off = 0;
    for (let y = 2n; y < 40n; y++) {
      let onCurve = true;
      try {
        Point.fromBytes(toBytes(y));
      } catch {
        onCurve = false;
      }
      if (onCurve) continue;
      off++;
      const signature = etc.concatBytes(toBytes(3n), toBytes(0n));
      expect(bothVerify(toBytes(y), utf8('m'), signature)).toBe(false);
    }
    expect(off).toBeGreaterThan(10);
  });
});

describe('Buffers', () => {
  it('are verified like other arrays, and are not changed', () => {
    for (let i = 0; i < 40; i++) {
      const seed = new Uint8Array(32).fill(i + 1);
      const message = utf8(`message ${i}`);
      const key = Buffer.from(native.ed25519PublicKey(seed));
      const signature = Buffer.from(native.ed25519Sign(message, seed));
      const before = [key.toString('hex'), signature.toString('hex')];
      expect(bothVerify(key, message, signature)).toBe(true);
      expect([key.toString('hex'), signature.toString('hex')]).toEqual(before);
      // The same x with the other sign is another key.
      key[31] = key[31]! ^ 0x80;
      expect(bothVerify(key, message, signature)).toBe(false);
    }
  });
});
