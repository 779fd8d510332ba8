import { defineConfig } from 'vitest/config';

const conditions = ['@vitrine/source', 'node', 'module', 'development|production'];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: { include: ['packages/*/test/**/*.fuzz.test.ts'], testTimeout: 3_600_000 },
});
