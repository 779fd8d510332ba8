import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as source from '../../src/browser.ts';
import { ATTACKS } from '../attacks.ts';
import { honestAttempts, mlDsaAttempts, plainAttempt } from './attempts.ts';
import { buildForBrowsers } from './build.ts';
import { decideAll, type PlainAttempt } from './decide.js';

// Bytes, gzipped. The aim is 30,000. Of the 40,600 that it has, cbor-x is 10,700 and the @noble libraries are 8,200.
const MAX_MODULE_SIZE = 41_000;

let directory: string;
beforeAll(() => {
  directory = buildForBrowsers();
  copyFileSync(join(import.meta.dirname, 'decide.js'), join(directory, 'decide.js'));
});
afterAll(() => rmSync(directory, { recursive: true }));

// In a process of its own, in which the module finds nothing that a browser does not have.
const CHILD = `
  import { readFileSync } from 'node:fs';
  const attempts = JSON.parse(readFileSync(0, 'utf8'));
  const [, directory] = process.argv;
  for (const name of ['process', 'Buffer', 'global', 'setImmediate', 'clearImmediate']) delete globalThis[name];
  const { decideBuilt } = await import(directory + '/decide.js');
  console.log(JSON.stringify(await decideBuilt(attempts)));
`;

const decideInChild = (attempts: readonly PlainAttempt[], from = directory): unknown =>
  JSON.parse(
    execFileSync(process.execPath, ['--input-type=module', '-e', CHILD, pathToFileURL(from).href], {
      input: JSON.stringify(attempts),
      encoding: 'utf8',
      stdio: ['pipe', 'pipe', 'pipe'],
    }),
  );

test(`the module is at most ${MAX_MODULE_SIZE} bytes, gzipped`, () => {
  expect(gzipSync(readFileSync(join(directory, 'verifier.js')), { level: 9 }).length).toBeLessThanOrEqual(
    MAX_MODULE_SIZE,
  );
});

test('it exports what its source does, and nothing else', async () => {
  const built = await import(/* @vite-ignore */ pathToFileURL(join(directory, 'verifier.js')).href);
  expect(Object.keys(built).sort()).toEqual(Object.keys(source).sort());
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
