import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { SeededRandom } from '@vitrine/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as source from '../../src/browser.ts';
import { ATTACKS } from '../attacks.ts';
import { damaged, exampleDownloads, honestAttempts, mlDsaAttempts, plainAttempt } from './attempts.ts';
import { buildForBrowsers } from './build.ts';
import { decideAll, type PlainAttempt } from './decide.js';

// Bytes, gzipped. The aim is 30,000. It has 40,600; without cbor-x it would have 30,300, without the @noble libraries too 22,400.
const MAX_MODULE_SIZE = 41_000;

let directory: string;
beforeAll(() => {
  directory = buildForBrowsers();
  for (const file of ['decide.js', 'run-example.js'])
    copyFileSync(join(import.meta.dirname, file), join(directory, file));
});
afterAll(() => rmSync(directory, { recursive: true }));

// In a process of its own, in which the module finds nothing that a browser does not have.
const CHILD = `
  import { readFileSync } from 'node:fs';
  const { module, name, arg } = JSON.parse(readFileSync(0, 'utf8'));
  const [, directory] = process.argv;
  for (const own of ['process', 'Buffer', 'global', 'setImmediate', 'clearImmediate']) delete globalThis[own];
  console.log(JSON.stringify(await (await import(directory + '/' + module))[name](arg)));
`;

const callInChild = (module: string, name: string, arg: unknown, from = directory): unknown =>
  JSON.parse(
    execFileSync(process.execPath, ['--input-type=module', '-e', CHILD, pathToFileURL(from).href], {
      input: JSON.stringify({ module, name, arg }),
      encoding: 'utf8',
      stdio: ['pipe', 'pipe', 'pipe'],
    }),
  );

const decideInChild = (attempts: readonly PlainAttempt[], from = directory): unknown =>
  callInChild('decide.js', 'decideBuilt', attempts, from);

test(`the module is at most ${MAX_MODULE_SIZE} bytes, gzipped`, () => {
  expect(gzipSync(readFileSync(join(directory, 'verifier.js')), { level: 9 }).length).toBeLessThanOrEqual(
    MAX_MODULE_SIZE,
  );
});

test('it exports what its source does, and nothing else', async () => {
  const built = await import(/* @vite-ignore */ pathToFileURL(join(directory, 'verifier.js')).href);
  expect(Object.keys(built).sort()).toEqual(Object.keys(source).sort());
});

test('the example of the documentation runs', async () => {
  for (const { args, says } of await exampleDownloads()) {
    expect(callInChild('run-example.js', 'runExample', args)).toBe(says);
  }
});

describe('where there is nothing of Node, decides as in Node', () => {
  test('about honest releases', async () => {
    const attempts = await honestAttempts();
    const outcomes = await decideAll(source, attempts);
    expect(outcomes).toEqual(attempts.map(() => ({ finding: expect.anything(), state: expect.any(String) })));
    expect(decideInChild(attempts)).toEqual(outcomes);
  });

  test('about every attack', async () => {
    const attempts = await Promise.all(ATTACKS.map(async ({ attempt }) => plainAttempt(await attempt())));
    const outcomes = await decideAll(source, attempts);
    expect(outcomes.map(({ refused }) => refused)).toEqual(ATTACKS.map(({ code }) => code));
    expect(decideInChild(attempts)).toEqual(outcomes);
  });

  test('about damaged bundles and trust files', async () => {
    const attempts = damaged(await honestAttempts(), 300, new SeededRandom(1));
    expect(decideInChild(attempts)).toEqual(await decideAll(source, attempts));
  });

  test('about cosignatures by ML-DSA-44, and only then needs its module', async () => {
    const attempts = await mlDsaAttempts();
    const outcomes = await decideAll(source, attempts);
    expect(outcomes).toMatchObject([{ finding: expect.anything() }, { refused: 'checkpoint-witnesses' }]);
    expect(decideInChild(attempts)).toEqual(outcomes);

    const without = mkdtempSync(join(tmpdir(), 'vitrine-browser-'));
    try {
      for (const file of ['verifier.js', 'decide.js']) copyFileSync(join(directory, file), join(without, file));
      expect(() => decideInChild(attempts, without)).toThrow(/ml-dsa\.js/);
      expect(decideInChild(await honestAttempts(), without)).toMatchObject([{ finding: expect.anything() }, {}]);
    } finally {
      rmSync(without, { recursive: true });
    }
  });
});
