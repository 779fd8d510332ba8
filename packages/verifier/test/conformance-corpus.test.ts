import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { answerTo, CASES, corpusFiles, idOf } from './conformance/corpus.ts';

const DIRECTORY = join(import.meta.dirname, '..', 'conformance');

/** The files below the directory that were generated. */
const committed = (): string[] =>
  readdirSync(DIRECTORY, { recursive: true, encoding: 'utf8' })
    .filter((path) => statSync(join(DIRECTORY, path)).isFile())
    .sort();

describe('the cases', () => {
  test('have different names', () => {
    expect(new Set(CASES.map(idOf)).size).toBe(CASES.length);
  });

  test.each(CASES)('$name: $expected', async ({ expected, finding, input }) => {
    const answer = answerTo(await input());
    if (expected === 'accepted') expect(answer).toMatchObject({ accepted: finding });
    else expect(answer).toMatchObject({ refused: expected });
  });

  test('have every code of a refusal', () => {
    const [, union] = /export type RefusalCode =\n([\s\S]+?);/.exec(
      readFileSync(join(import.meta.dirname, '..', 'src', 'refusal.ts'), 'utf8'),
    )!;
    const codes = Array.from(union!.matchAll(/^ {2}\| '([a-z-]+)'$/gm), ([, code]) => code!);
    const expected = new Set<string>(CASES.map((one) => one.expected));
    expect(codes.length).toBeGreaterThan(40);
    // No decision is by a receipt.
    expect(codes.filter((code) => !expected.has(code) && !code.startsWith('receipt-'))).toEqual([]);
  });
});

test('the corpus is the one that the tables make: npm run conformance:write', async () => {
  const files = await corpusFiles();
  if (process.env['CONFORMANCE_WRITE'] === '1') {
    rmSync(DIRECTORY, { recursive: true, force: true });
    for (const [path, bytes] of files) {
      mkdirSync(dirname(join(DIRECTORY, path)), { recursive: true });
      writeFileSync(join(DIRECTORY, path), bytes);
    }
  }
  expect(committed()).toEqual([...files.keys()].sort());
  for (const [path, bytes] of files) {
    expect(Buffer.compare(readFileSync(join(DIRECTORY, path)), bytes), `${path} is another`).toBe(0);
  }
});
