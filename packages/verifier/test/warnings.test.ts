import { formatVkey } from '@vitrine/core';
import { expect, test } from 'vitest';
import { parseTrust } from '../src/trust/parse-trust.ts';
import { matchesPattern } from '../src/trust/stream-pattern.ts';
import { trustWarnings } from '../src/trust/warnings.ts';
import { LOG_KEY, NOW, ORIGIN, REVIEWERS, utf8, VENDOR, WITNESSES } from './world.ts';

const LINES = [
  `log ${formatVkey(LOG_KEY.vkey)}`,
  ...WITNESSES.map(({ vkey }, i) => `witness w${i} ${formatVkey(vkey)}`),
  `indexed ${ORIGIN}`,
  `signer acme ${formatVkey(VENDOR.vkey)}`,
  `reviewer csa ${formatVkey(REVIEWERS[0].vkey)}`,
  'serial 1',
];
const RULE = 'release tool/** signed-by acme max-age 1h indexed-by w0 reviewed-by csa';
const ALL = ['group all all w0 w1 w2', 'quorum all'];

const codes = (...lines: readonly string[]): string[] =>
  trustWarnings(parseTrust(utf8(`${lines.join('\n')}\n`)), NOW).map(({ code }) => code);

test('a file without a fault has no warning', () => {
  expect(codes(...LINES, ...ALL, RULE)).toEqual([]);
});

test.each([
  ['quorum-none', [...LINES, 'quorum none', RULE.replace('max-age 1h', 'any-age')]],
  ['quorum-disjoint', [...LINES, 'group any any w0 w1 w2', 'quorum any', RULE]],
  ['quorum-tolerates-none', [...LINES, 'group two 2 w0 w1 w2', 'quorum two', RULE]],
  ['line-unreachable', [...LINES, ...ALL, RULE, RULE.replace('**', 'stable')]],
  ['any-age', [...LINES, ...ALL, RULE.replace('max-age 1h', 'any-age')]],
  ['unreviewed', [...LINES, ...ALL, RULE.replace(' reviewed-by csa', '')]],
  ['index-unchecked', [...LINES, ...ALL, RULE.replace(' indexed-by w0', '')]],
  ['serial-missing', [...LINES.slice(0, -1), ...ALL, RULE]],
  ['expired', [...LINES, 'expires 2020-01-01T00:00:00Z', ...ALL, RULE]],
  ['releases-none', [...LINES, ...ALL]],
])('%s', (code, lines) => {
  expect(codes(...lines)).toContain(code);
});

test.each([
  ['**', 'tool/stable', true],
  ['**', '**', true],
  ['*', '**', false],
  ['tool/*', 'tool/stable', true],
  ['tool/*', 'tool/**', false],
  ['tool/**', 'tool/*/x', true],
  ['tool/**', 'tool', false],
  ['tool/stable', 'tool/*', false],
  ['*/stable', 'tool/stable', true],
])('whether %s covers %s', (pattern, other, expected) => {
  expect(matchesPattern(pattern, other)).toBe(expected);
});
