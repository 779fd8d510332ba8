import { expect, test } from 'vitest';
import { CliError } from '../src/errors.ts';
import { expiryArgument, formatTime, timeArgument } from '../src/time.ts';

const NOW = 1_700_000_000;
const time = timeArgument('--from');
const expiry = expiryArgument('--expires', () => NOW);

test.each([
  ['2030-12-31', 1_924_905_600],
  ['2030-12-31T00:00:00Z', 1_924_905_600],
  ['2030-12-31T01:00:00+01:00', 1_924_905_600],
  ['2024-02-29', 1_709_164_800],
])('%s is a time', (text, seconds) => {
  expect(time(text)).toBe(seconds);
  expect(expiry(text)).toBe(seconds);
});

test.each([
  ['1970-01-01', 0],
  ['2023-11-14T22:13:20Z', NOW],
])('%s is a time, and nothing expires then any more', (text, seconds) => {
  expect(time(text)).toBe(seconds);
  expect(() => expiry(text)).toThrow(`--expires ${text} has passed already`);
});

test.each([
  ['36h', 36 * 3600],
  ['30d', 30 * 86_400],
  ['2w', 14 * 86_400],
])('%s is a duration from now on', (text, seconds) => {
  expect(expiry(text)).toBe(NOW + seconds);
  expect(() => time(text)).toThrow(CliError);
});

test.each([
  '',
  '30',
  '0d',
  '1y',
  '1.5d',
  '-1d',
  '2030-02-30',
  '2023-02-29',
  '2030-13-01',
  '2030-12-31T25:00:00Z',
  '2030-12-31T00:00:00',
  '1969-12-31',
  ' 2030-12-31',
  'tomorrow',
])('%j is neither', (text) => {
  expect(() => time(text)).toThrow(CliError);
  expect(() => expiry(text)).toThrow(CliError);
});

test('times are printed in UTC, and those that no date can show in seconds', () => {
  expect(formatTime(0)).toBe('1970-01-01T00:00:00Z');
  expect(formatTime(8.64e12 + 1)).toBe('8640000000001 s');
});
