import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CoreError } from '@vitrine/core';
import { onTestFinished } from 'vitest';
import { SignerError, type SourceFile, type SourceMode } from '../../src/index.ts';

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
export const hex = (data: Uint8Array): string => Buffer.from(data).toString('hex');
export const sha256 = (data: Uint8Array): Uint8Array => new Uint8Array(createHash('sha256').update(data).digest());

/** A file as a reader finds it. */
export function fileOf(path: string | Uint8Array, content = '', mode: SourceMode = '100644'): SourceFile {
  const data = bytes(content);
  return { mode, sha256: sha256(data), size: data.length, path: typeof path === 'string' ? bytes(path) : path };
}

/** A new directory that is there until the test is over. */
export function temporary(): string {
  const directory = mkdtempSync(join(tmpdir(), 'vitrine-source-'));
  // To remove 100,000 files takes a while.
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }), 300_000);
  return directory;
}

// Nothing of whoever runs the tests.
const GIT_ENVIRONMENT = {
  PATH: process.env['PATH'],
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_AUTHOR_NAME: 'A',
  GIT_AUTHOR_EMAIL: 'a@example.com',
  GIT_COMMITTER_NAME: 'A',
  GIT_COMMITTER_EMAIL: 'a@example.com',
};

/** Runs git; its standard output without the newline at the end. */
export function git(directory: string, args: readonly string[], input: string | Uint8Array = ''): string {
  return execFileSync('git', args, { cwd: directory, env: GIT_ENVIRONMENT, input, stdio: 'pipe', maxBuffer: 2 ** 28 })
    .toString('latin1')
    .trimEnd();
}

/** Commits everything that is in the work tree; the commit. */
export function commitAll(repository: string): string {
  git(repository, ['add', '--all']);
  git(repository, ['commit', '--quiet', '--allow-empty', '--message', 'x']);
  return git(repository, ['rev-parse', 'HEAD']);
}

/** A new repository. */
export function repositoryOf(...options: string[]): string {
  const directory = temporary();
  git(directory, ['init', '--quiet', '--initial-branch', 'main', ...options]);
  return directory;
}

/** Code and message of the error of this project that `act` throws. */
export async function refusalOf(act: () => unknown): Promise<{ code: string; message: string }> {
  try {
    await act();
  } catch (error) {
    if (error instanceof SignerError || error instanceof CoreError) return { code: error.code, message: error.message };
    throw error;
  }
  throw new Error('nothing was refused');
}
