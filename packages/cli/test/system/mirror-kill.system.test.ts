import { expect, test } from 'vitest';
import { killMirrors } from '../support/mirror-kills.ts';

const ROUNDS = Number(process.env['MIRROR_KILL_ROUNDS'] ?? 100);
const SEED = Number(process.env['SEED'] ?? 1);

test.each([
  ['copies', false, 30_000],
  ['derives the index of what it copies', true, 15_000],
] as const)(
  `a mirror that %s and is killed at ${ROUNDS} moments (seed ${SEED}) goes on, and replaces nothing`,
  { timeout: 1_800_000 },
  async (_, checkIndex, entries) => {
    const found = await killMirrors({ kills: ROUNDS, seed: SEED, entries, checkIndex });
    const halfway = found.filter(({ stored, published }) => stored > published).length;
    console.info(`${halfway} of ${ROUNDS} kills came in the middle of a copy`);
    // Otherwise the kills have missed what they are for.
    expect(halfway).toBeGreaterThan(ROUNDS / 10);
  },
);
