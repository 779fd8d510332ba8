import { configDefaults, defineConfig } from 'vitest/config';

const conditions = ['@vitrine/source', 'node', 'module', 'development|production'];
const root = import.meta.dirname;
/** What a test waits for comes when the machine gets to it. All times here are for what never comes. */
const patience = { testTimeout: 300_000, hookTimeout: 300_000, expect: { poll: { timeout: 120_000 } } };
const shared = {
  resolve: { conditions },
  ssr: { resolve: { conditions } },
};

export default defineConfig({
  test: {
    // Much of the time goes to processes that tests start and wait for.
    maxWorkers: '100%',
    projects: [
      {
        ...shared,
        test: {
          name: 'native',
          include: ['packages/*/test/**/*.test.ts'],
          // They need root and Debian packages: `npm run test:system`.
          exclude: [...configDefaults.exclude, '**/*.system.test.ts'],
          ...patience,
        },
      },
      {
        // The pure layer once more on what a browser gets: the portable SHA-256 and Ed25519, and cbor-x without its add-on.
        ...shared,
        resolve: {
          conditions,
          alias: {
            '#sha256': `${root}/packages/core/src/crypto/sha256.ts`,
            '#ed25519': `${root}/packages/core/src/crypto/ed25519.ts`,
          },
        },
        test: {
          name: 'portable',
          include: [
            'packages/core/test/{cbor,crypto,log-index,note,prefix,tile,tree}/*.test.ts',
            'packages/signer/test/{cose,proof,statement}/*.test.ts',
          ],
          env: { CBOR_NATIVE_ACCELERATION_DISABLED: 'true' },
          // Thousands of signatures, which take long here and differ in nothing from those of the others.
          exclude: [...configDefaults.exclude, '**/*.system.test.ts', '**/changed-byte.test.ts'],
          ...patience,
        },
      },
    ],
  },
});
