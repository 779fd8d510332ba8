import { defineConfig } from 'vitest/config';

const conditions = ['@vitrine/source', 'node', 'module', 'development|production'];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    // The latter run with every `npm test` too, in fewer rounds.
    include: [
      'packages/*/test/**/*.system.test.ts',
      'packages/core/test/log/kill.test.ts',
      'packages/witness/test/races.test.ts',
    ],
    testTimeout: 600_000,
    hookTimeout: 300_000,
    // What never comes is waited for that long.
    expect: { poll: { timeout: 120_000 } },
  },
});
