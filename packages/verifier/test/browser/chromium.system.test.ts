import { rmSync } from 'node:fs';
import { ChromiumPage } from '@vitrine/testkit/chromium';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as source from '../../src/browser.ts';
import { ATTACKS } from '../attacks.ts';
import { exampleDownloads, honestAttempts, mlDsaAttempts, plainAttempt } from './attempts.ts';
import { buildForBrowsers } from './build.ts';
import { decideAll, type PlainAttempt } from './decide.js';

let directory: string;
beforeAll(() => {
  directory = buildForBrowsers();
});
afterAll(() => rmSync(directory, { recursive: true }));

const open = (): Promise<ChromiumPage> => ChromiumPage.open(directory, import.meta.dirname);

describe.each([
  ['a page', false],
  ['a worker', true],
])('in %s of Chromium', (_, worker) => {
  const decide = async (page: ChromiumPage, attempts: readonly PlainAttempt[]): Promise<unknown> => {
    const { value, violations } = await page.call({
      module: 'decide.js',
      name: 'decideBuilt',
      args: [attempts],
      worker,
    });
    expect(violations).toEqual([]);
    return value;
  };

  test('no code can be made from text', async () => {
    await using page = await open();
    expect(await page.call({ module: 'decide.js', name: 'mayEval', worker })).toEqual({
      value: false,
      violations: ['script-src eval'],
    });
  });

  test('honest releases are accepted with the finding that Node has, by one module', async () => {
    await using page = await open();
    const attempts = await honestAttempts();
    const outcomes = await decideAll(source, attempts);
    expect(outcomes).toEqual(attempts.map(() => ({ finding: expect.anything(), state: expect.any(String) })));
    expect(await decide(page, attempts)).toEqual(outcomes);
    expect(page.requests).toEqual(['decide.js', 'verifier.js']);
  });

  test.each([
    ['every attack', false, []],
    ['every attack with a key of ML-DSA-44', true, ['ml-dsa.js']],
  ])('%s is refused as in Node', async (_, mlDsa, loaded) => {
    await using page = await open();
    const tried = await Promise.all(ATTACKS.map(async ({ attempt, code }) => ({ attempt: await attempt(), code })));
    const some = tried.filter(({ attempt: { options } }) => (options?.schemes !== undefined) === mlDsa);
    expect(some.length).toBeGreaterThan(0);
    const attempts = some.map(({ attempt }) => plainAttempt(attempt));
    const outcomes = await decideAll(source, attempts);
    expect(outcomes.map(({ refused }) => refused)).toEqual(some.map(({ code }) => code));
    expect(await decide(page, attempts)).toEqual(outcomes);
    expect(page.requests).toEqual(['decide.js', 'verifier.js', ...loaded]);
  });

  test('the example of the documentation runs', async () => {
    await using page = await open();
    for (const { args, says } of await exampleDownloads()) {
      const result = await page.call({ module: 'run-example.js', name: 'runExample', args: [args], worker });
      expect(result).toEqual({ value: says, violations: [] });
    }
  });

  test('a trust file with a key of ML-DSA-44 loads it', async () => {
    await using page = await open();
    const attempts = await mlDsaAttempts();
    const outcomes = await decideAll(source, attempts);
    expect(outcomes).toMatchObject([{ finding: expect.anything() }, { refused: 'checkpoint-witnesses' }]);
    expect(await decide(page, attempts)).toEqual(outcomes);
    expect(page.requests).toEqual(['decide.js', 'verifier.js', 'ml-dsa.js']);
  });
});
