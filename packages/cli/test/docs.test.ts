import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { EXIT_STATUS } from '../src/errors.ts';

const root = new URL('../../../', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8');

test('docs/errors.md lists every code with its exit status, in order', () => {
  const rows = [...read('docs/errors.md').matchAll(/^\| `([a-z0-9-]+)` \| (\d+) \|/gm)].map(([, code, status]) => [
    code,
    Number(status),
  ]);
  const expected = Object.entries(EXIT_STATUS).sort(([a], [b]) => (a < b ? -1 : 1));
  expect(rows).toEqual(expected);
});

test('links between the documents lead somewhere', () => {
  const files = [
    'README.md',
    ...readdirSync(new URL('docs/', root))
      .filter((name) => name.endsWith('.md'))
      .map((name) => `docs/${name}`),
  ];
  for (const file of files) {
    for (const [, target] of read(file).matchAll(/\]\((?!https?:)([^)#]+)/g)) {
      expect(() => statSync(new URL(target!, new URL(file, root))), `${file} links to ${target}`).not.toThrow();
    }
  }
});

test('the program in the README runs', () => {
  const [, program] = /```js\n([\s\S]+?)```/.exec(read('README.md'))!;
  // Below the repository, where its packages are found.
  const directory = mkdtempSync(join(fileURLToPath(root), 'node_modules', '.vitrine-readme-'));
  try {
    writeFileSync(join(directory, 'program.mjs'), program!);
    execFileSync(process.execPath, ['program.mjs'], { cwd: directory, stdio: 'pipe' });
    expect(readdirSync(join(directory, 'public'))).toContain('checkpoint');
  } finally {
    rmSync(directory, { recursive: true });
  }
});
