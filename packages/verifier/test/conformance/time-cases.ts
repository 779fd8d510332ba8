import { formatVkey } from '@vitrine/core';
import { DAILY, daily, FRESH, installed, trustText, withDaily } from '../attempt.ts';
import { database, ML_DSA_WITNESS, NOW, SCHEMES, TRUST_HEAD, WITNESSES, World } from '../world.ts';
import { accepted, type CaseInput, type ConformanceCase, refused } from './case.ts';

type Times = readonly (readonly [(typeof WITNESSES)[number], number])[];

/** The release of the day, from a checkpoint that was cosigned at these times. */
async function cosignedAt(times: Times | undefined, input: Partial<CaseInput> = {}): Promise<CaseInput> {
  const { world, leaf } = await withDaily();
  const bundle = await world.bundle(leaf, times === undefined ? {} : { times });
  return { request: daily('one'), bundle, trust: FRESH, ...input };
}

const [W1, W2, W3] = WITNESSES;
const all = (time: number): Times => WITNESSES.map((witness) => [witness, time] as const);

const UNWITNESSED = `${TRUST_HEAD.map((line) => (line.startsWith('quorum') ? 'quorum none' : line)).join('\n')}
release daily signed-by acme any-age
`;

const withMlDsa = (...lines: readonly string[]): string =>
  trustText(`witness w4 ${formatVkey(ML_DSA_WITNESS.vkey)}`, ...lines).replace(
    'group witnesses 2 w1 w2 w3\nquorum witnesses\n',
    '',
  );
const ANY_OF_TWO = ['group both any w1 w4', 'quorum both'];
const ML_DSA = withMlDsa(...ANY_OF_TWO, 'release daily signed-by acme max-age 1h');
const ML_DSA_ANY_AGE = withMlDsa(...ANY_OF_TWO, 'release daily signed-by acme any-age');

async function expiring(expires: number): Promise<CaseInput> {
  const world = await World.create();
  const { leaf } = await world.say(database(1, 'one', expires));
  return { request: daily('one'), bundle: await world.bundle(leaf), trust: DAILY };
}

async function withClockAt(now: number): Promise<CaseInput> {
  const { world, leaf } = await withDaily();
  const state = await installed(world, leaf, 'one');
  return { request: daily('one'), bundle: await world.bundle(leaf), trust: DAILY, state, now };
}

/** The clock, ages, ends, and the time of a checkpoint. */
export const TIME_CASES: readonly ConformanceCase[] = [
  accepted('a checkpoint exactly as old as it may be', () => cosignedAt(undefined, { now: NOW - 60 + 3600 }), {
    time: NOW - 60,
  }),
  refused('too-old', 'a checkpoint a second older than it may be', () =>
    cosignedAt(undefined, { now: NOW - 60 + 3601 }),
  ),
  accepted(
    'a time from the oldest cosignature that the quorum needs',
    () =>
      cosignedAt([
        [W1, NOW - 10],
        [W2, NOW - 5000],
        [W3, NOW - 90],
      ]),
    { time: NOW - 90 },
  ),
  accepted('cosignatures 300 s ahead', () => cosignedAt(all(NOW + 300), { options: { maxAge: 60 } }), {
    time: NOW + 300,
  }),
  refused('too-old', 'cosignatures 301 s ahead', () => cosignedAt(all(NOW + 301))),
  accepted('one cosignature of the future beside two good ones', () =>
    cosignedAt([
      [W1, NOW + 301],
      [W2, NOW - 60],
      [W3, NOW - 60],
    ]),
  ),
  accepted('cosignatures of the future where age does not matter', () => cosignedAt(all(NOW + 301), { trust: DAILY })),
  accepted('a witness that has cosigned again', () =>
    cosignedAt([
      [W1, NOW - 5000],
      [W2, NOW - 60],
      [W1, NOW - 30],
    ]),
  ),
  accepted('an age that the caller tightens and that is kept', () =>
    cosignedAt(undefined, { options: { maxAge: 60 } }),
  ),
  refused('too-old', 'an age that the caller would loosen', () =>
    cosignedAt(undefined, { now: NOW + 7200, options: { maxAge: 86_400 } }),
  ),
  refused('too-old', "the caller's age where the line sets none", () =>
    cosignedAt(undefined, { trust: DAILY, options: { maxAge: 59 } }),
  ),
  accepted('a log without witnesses', () => cosignedAt([], { trust: UNWITNESSED }), {
    unwitnessed: true,
    witnesses: [],
  }),
  accepted(
    'a log that needs no witness and has one',
    () => cosignedAt([[W1, NOW - 50]], { trust: UNWITNESSED, options: { maxAge: 50 } }),
    { unwitnessed: false, time: NOW - 50 },
  ),
  accepted('a database a second before its end', () => expiring(NOW + 1)),
  accepted('a trust file a second before its end', () =>
    cosignedAt(undefined, { trust: `${FRESH}expires 2027-01-15T08:00:01Z\n` }),
  ),
  refused('trust-expired', 'a trust file at its end', () =>
    cosignedAt(undefined, { trust: `${FRESH}expires 2027-01-15T08:00:00Z\n` }),
  ),
  refused('trust-expired', 'a trust file at its end in another time zone', () =>
    cosignedAt(undefined, { trust: `${FRESH}expires 2027-01-15T09:00:00+01:00\n` }),
  ),
  accepted('a clock 300 s behind the state', () => withClockAt(NOW - 60 - 300)),
  refused('clock', 'a clock 301 s behind the state', () => withClockAt(NOW - 60 - 301)),
  accepted(
    'ML-DSA: a witness',
    () => cosignedAt([[ML_DSA_WITNESS, NOW - 60]], { trust: ML_DSA, options: { schemes: SCHEMES } }),
    { witnesses: [{ name: 'w4', time: NOW - 60 }], time: NOW - 60 },
  ),
  accepted(
    'ML-DSA: a cosignature without a time where age does not matter',
    () => cosignedAt([[ML_DSA_WITNESS, 0]], { trust: ML_DSA_ANY_AGE, options: { schemes: SCHEMES } }),
    { witnesses: [{ name: 'w4', time: 0 }] },
  ),
  refused('too-old', 'ML-DSA: a cosignature without a time where age matters', () =>
    cosignedAt([[ML_DSA_WITNESS, 0]], { trust: ML_DSA, options: { schemes: SCHEMES } }),
  ),
  accepted(
    'ML-DSA: a cosignature without a time beside one with a time',
    () =>
      cosignedAt(
        [
          [ML_DSA_WITNESS, 0],
          [W1, NOW - 60],
        ],
        { trust: ML_DSA, options: { schemes: SCHEMES } },
      ),
    { time: NOW - 60 },
  ),
];
