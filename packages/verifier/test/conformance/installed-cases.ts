import { DAILY, daily, FRESH, installed, withDaily } from '../attempt.ts';
import { database, NOW, type World } from '../world.ts';
import { accepted, type CaseInput, type ConformanceCase, refused } from './case.ts';

const options = { installed: true };

/** The first release of the day, and a second. */
async function withTwo(): Promise<{ world: World; one: number; two: number; twoHash: Uint8Array }> {
  const { world, leaf: one } = await withDaily();
  const { leaf: two, leafHash: twoHash } = await world.say(database(2, 'two'));
  return { world, one, two, twoHash };
}

/** Asks of the content of a release, with the bundle of one, whether it may stay. */
async function askTwo(content: string, of: 'one' | 'two'): Promise<CaseInput> {
  const two = await withTwo();
  return { request: daily(content), bundle: await two.world.bundle(two[of]), trust: DAILY, options };
}

/** What is installed already. */
export const INSTALLED_CASES: readonly ConformanceCase[] = [
  accepted('what is installed, and the newest', () => askTwo('two', 'two'), { latest: true, count: 2 }),
  accepted('what is installed and known to be, by a newer bundle', async () => {
    const { world, leaf, leafHash } = await withDaily();
    const state = await installed(world, leaf, 'one');
    await world.review(leafHash, 'reviewed');
    return { request: daily('one'), bundle: await world.bundle(leaf), trust: DAILY, state, options };
  }),
  refused('superseded', 'what is installed, by the bundle of a newer release', () => askTwo('one', 'two')),
  refused('superseded', 'what is installed, by the bundle of a newer release that was withdrawn', async () => {
    const { world, two, twoHash } = await withTwo();
    await world.withdraw(twoHash);
    return { request: daily('one'), bundle: await world.bundle(two), trust: DAILY, options };
  }),
  refused('superseded', 'what is installed and known to be, by the bundle of a newer release', async () => {
    const { world, leaf } = await withDaily();
    const state = await installed(world, leaf, 'one');
    const { leaf: two } = await world.say(database(2, 'two'));
    return { request: daily('one'), bundle: await world.bundle(two), trust: DAILY, state, options };
  }),
  refused('artifact-other', 'what is installed and was changed, as the state knows', async () => {
    const { world, leaf } = await withDaily();
    const state = await installed(world, leaf, 'one');
    return { request: daily('eno'), bundle: await world.bundle(leaf), trust: DAILY, state, options };
  }),
  refused('artifact-other', 'what is installed, by the bundle of a release that is not the newest', () =>
    askTwo('two', 'one'),
  ),
  refused('size-other', 'what is installed and was cut, by the bundle of a release that is not the newest', () =>
    askTwo('', 'one'),
  ),
  refused('withdrawn', 'what is installed and was withdrawn', async () => {
    const { world, leaf, leafHash } = await withDaily();
    await world.withdraw(leafHash);
    return { request: daily('one'), bundle: await world.bundle(leaf), trust: DAILY, options };
  }),
  refused('too-old', 'what is installed, by an old bundle', async () => {
    const { world, leaf } = await withDaily();
    return { request: daily('one'), bundle: await world.bundle(leaf), trust: FRESH, now: NOW + 7200, options };
  }),
];
