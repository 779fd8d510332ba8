import { formatVkey, parsePolicy, privateKeyFromSeed, quorumSatisfied } from '@vitrine/core';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { quorumOverlap } from '../src/trust/quorum-overlap.ts';
import { utf8 } from './world.ts';

const policyOf = (witnesses: number, ...lines: string[]): ReturnType<typeof parsePolicy> => {
  const keys = Array.from({ length: witnesses }, (_, i) =>
    formatVkey(privateKeyFromSeed(`w${i}.example`, 0x04, new Uint8Array(32).fill(i + 1)).vkey),
  );
  return parsePolicy(utf8(`${[...keys.map((key, i) => `witness w${i} ${key}`), ...lines].join('\n')}\n`));
};

test.each<[number, number, string[]]>([
  [0, 1, ['quorum none']],
  [1, 1, ['quorum w0']],
  [1, 3, ['group g 2 w0 w1 w2', 'quorum g']],
  [2, 4, ['group g 3 w0 w1 w2 w3', 'quorum g']],
  [0, 4, ['group g 2 w0 w1 w2 w3', 'quorum g']],
  [0, 2, ['group g any w0 w1', 'quorum g']],
  [2, 2, ['group g all w0 w1', 'quorum g']],
  [1, 4, ['group a any w0 w1', 'group g all a w2', 'quorum g']],
  [2, 6, ['group a all w0 w1', 'group b all w2 w3', 'group c all w4 w5', 'group g 2 a b c', 'quorum g']],
])('two quorums share %i of %i witnesses', (overlap, witnesses, lines) => {
  expect(quorumOverlap(policyOf(witnesses, ...lines))).toBe(overlap);
});

test('any of two keys of one witness are one witness, and of two witnesses are not', () => {
  const key = (name: string, seed: number): string =>
    formatVkey(privateKeyFromSeed(name, 0x04, new Uint8Array(32).fill(seed)).vkey);
  const overlapOf = (second: string): number => {
    const lines = [
      `witness a ${key('a.example', 1)}`,
      `witness b ${key(second, 2)}`,
      'group g any a b',
      'quorum g',
      '',
    ];
    return quorumOverlap(parsePolicy(utf8(lines.join('\n'))));
  };
  expect([overlapOf('a.example'), overlapOf('b.example')]).toEqual([1, 0]);
});

test('is what counting all sets gives', () => {
  const thresholds = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 3, maxLength: 3 });
  fc.assert(
    fc.property(
      thresholds,
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 1, max: 4 }),
      ([a, b, top], sizeA, sizeB) => {
        const names = Array.from({ length: sizeA + sizeB + 1 }, (_, i) => `w${i}`);
        const policy = policyOf(
          names.length,
          `group a ${Math.min(a!, sizeA)} ${names.slice(0, sizeA).join(' ')}`,
          `group b ${Math.min(b!, sizeB)} ${names.slice(sizeA, -1).join(' ')}`,
          `group g ${Math.min(top!, 3)} a b ${names.at(-1)}`,
          'quorum g',
        );
        const sets = Array.from({ length: 2 ** names.length }, (_, mask) =>
          names.filter((_, i) => (mask & (1 << i)) !== 0),
        );
        const satisfying = sets.filter((set) => quorumSatisfied(policy, new Set(set)));
        let least = names.length;
        for (const one of satisfying) {
          for (const other of satisfying) least = Math.min(least, one.filter((name) => other.includes(name)).length);
        }
        expect(quorumOverlap(policy)).toBe(least);
      },
    ),
    { numRuns: 30 },
  );
});
