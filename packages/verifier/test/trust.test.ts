import { formatVkey, privateKeyFromSeed, sha256 } from '@vitrine/core';
import { describe, expect, test } from 'vitest';
import { Refusal } from '../src/refusal.ts';
import { formatDuration, parseDuration, parseTime } from '../src/trust/duration.ts';
import { parseTrust } from '../src/trust/parse-trust.ts';
import { isStreamPattern, matchesPattern } from '../src/trust/stream-pattern.ts';
import {
  LOG_KEY,
  ORIGIN,
  OTHER_VENDOR,
  REVIEWERS,
  TRUST_HEAD,
  trustOf,
  utf8,
  VENDOR,
  VENDOR_NEXT,
  WITNESSES,
} from './world.ts';

const vkeyOf = (name: string, type: number, seed = 90): string =>
  formatVkey(privateKeyFromSeed(name, type, new Uint8Array(32).fill(seed).with(0, 128 + (seed >>> 8))).vkey);

/** What a file with these lines is refused with. */
function refusalOf(lines: readonly string[]): Refusal {
  try {
    parseTrust(utf8(`${lines.join('\n')}\n`));
  } catch (error) {
    expect(error).toBeInstanceOf(Refusal);
    return error as Refusal;
  }
  throw new Error('it was accepted');
}

const NEXT = TRUST_HEAD.length + 1;

describe('a trust file', () => {
  test('is read as it is written', () => {
    const lines = [
      '# Whom we trust',
      ...TRUST_HEAD,
      '',
      `signer acme ${formatVkey(VENDOR_NEXT.vkey)} below 70`,
      'release tool/stable/* signed-by acme max-age 7d latest indexed-by checker source-reviewed-by r1 reviewed-by two reproduced-by r2 equivalent-by r3',
      `release tool/** in ${ORIGIN} signed-by other any-age`,
      '\trelease   daily  signed-by acme max-age 90s',
      'serial 12',
      'expires 2030-12-31T23:59:59+01:00',
    ];
    const text = `${lines.join('\n')}\n`;
    const trust = parseTrust(utf8(text));
    expect(trust).toMatchObject({
      policy: { quorum: 'witnesses', logs: [{ key: { keyName: ORIGIN } }] },
      indexed: [ORIGIN],
      signers: [
        {
          name: 'acme',
          issuer: VENDOR.vkey.keyName,
          keys: [{ key: VENDOR.vkey }, { key: VENDOR_NEXT.vkey, below: 70 }],
        },
        { name: 'other', issuer: OTHER_VENDOR.vkey.keyName },
      ],
      reviewers: REVIEWERS.map(({ vkey }, i) => ({ name: `r${i + 1}`, issuer: vkey.keyName })),
      reviewerGroups: [{ name: 'two', threshold: 2, members: ['r1', 'r2', 'r3'] }],
      serial: 12,
      expires: Date.UTC(2030, 11, 31, 22, 59, 59) / 1000,
      digest: sha256(utf8(text)),
    });
    expect(trust.signers[0]!.keys[0]).not.toHaveProperty('below');
    expect(trust.releases).toEqual([
      {
        line: 18,
        pattern: 'tool/stable/*',
        origin: ORIGIN,
        signedBy: 'acme',
        maxAge: 604_800,
        latest: true,
        indexedBy: 'checker',
        sourceReviewedBy: 'r1',
        reviewedBy: 'two',
        reproducedBy: 'r2',
        equivalentBy: 'r3',
      },
      { line: 19, pattern: 'tool/**', origin: ORIGIN, signedBy: 'other', latest: false },
      { line: 20, pattern: 'daily', origin: ORIGIN, signedBy: 'acme', maxAge: 90, latest: false },
    ]);
    expect(trustOf()).toMatchObject({ releases: [] });
  });

  const OTHER_LOG = `log ${vkeyOf('other.example/log', 0x01)}`;

  test('may have several logs, of which each release line names one', () => {
    const lines = [
      OTHER_LOG,
      ...TRUST_HEAD,
      'indexed other.example/log',
      'release daily in other.example/log signed-by acme any-age',
    ];
    expect(parseTrust(utf8(`${lines.join('\n')}\n`)).releases[0]!.origin).toBe('other.example/log');
  });

  const acme = formatVkey(VENDOR.vkey);
  const cases: [string, string, readonly string[]][] = [
    ['an unknown kind of line', 'expected a line that begins with log', ['releases daily signed-by acme any-age']],
    ['an origin without a log', 'no log line has a key of this origin', ['indexed x.example']],
    ['an origin twice', 'indexed already', [`indexed ${ORIGIN}`]],
    ['indexed with something more', 'expected indexed', [`indexed ${ORIGIN} yes`]],
    ['a signer without a key', 'expected signer', ['signer x']],
    ['a signer with something more', 'expected signer', [`signer x ${acme} above 3`]],
    ['a signer with a key that is none', 'verifier key', ['signer x nonsense']],
    ['a signer with a witness key', 'type 0x01', [`signer x ${vkeyOf('x.example', 0x04)}`]],
    ['a key of another name under one name', 'all keys of one name', [`signer acme ${vkeyOf('x.example', 0x01)}`]],
    ['a key name under two names', 'key name is that of another', [`signer x ${vkeyOf(VENDOR.vkey.keyName, 0x01)}`]],
    ['a public key twice', 'public key stands', [`signer acme ${acme}`]],
    [
      'a public key under two names',
      'public key stands',
      [`reviewer x ${formatVkey(privateKeyFromSeed('x.example', 0x01, new Uint8Array(32).fill(2)).vkey)}`],
    ],
    ['a reviewer with the name of a signer', 'something else', [`reviewer acme ${vkeyOf('x.example', 0x01)}`]],
    ['a bound that is no index', 'decimal', [`signer x ${vkeyOf('x.example', 0x01)} below 0x10`]],
    ['a group without members', 'expected reviewer-group', ['reviewer-group x any']],
    ['a group of what is no reviewer', 'member 1', ['reviewer-group x any acme']],
    ['a group of groups', 'member 1', ['reviewer-group x any two']],
    ['a group with a member twice', 'member 2', ['reviewer-group x all r1 r1']],
    ['a group with a name that is taken', 'something else', ['reviewer-group r1 all r1']],
    ['a threshold of none', 'threshold', ['reviewer-group x 0 r1']],
    ['a threshold above the members', 'threshold', ['reviewer-group x 2 r1']],
    ['a pattern that is none', 'expected release', ['release tool/*x signed-by acme any-age']],
    ['a pattern with ** in the middle', 'expected release', ['release **/stable signed-by acme any-age']],
    ['a release without a signer', 'signed-by', ['release daily any-age']],
    ['a release by what is no signer', 'no signer', ['release daily signed-by r1 any-age']],
    ['a release without an age', 'either max-age', ['release daily signed-by acme']],
    ['a release with both ages', 'either max-age', ['release daily signed-by acme max-age 1h any-age']],
    ['an age that is none', 'a duration', ['release daily signed-by acme max-age 1w']],
    ['an age of nothing', 'a duration', ['release daily signed-by acme max-age 0s']],
    ['latest without an age', 'latest needs', ['release daily signed-by acme any-age latest']],
    ['clauses in another order', 'stands before', ['release daily any-age signed-by acme']],
    ['a clause twice', 'once at most', ['release daily signed-by acme any-age any-age']],
    ['an unknown clause', 'has the clauses', ['release daily signed-by acme any-age soon']],
    ['a clause without what it is about', 'lacks', ['release daily signed-by acme any-age reviewed-by']],
    ['reviews by what is no reviewer', 'no reviewer', ['release daily signed-by acme any-age reviewed-by acme']],
    ['an index checked by what is no witness', 'no witness', ['release daily signed-by acme any-age indexed-by r1']],
    ['a release in an unknown log', 'no log line', ['release daily in x.example signed-by acme any-age']],
    ['a serial that is none', 'serial', ['serial one']],
    ['a serial twice', 'already', ['serial 1', 'serial 2']],
    ['an end that is no time', 'expires', ['expires tomorrow']],
    ['an end on a day that there is not', 'expires', ['expires 2030-02-30T00:00:00Z']],
    ['an end twice', 'already', ['expires 2030-01-01T00:00:00Z', 'expires 2031-01-01T00:00:00Z']],
  ];

  test.each(cases)('is refused with %s, and the line is named', (_, message, lines) => {
    const refusal = refusalOf([...TRUST_HEAD, ...lines]);
    expect(refusal.code).toBe('trust-malformed');
    expect(refusal.message).toContain(message);
    expect(refusal.message).toMatch(new RegExp(`^line ${NEXT + lines.length - 1}: `));
  });

  test.each<[string, string, readonly string[]]>([
    [
      'a release in a log without an index',
      'not listed as indexed',
      [...TRUST_HEAD.filter((line) => !line.startsWith('indexed')), 'release daily signed-by acme any-age'],
    ],
    [
      'an age that no witness could show',
      'max-age needs witnesses',
      [
        ...TRUST_HEAD.map((line) => (line.startsWith('quorum') ? 'quorum none' : line)),
        'release daily signed-by acme max-age 1h',
      ],
    ],
    [
      'several logs and a release in none of them',
      'in <origin>',
      [OTHER_LOG, ...TRUST_HEAD, 'release daily signed-by acme any-age'],
    ],
    [
      'several logs and a bound',
      'below says nothing',
      [OTHER_LOG, ...TRUST_HEAD, `signer acme ${formatVkey(VENDOR_NEXT.vkey)} below 3`],
    ],
    ['no quorum', 'there is no quorum line', TRUST_HEAD.filter((line) => !line.startsWith('quorum'))],
    ['a witness twice', 'duplicate', [...TRUST_HEAD, `witness x ${formatVkey(WITNESSES[0].vkey)}`]],
    [
      'too many signers',
      'at most 256',
      [
        ...TRUST_HEAD,
        ...Array.from({ length: 300 }, (_, i) => `signer s${i} ${vkeyOf(`s${i}.example`, 0x01, 1000 + i)}`),
      ],
    ],
  ])('is refused with %s', (_, message, lines) => {
    const refusal = refusalOf(lines);
    expect(refusal.code).toBe('trust-malformed');
    expect(refusal.message).toContain(message);
  });

  test('that is a private key shows none of it', () => {
    expect(refusalOf([`PRIVATE+KEY+${LOG_KEY.vkey.keyName}+00000000+c2VjcmV0`]).message).not.toContain('c2VjcmV0');
  });
});

test.each([
  ['tool', 'tool', true],
  ['tool', 'tools', false],
  ['tool', 'tool/stable', false],
  ['*', 'tool', true],
  ['*', 'tool/stable', false],
  ['tool/*', 'tool/stable', true],
  ['tool/*', 'tool', false],
  ['tool/*', 'tool/stable/linux', false],
  ['*/stable', 'tool/stable', true],
  ['*/stable', 'tool/beta', false],
  ['tool/**', 'tool', false],
  ['tool/**', 'tool/stable', true],
  ['tool/**', 'tool/stable/linux', true],
  ['tool/**', 'other/stable', false],
  ['tool/*/**', 'tool/stable', false],
  ['**', 'daily', true],
  ['**', 'tool/stable/linux', true],
])('the pattern %s and the stream %s: %s', (pattern, stream, matches) => {
  expect(isStreamPattern(pattern)).toBe(true);
  expect(matchesPattern(pattern, stream)).toBe(matches);
});

test.each([
  ['1s', 1],
  ['90s', 90],
  ['15m', 900],
  ['6h', 21_600],
  ['7d', 604_800],
])('%s is %i seconds, and is written in the largest unit', (text, seconds) => {
  expect(parseDuration(text)).toBe(seconds);
  expect(parseDuration(formatDuration(seconds))).toBe(seconds);
});

test.each(['', 's', '0s', '01s', '1.5h', '-1h', '1 h', '1H', '1w', '1h30m', '9999999999s'])(
  '%j is no duration',
  (text) => {
    expect(parseDuration(text)).toBeUndefined();
  },
);

test.each([
  '2030-01-01',
  '2030-01-01T00:00Z',
  '2030-01-01T00:00:00',
  '2030-01-01T00:00:00.5Z',
  '1969-12-31T00:00:00Z',
  '2030-13-01T00:00:00Z',
])('%s is no time here', (text) => {
  expect(parseTime(text)).toBeUndefined();
});
