import { readFileSync } from 'node:fs';
import { formatVkey, privateKeyFromSeed } from '@vitrine/core';
import { describe, expect, test } from 'vitest';
import { parseTrust } from '../src/trust/parse-trust.ts';
import { quorumOverlap } from '../src/trust/quorum-overlap.ts';
import { matchesPattern } from '../src/trust/stream-pattern.ts';
import { ATTACKS } from './attacks.ts';
import { utf8 } from './world.ts';

const read = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');

const TRUST = read('../../../docs/trust.md');
const VERIFYING = read('../../../docs/verifying.md');
const RECEIPTS = read('../../../docs/receipts.md');

/** The key of that name in the example: its seed is 32 times one byte. */
const vkeyOf = (name: string, type: number, seed: number): string =>
  formatVkey(privateKeyFromSeed(name, type, new Uint8Array(32).fill(seed)).vkey);

const LOG = 'log.example/releases';
const ACME = 'acme.example/releases';

describe('the example of docs/trust.md', () => {
  const [, text] = /^## An example\n\n```\n([\s\S]+?)^```$/m.exec(TRUST)!;
  const trust = parseTrust(utf8(text!));

  test('is a trust file with keys of fixed seeds', () => {
    expect(trust.policy.logs.map(({ key }) => formatVkey(key))).toEqual([vkeyOf(LOG, 0x01, 101)]);
    expect(trust.indexed).toEqual([LOG]);
    expect(trust.policy.witnesses.map(({ name, key }) => [name, formatVkey(key)])).toEqual([
      ['zurich', vkeyOf('zurich.example/w1', 0x04, 102)],
      ['toronto', vkeyOf('toronto.example/w1', 0x04, 103)],
      ['osaka', vkeyOf('osaka.example/w1', 0x04, 104)],
      ['nairobi', vkeyOf('nairobi.example/w1', 0x04, 105)],
      ['mirror', vkeyOf('zurich.example/mirror', 0x04, 106)],
    ]);
    expect(
      trust.signers.map(({ name, keys }) => [name, ...keys.map(({ key, below }) => [formatVkey(key), below])]),
    ).toEqual([['acme', [vkeyOf(ACME, 0x01, 107), 48_210], [vkeyOf(ACME, 0x01, 108), undefined]]]);
    expect(trust.reviewers.map(({ name, keys }) => [name, ...keys.map(({ key }) => formatVkey(key))])).toEqual([
      ['csa', vkeyOf('csa.example', 0x01, 109)],
      ['bsi', vkeyOf('bsi.example', 0x01, 110)],
      ['lab', vkeyOf('lab.example', 0x01, 111)],
    ]);
  });

  test('says what its comments say', () => {
    expect(trust.serial).toBe(12);
    expect(trust.expires).toBe(Date.UTC(2030, 5, 30) / 1000);
    expect(trust.policy.groups).toEqual([
      { name: 'seen', threshold: 3, members: ['zurich', 'toronto', 'osaka', 'nairobi'] },
    ]);
    expect(trust.policy.quorum).toBe('seen');
    // One of them may lie.
    expect(quorumOverlap(trust.policy)).toBe(2);
    expect(trust.reviewerGroups).toEqual([{ name: 'readers', threshold: 2, members: ['csa', 'bsi', 'lab'] }]);
    expect(trust.releases).toMatchObject([
      { pattern: 'acme-daily', origin: LOG, signedBy: 'acme', maxAge: 6 * 3600, latest: true, indexedBy: 'mirror' },
      {
        pattern: 'agent/stable/*',
        maxAge: 7 * 86_400,
        latest: false,
        indexedBy: 'mirror',
        sourceReviewedBy: 'csa',
        reviewedBy: 'readers',
        reproducedBy: 'lab',
      },
      { pattern: 'agent/beta/*', maxAge: 7 * 86_400, latest: false, reviewedBy: 'readers' },
    ]);
    expect(trust.releases[0]!.reviewedBy).toBeUndefined();
  });
});

test('the table of patterns in docs/trust.md is right', () => {
  const streams = ['daily', 'agent', 'agent/stable', 'agent/stable/linux', 'agent/beta'];
  const streamsIn = (cell: string): string[] =>
    streams.filter(
      (stream) =>
        cell.includes(`\`${stream}\``) ||
        cell === 'everything' ||
        cell === `any ${stream.includes('/') ? 'build' : 'database'}`,
    );
  const [, table] = /^\| pattern \| fits \| does not fit \|\n\|---\|---\|---\|\n((?:\|.*\n)+)/m.exec(TRUST)!;
  const rows = table!.trimEnd().split('\n');
  expect(rows.length).toBeGreaterThan(5);
  for (const row of rows) {
    const [, pattern, fits, not] = /^\| `(.+)` \| (.+) \| (.*) ?\|$/.exec(row)!;
    expect(streamsIn(fits!.trim()).length).toBeGreaterThan(0);
    for (const stream of streamsIn(fits!.trim())) expect(matchesPattern(pattern!, stream), row).toBe(true);
    for (const stream of streamsIn(not!.trim())) expect(matchesPattern(pattern!, stream), row).toBe(false);
  }
});

test('every code of a refusal stands in docs/verifying.md, docs/trust.md or docs/receipts.md', () => {
  const [, union] = /export type RefusalCode =\n([\s\S]+?);/.exec(read('../src/refusal.ts'))!;
  const codes = Array.from(union!.matchAll(/^ {2}\| '([a-z-]+)'$/gm), ([, code]) => code!);
  expect(codes).toHaveLength(union!.split('|').length - 1);
  expect(codes).toContain('stale');
  expect(codes.filter((code) => !`${TRUST}${VERIFYING}${RECEIPTS}`.includes(`\`${code}\``))).toEqual([]);
});

test('the table of attacks in docs/verifying.md has those that are tried, each with its code', () => {
  const [, section] = VERIFYING.split('\n## Attacks\n');
  const listed = Array.from(section!.matchAll(/^\| `([a-z-]+)` \| (.+) \|$/gm), ([, code, names]) =>
    names!.split('; ').map((name) => `${name}: ${code}`),
  ).flat();
  expect(listed.sort()).toEqual(ATTACKS.map(({ name, code }) => `${name}: ${code}`).sort());
});
