import { expect, test } from 'vitest';
import { killAgents } from './support/agent-kills.ts';

const SEED = Number(process.env['SEED'] ?? 1);

// A hundred, with deltas, are a system test.
test(`an agent that is killed at 6 moments (seed ${SEED}) leaves a release that is whole, and its state`, async () => {
  const moments = await killAgents({ kills: 6, seed: SEED, deltas: false });
  expect([...moments.values()].reduce((sum, count) => sum + count)).toBe(6);
});
