import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ReferenceTree } from '@vitrine/testkit';
import { expect, test } from 'vitest';
import { formatSourceLine, verifyFileProof } from '../../src/index.ts';
import { readDirectoryTree, readGitTree, type SourceProgress } from '../../src/node.ts';
import { bytes, commitAll, fileOf, hex, repositoryOf, temporary } from './support.ts';

const MIB = 1024 * 1024;

/** How much the resident memory grows while `read` runs, in bytes, looked at whenever it reports. */
async function growthOf(read: (onProgress: (progress: SourceProgress) => void) => Promise<unknown>): Promise<number> {
  const before = process.memoryUsage.rss();
  let most = before;
  await read(() => {
    most = Math.max(most, process.memoryUsage.rss());
  });
  return most - before;
}

test('a tree of 20,000 files has the root of the reference, and its files are proven', async () => {
  const directory = temporary();
  const files = Array.from({ length: 20_000 }, (_, i) => fileOf(`d${i % 50}/${i}`, i % 10 === 0 ? `${i}` : ''));
  for (let i = 0; i < 50; i++) mkdirSync(join(directory, `d${i}`));
  for (let i = 0; i < 20_000; i++) writeFileSync(join(directory, `d${i % 50}/${i}`), i % 10 === 0 ? `${i}` : '');
  const tree = await readDirectoryTree(directory);
  const lines = files.sort((a, b) => Buffer.compare(a.path, b.path)).map(formatSourceLine);
  expect(hex(tree.summary.root)).toBe(hex(new ReferenceTree(lines).root(20_000)));
  for (const path of ['d0/0', 'd49/19999', 'd7/12307']) {
    verifyFileProof({ tree: tree.summary, file: await tree.prove(bytes(path)) });
  }
});

test('a large file of a directory is read in parts', async () => {
  const directory = temporary();
  writeFileSync(join(directory, 'large'), '');
  truncateSync(join(directory, 'large'), 512 * MIB);
  const growth = await growthOf(async (onProgress) => {
    expect((await readDirectoryTree(directory, { onProgress })).summary.size).toBe(512 * MIB);
  });
  expect(growth).toBeLessThan(128 * MIB);
});

test('a large file of a commit is read in parts', async () => {
  const repository = repositoryOf();
  writeFileSync(join(repository, 'large'), '');
  truncateSync(join(repository, 'large'), 512 * MIB);
  commitAll(repository);
  const growth = await growthOf(async (onProgress) => {
    expect((await readGitTree('HEAD', { repository, onProgress })).summary.size).toBe(512 * MIB);
  });
  expect(growth).toBeLessThan(128 * MIB);
});
