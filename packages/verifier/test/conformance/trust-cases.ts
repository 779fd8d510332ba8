import { formatVkey, type PrivateKey, privateKeyFromSeed } from '@vitrine/core';
import { daily, withDaily } from '../attempt.ts';
import { LOG_KEY, NOW, ORIGIN, OTHER_VENDOR, REVIEWERS, utf8, VENDOR, VENDOR_NEXT, WITNESSES } from '../world.ts';
import { accepted, type CaseInput, type ConformanceCase, refused } from './case.ts';

const key = (name: string, type: number, seed = 90): PrivateKey =>
  privateKeyFromSeed(name, type, new Uint8Array(32).fill(seed));
const vkeyOf = (name: string, type: number, seed?: number): string => formatVkey(key(name, type, seed).vkey);

const acme = formatVkey(VENDOR.vkey);
const [w1, w2] = WITNESSES.map(({ vkey }) => formatVkey(vkey));
const LOG = `log ${formatVkey(LOG_KEY.vkey)}`;
const WITNESS = `witness w1 ${w1}`;
const SIGNER = `signer acme ${acme}`;
const REVIEWER = `reviewer r1 ${formatVkey(REVIEWERS[0].vkey)}`;
const RULE = 'release daily signed-by acme any-age';
const HEAD = [LOG, WITNESS, 'quorum w1', `indexed ${ORIGIN}`, SIGNER, REVIEWER];
const GOOD = [...HEAD, RULE];

/** The release of the day under a trust file. */
async function under(trust: string | Uint8Array): Promise<CaseInput> {
  const { world, leaf } = await withDaily();
  return { request: daily('one'), bundle: await world.bundle(leaf, { times: [[WITNESSES[0], NOW - 60]] }), trust };
}

const text = (lines: readonly string[]): string => `${lines.join('\n')}\n`;

/** Files with one fault each: lines behind those that would do. */
const WITH_FURTHER_LINES: readonly (readonly [string, ...string[]])[] = [
  ['an unknown kind of line', 'releases daily signed-by acme any-age'],
  ['a kind of line in capitals', 'Serial 1'],
  ['a log with a witness key', `log ${vkeyOf('x.example', 0x04)}`],
  ['a log key twice', LOG],
  ['a log without a key', 'log'],
  ['a log with something behind its URL', `log ${vkeyOf('x.example', 0x01)} https://x.example yes`],
  ['a witness with a log key', `witness x ${vkeyOf('x.example', 0x01)}`],
  ['a witness key twice', `witness x ${w1}`],
  ['a witness name twice', `witness w1 ${w2}`],
  ['a witness of the name none', `witness none ${w2}`],
  ['a vkey whose ID is not that of its key', `witness x ${w2!.replace(/\+[0-9a-f]{8}\+/, '+00000000+')}`],
  ['a vkey in base64 that is not canonical', `witness x ${w2!.slice(0, -1)}${w2!.endsWith('A') ? 'B' : 'A'}==`],
  ['a group without members', 'group g any'],
  ['a group of what no earlier line defines', 'group g any w2'],
  ['a group with a member twice', 'group g 1 w1 w1'],
  ['a member of two groups', 'group g any w1', 'group h any w1'],
  ['a group of itself', 'group g any g'],
  ['a threshold of none of a group', 'group g 0 w1'],
  ['a threshold above the members of a group', 'group g 2 w1'],
  ['a threshold with a leading zero', 'group g 01 w1'],
  ['a second quorum', 'quorum w1'],
  ['an origin without a log', 'indexed x.example'],
  ['an origin twice', `indexed ${ORIGIN}`],
  ['a signer without a key', 'signer x'],
  ['a signer with something more', `signer x ${vkeyOf('x.example', 0x01)} above 3`],
  ['a signer with a key that is none', 'signer x nonsense'],
  ['a signer with a witness key', `signer x ${vkeyOf('x.example', 0x04)}`],
  ['a key of another name under one name', `signer acme ${vkeyOf('x.example', 0x01)}`],
  ['a key name under two names', `signer x ${formatVkey(VENDOR_NEXT.vkey)}`],
  ['a public key twice', SIGNER],
  ['a public key under two names', `reviewer x ${vkeyOf('x.example', 0x01, 2)}`],
  ['a reviewer with the name of a signer', `reviewer acme ${vkeyOf('x.example', 0x01)}`],
  ['a bound in hexadecimal', `signer x ${vkeyOf('x.example', 0x01)} below 0x10`],
  ['a bound that is too large', `signer x ${vkeyOf('x.example', 0x01)} below 9007199254740992`],
  ['a reviewer group without members', 'reviewer-group g any'],
  ['a reviewer group of what is no reviewer', 'reviewer-group g any acme'],
  ['a reviewer group of groups', 'reviewer-group g any r1', 'reviewer-group h any g'],
  ['a reviewer group with a member twice', 'reviewer-group g all r1 r1'],
  ['a reviewer group with a name that is taken', 'reviewer-group r1 all r1'],
  ['a reviewer group with a threshold of none', 'reviewer-group g 0 r1'],
  ['a reviewer group with a threshold above its members', 'reviewer-group g 2 r1'],
  ['a pattern with a star in a segment', 'release tool/*x signed-by acme any-age'],
  ['a pattern with two stars in the middle', 'release **/stable signed-by acme any-age'],
  ['a pattern with an empty segment', 'release tool//x signed-by acme any-age'],
  ['a release without a signer', 'release x any-age'],
  ['a release by what is no signer', 'release x signed-by r1 any-age'],
  ['a release without an age', 'release x signed-by acme'],
  ['a release with both ages', 'release x signed-by acme max-age 1h any-age'],
  ['an age in weeks', 'release x signed-by acme max-age 1w'],
  ['an age of nothing', 'release x signed-by acme max-age 0s'],
  ['an age with a leading zero', 'release x signed-by acme max-age 01h'],
  ['an age of ten digits', 'release x signed-by acme max-age 1000000000s'],
  ['latest without an age', 'release x signed-by acme any-age latest'],
  ['clauses in another order', 'release x any-age signed-by acme'],
  ['a clause twice', 'release x signed-by acme any-age any-age'],
  ['an unknown clause', 'release x signed-by acme any-age soon'],
  ['a clause without a value', 'release x signed-by acme any-age reviewed-by'],
  ['reviews by what is no reviewer', 'release x signed-by acme any-age reviewed-by acme'],
  ['an index checked by what is no witness', 'release x signed-by acme any-age indexed-by r1'],
  ['a release in a log that has no line', 'release x in x.example signed-by acme any-age'],
  ['a serial that is none', 'serial one'],
  ['a serial twice', 'serial 1', 'serial 1'],
  ['an end on a day that there is not', 'expires 2030-02-30T00:00:00Z'],
  ['an end with a fraction of a second', 'expires 2030-01-01T00:00:00.5Z'],
  ['an end without a time zone', 'expires 2030-01-01T00:00:00'],
  ['an end twice', 'expires 2030-01-01T00:00:00Z', 'expires 2030-01-01T00:00:00Z'],
];

/** Trust files with one fault each, whole. */
const WHOLE: readonly (readonly [string, string | Uint8Array])[] = [
  ['nothing in it', ''],
  ['no newline at its end', text(GOOD).trimEnd()],
  ['carriage returns', text(GOOD).replaceAll('\n', '\r\n')],
  ['a zero octet in a comment', text(['# \0', ...GOOD])],
  ['a byte order mark', `\ufeff${text(GOOD)}`],
  ['a comment behind a line', text([...HEAD, `${RULE} # every day`])],
  ['an origin that is no UTF-8', utf8(text([...GOOD, 'indexed \u0001'])).map((octet) => (octet === 1 ? 0xff : octet))],
  ['no quorum', text(GOOD.filter((line) => !line.startsWith('quorum')))],
  ['a quorum before what it names', text([LOG, 'quorum w1', ...GOOD.filter((line) => !/^(log|quorum) /.test(line))])],
  ['a signer behind the line that names it', text([...GOOD.filter((line) => line !== SIGNER), SIGNER])],
  ['a release in a log without an index', text(GOOD.filter((line) => !line.startsWith('indexed')))],
  [
    'an age and a quorum of none',
    text([...HEAD.map((line) => (line === 'quorum w1' ? 'quorum none' : line)), RULE.replace('any-age', 'max-age 1h')]),
  ],
  ['several logs and a release in none of them', text([`log ${vkeyOf('x.example', 0x01)}`, ...GOOD])],
  [
    'several logs and a bound',
    text([
      `log ${vkeyOf('x.example', 0x01)}`,
      ...HEAD,
      `signer x ${vkeyOf('x.example/signer', 0x01, 91)} below 3`,
      RULE.replace('signed', `in ${ORIGIN} signed`),
    ]),
  ],
  ['an item of 4,097 octets', text([LOG, `${WITNESS} ${'x'.repeat(4097)}`, ...GOOD.slice(2)])],
];

/** What a trust file may look like, and what is refused of it. */
export const TRUST_CASES: readonly ConformanceCase[] = [
  accepted('a trust file of few lines', () => under(text(GOOD)), { trust: { line: 7 } }),
  accepted(
    'a trust file with comments, empty lines, spaces and tabs',
    () =>
      under(
        text([
          '# Whom we trust',
          '',
          ...HEAD,
          ' \t',
          '\t# release * signed-by other any-age',
          `\t${RULE.replaceAll(' ', ' \t ')} `,
        ]),
      ),
    { trust: { line: 11 } },
  ),
  accepted('a comment that is no UTF-8', () =>
    under(utf8(text(['# \u0001', ...GOOD])).map((octet) => (octet === 1 ? 0xff : octet))),
  ),
  accepted('a log and a witness with their URLs', () =>
    under(text(GOOD.map((line) => (line === LOG || line === WITNESS ? `${line} https://x.example` : line)))),
  ),
  accepted('what indexed and indexed-by name behind the lines that name it', () =>
    under(
      text([
        ...GOOD.filter((line) => !line.startsWith('indexed')),
        'release x signed-by acme any-age indexed-by w2',
        `indexed ${ORIGIN}`,
        `witness w2 ${w2}`,
      ]),
    ),
  ),
  accepted('a line that an earlier one keeps from ever deciding', () =>
    under(text([...GOOD, `signer other ${formatVkey(OTHER_VENDOR.vkey)}`, 'release * signed-by other any-age'])),
  ),
  accepted('a witness and a signer of one name', () =>
    under(text([...GOOD, `signer w1 ${vkeyOf('x.example', 0x01)}`])),
  ),
  accepted('a group with a member that a quorum names as well', () => under(text([...GOOD, 'group g any w1']))),
  ...WITH_FURTHER_LINES.map(([what, ...lines]) =>
    refused('trust-malformed', `a trust file with ${what}`, () => under(text([...GOOD, ...lines]))),
  ),
  ...WHOLE.map(([what, trust]) => refused('trust-malformed', `a trust file with ${what}`, () => under(trust))),
];
