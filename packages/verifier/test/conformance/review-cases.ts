import { formatVkey, type PrivateKey, privateKeyFromSeed } from '@vitrine/core';
import {
  DAILY,
  daily,
  installed,
  REPRODUCED,
  REVIEWED,
  SOURCE_REVIEWED,
  TOOL,
  tool,
  trustText,
  withDaily,
  withTool,
} from '../attempt.ts';
import { build, NOW, OTHER_VENDOR, REVIEWERS, source, VENDOR, VENDOR_NEXT, World } from '../world.ts';
import { accepted, type CaseInput, type ConformanceCase, refused } from './case.ts';

type Verdict = Parameters<World['review']>[1];

const [R1, R2, R3] = REVIEWERS;
const R1_NEXT = privateKeyFromSeed(R1.vkey.keyName, 0x01, new Uint8Array(32).fill(41));

const TWO = trustText('release tool/* signed-by acme any-age reviewed-by two');
const EQUIVALENT = trustText('release tool/* signed-by acme any-age equivalent-by r1');
const EVERYTHING = trustText(
  'release tool/* signed-by acme max-age 1h latest source-reviewed-by r1 reviewed-by two reproduced-by r2 equivalent-by r3',
);

/** The build of a tool, with these reviews of it and then of its source. */
async function reviewed(
  trust: string,
  reviews: readonly (readonly [PrivateKey, Verdict])[],
  ofSource: readonly (readonly [PrivateKey, Verdict])[] = [],
): Promise<CaseInput> {
  const { world, src, leaf, leafHash } = await withTool();
  for (const [by, verdict] of reviews) await world.review(leafHash, verdict, by);
  for (const [by, verdict] of ofSource) await world.review(src.leafHash, verdict, by);
  return { request: tool('tool'), bundle: await world.bundle(leaf), trust };
}

/** The release of the day, withdrawn, after an installation that this trust file was used for. */
async function withdrawnAfter(trust: string, input: Partial<CaseInput> = {}): Promise<CaseInput> {
  const { world, leaf, leafHash } = await withDaily();
  const state = await installed(world, leaf, 'one', trust);
  await world.withdraw(leafHash);
  return { request: daily('one'), bundle: await world.bundle(leaf), trust, state, ...input };
}

/** Reviews, withdrawals, and sources. */
export const REVIEW_CASES: readonly ConformanceCase[] = [
  accepted('a build whose source is reviewed', () => reviewed(SOURCE_REVIEWED, [], [[R1, 'reviewed']]), {
    source: { leaf: 0 },
    reviews: [{ reviewer: 'r1', of: 'source', verdict: 'reviewed' }],
  }),
  accepted('a build that is reviewed', () => reviewed(REVIEWED, [[R1, 'reviewed']])),
  accepted('a build that is reproduced', () => reviewed(REPRODUCED, [[R1, 'reproduced']])),
  accepted('a rebuild counts as a review', () => reviewed(REVIEWED, [[R1, 'equivalent']])),
  accepted('an equivalent rebuild where that is enough', () => reviewed(EQUIVALENT, [[R1, 'equivalent']])),
  accepted('a rebuild to the same where an equivalent one is enough', () => reviewed(EQUIVALENT, [[R1, 'reproduced']])),
  refused('unreproduced', 'an equivalent rebuild where the same is wanted', () =>
    reviewed(REPRODUCED, [[R1, 'equivalent']]),
  ),
  refused('unreproduced', 'a review where an equivalent rebuild is wanted', () =>
    reviewed(EQUIVALENT, [[R1, 'reviewed']]),
  ),
  refused('unreproduced', 'a rebuild that a later review replaces', () =>
    reviewed(REPRODUCED, [
      [R1, 'reproduced'],
      [R1, 'reviewed'],
    ]),
  ),
  accepted(
    'two reviewers where two have to agree',
    () =>
      reviewed(TWO, [
        [R3, 'reviewed'],
        [R1, 'equivalent'],
      ]),
    { reviews: [{ reviewer: 'r1' }, { reviewer: 'r3' }] },
  ),
  accepted(
    'all that a line can ask',
    () =>
      reviewed(
        EVERYTHING,
        [
          [R2, 'reproduced'],
          [R3, 'equivalent'],
        ],
        [
          [R2, 'reviewed'],
          [R1, 'reviewed'],
        ],
      ),
    {
      reviews: [
        { reviewer: 'r2', of: 'release' },
        { reviewer: 'r3', of: 'release' },
        { reviewer: 'r1', of: 'source' },
        { reviewer: 'r2', of: 'source' },
      ],
    },
  ),
  accepted('a rejection that its reviewer has taken back', () =>
    reviewed(REVIEWED, [
      [R1, 'rejected'],
      [R1, 'reviewed'],
    ]),
  ),
  refused('rejected', 'an approval that its reviewer has taken back', () =>
    reviewed(REVIEWED, [
      [R1, 'reviewed'],
      [R1, 'rejected'],
    ]),
  ),
  accepted('a rejection by a reviewer whom the line does not name', () =>
    reviewed(REVIEWED, [
      [R1, 'reviewed'],
      [R2, 'rejected'],
    ]),
  ),
  refused('rejected', 'a rejection by a reviewer whom another clause names', () =>
    reviewed(
      trustText('release tool/* signed-by acme any-age source-reviewed-by r2 reviewed-by r1'),
      [
        [R1, 'reviewed'],
        [R2, 'rejected'],
      ],
      [[R2, 'reviewed']],
    ),
  ),
  accepted("a review by the reviewer's next key", async () => {
    const vkey = formatVkey(R1_NEXT.vkey);
    return reviewed(`${REVIEWED}reviewer r1 ${vkey}\n`, [[R1_NEXT, 'reviewed']]);
  }),
  refused('review-invalid', 'a good review before one by a key of the reviewer that the trust file lacks', () =>
    reviewed(REVIEWED, [
      [R1, 'reviewed'],
      [R1_NEXT, 'reviewed'],
    ]),
  ),
  accepted('a withdrawal by another vendor', async () => {
    const { world, leaf, leafHash } = await withDaily();
    await world.withdraw(leafHash, OTHER_VENDOR);
    return { request: daily('one'), bundle: await world.bundle(leaf), trust: DAILY };
  }),
  refused('withdrawn', 'a withdrawal, by an agent that has the release', () => withdrawnAfter(DAILY)),
  refused('withdrawn', 'a withdrawal under a new trust file', () =>
    withdrawnAfter(`${DAILY}serial 3\n`, { trust: `${DAILY}serial 4\n` }),
  ),
  refused('clock', 'a withdrawal with a clock behind the state', () => withdrawnAfter(DAILY, { now: NOW - 500 })),
  refused('trust-serial', 'a withdrawal under an older trust file', () =>
    withdrawnAfter(`${DAILY}serial 3\n`, { trust: DAILY }),
  ),
  refused('rejected', 'a rejection, by an agent that has the release', async () => {
    const { world, leaf, leafHash } = await withDaily();
    const trust = trustText('release daily signed-by acme any-age reviewed-by r1');
    const state = await installed(world, leaf, 'one');
    await world.review(leafHash, 'rejected');
    return { request: daily('one'), bundle: await world.bundle(leaf), trust, state };
  }),
  accepted(
    'a source by the key before and a build by the next one',
    async () => {
      const world = await World.create();
      const src = await world.say(source());
      const { leaf } = await world.say(build({ 'tool.tgz': 'tool' }, { of: src.leafHash }), VENDOR_NEXT);
      const vkey = formatVkey(VENDOR.vkey);
      const trust = TOOL.replace(vkey, `${vkey} below ${leaf}\nsigner acme ${formatVkey(VENDOR_NEXT.vkey)}`);
      return { request: tool('tool'), bundle: await world.bundle(leaf), trust };
    },
    { release: { signer: 'acme', leaf: 2 }, source: { leaf: 0 } },
  ),
  refused('signer-ended', 'a source at the leaf at which its key ended', async () => {
    const world = await World.create();
    const src = await world.say(source());
    const { leaf } = await world.say(build({ 'tool.tgz': 'tool' }, { of: src.leafHash }), VENDOR_NEXT);
    const vkey = formatVkey(VENDOR.vkey);
    const trust = TOOL.replace(vkey, `${vkey} below ${src.leaf}\nsigner acme ${formatVkey(VENDOR_NEXT.vkey)}`);
    return { request: tool('tool'), bundle: await world.bundle(leaf), trust };
  }),
  refused('signer-unknown', 'a source by a key that the trust file lacks', async () => {
    const world = await World.create();
    const src = await world.say(source(), VENDOR_NEXT);
    const { leaf } = await world.say(build({ 'tool.tgz': 'tool' }, { of: src.leafHash }));
    return { request: tool('tool'), bundle: await world.bundle(leaf), trust: TOOL };
  }),
];
