import { join } from 'node:path';
import { expect, test } from 'vitest';
import { workspace } from '../support/workspace.ts';

const OURS = join(import.meta.dirname, '..', '..', '..', '..', 'examples', 'conformance', 'verifier.js');

test('our own verifier passes the whole corpus, in a process of its own for each case', async () => {
  const { status, stdout, stderr } = await workspace().run([
    'conformance',
    '--timeout',
    '5m',
    '--',
    process.execPath,
    OURS,
  ]);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout).toMatch(/^(\d+) cases: \1 passed, 0 failed\n$/);
});
