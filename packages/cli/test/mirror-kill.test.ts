import { expect, test } from 'vitest';
import { killMirrors } from './support/mirror-kills.ts';

const SEED = Number(process.env['SEED'] ?? 1);

// A hundred of each are a system test.
test.each([
  ['copies', false, 8_000],
  ['derives the index of what it copies', true, 2_000],
] as const)(
  `a mirror that %s and is killed at 5 moments (seed ${SEED}) goes on, and replaces nothing`,
  { timeout: 180_000 },
  async (_, checkIndex, entries) => {
    const found = await killMirrors({ kills: 5, seed: SEED, entries, checkIndex });
    expect(found).toHaveLength(5);
  },
);
