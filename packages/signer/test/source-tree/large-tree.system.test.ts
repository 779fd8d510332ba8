import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { git, repositoryOf } from './support.ts';

const FILES = 100_000;
const MAX_MIB = 320;

/** A repository of one commit with 100,000 files in 1,000 directories, and its checkout. */
function largeRepository(): string {
  const repository = repositoryOf();
  const parts = ['commit refs/heads/main\ncommitter A <a@example.com> 0 +0000\ndata 1\nx\n'];
  for (let i = 0; i < FILES; i++) {
    const content = `content of file ${i}\n`.repeat(i % 200);
    const path = `packages/package-${i % 1000}/src/some-directory/source-file-${i}.ts`;
    parts.push(`M 100644 inline ${path}\ndata ${content.length}\n${content}\n`);
  }
  git(repository, ['fast-import', '--quiet'], parts.join(''));
  git(repository, ['reset', '--quiet', '--hard']);
  return repository;
}

/** Reads a tree in a process of its own, as only that tells the most memory that it took. */
function measure(expression: string): { root: string; files: number; seconds: number; mib: number } {
  const entry = fileURLToPath(new URL('../../dist/node.js', import.meta.url));
  const script = `
    const { readFileSync } = await import('node:fs');
    const { readDirectoryTree, readGitTree } = await import(${JSON.stringify(entry)});
    const start = performance.now();
    const { root, files } = (await ${expression}).summary;
    const seconds = (performance.now() - start) / 1000;
    // Not resourceUsage().maxRSS: on Linux that begins with what the parent process took.
    const mib = Number(/^VmHWM:\\s+(\\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))[1]) / 1024;
    console.log(JSON.stringify({ root: Buffer.from(root).toString('hex'), files, seconds, mib }));
  `;
  return JSON.parse(execFileSync(process.execPath, ['--input-type=module', '--eval', script], { encoding: 'utf8' }));
}

test('a tree of 100,000 files is read in bounded memory, from git and from a directory, salted and not', () => {
  const repository = JSON.stringify(largeRepository());
  const nothing = measure(`(async () => ({ summary: { root: '', files: 0 } }))()`);
  const secret = 'new Uint8Array(32)';
  const measured = {
    git: measure(`readGitTree('HEAD', { repository: ${repository} })`),
    directory: measure(`readDirectoryTree(${repository})`),
    'salted, git': measure(`readGitTree('HEAD', { repository: ${repository}, secret: ${secret} })`),
    'salted, directory': measure(`readDirectoryTree(${repository}, { secret: ${secret} })`),
  };
  console.log(`nothing: ${nothing.mib.toFixed()} MiB`);
  for (const [name, { seconds, mib, files }] of Object.entries(measured)) {
    console.log(`${name}: ${files} files, ${seconds.toFixed(1)} s, ${mib.toFixed()} MiB`);
    expect(files).toBe(FILES);
    expect(mib).toBeLessThan(MAX_MIB);
  }
  expect(measured.directory.root).toBe(measured.git.root);
  expect(measured['salted, directory'].root).toBe(measured['salted, git'].root);
});
