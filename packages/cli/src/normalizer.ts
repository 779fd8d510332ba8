import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, constants, open } from 'node:fs/promises';
import { devNull } from 'node:os';
import { basename, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { equalBytes } from '@vitrine/core';
import type { Context } from './context.ts';
import { CliError, fileError } from './errors.ts';
import { hashFiles } from './hashed-file.ts';

/** A program of the reviewer's, which takes out of an artifact what a rebuild cannot reproduce, and its digest. */
export interface Normalizer {
  /** Absolute. */
  readonly path: string;
  readonly name: string;
  readonly sha256: Uint8Array;
}

/** SHA-256 of what a normalizer made of two files. */
export interface Normalized {
  readonly theirs: Uint8Array;
  readonly mine: Uint8Array;
}

/**
 * The program in a file.
 *
 * @throws CliError `file-missing`, `file-type`, `file-io`
 */
export async function loadNormalizer(context: Context, path: string): Promise<Normalizer> {
  const name = basename(path);
  const [hashed] = await hashFiles(context, [{ path, name }], { json: true });
  await access(path, constants.X_OK).catch(() => {
    throw new CliError('file-type', `${path} cannot be executed: chmod +x ${path}`);
  });
  return { path: resolve(path), name, sha256: hashed!.sha256 };
}

/**
 * Runs the normalizer on two files, and hashes what it prints. Each file is its standard input once: the file itself, opened
 * to be read, in which it can seek and which it can open as `/dev/stdin`.
 *
 * @throws CliError `normalizer-failed` if it cannot be run or fails, or if it makes the same of both and of nothing at all:
 * then it looks at nothing, and shows nothing; `file-missing`, `file-type`, `file-io`
 */
export async function normalize(
  context: Context,
  normalizer: Normalizer,
  { theirs, mine }: { readonly theirs: string; readonly mine: string },
): Promise<Normalized> {
  const made = {
    theirs: await outputHash(context, normalizer, theirs),
    mine: await outputHash(context, normalizer, mine),
  };
  if (equalBytes(made.theirs, made.mine) && (await ignoresInput(context, normalizer, made.mine))) {
    throw new CliError('normalizer-failed', `${normalizer.name} makes the same of ${theirs} as of nothing at all`);
  }
  return made;
}

async function ignoresInput(context: Context, normalizer: Normalizer, made: Uint8Array): Promise<boolean> {
  try {
    return equalBytes(await outputHash(context, normalizer, devNull), made);
  } catch (error) {
    // Many refuse what is no artifact.
    if (error instanceof CliError && error.code === 'normalizer-failed') return false;
    throw error;
  }
}

async function outputHash({ signal, output }: Context, { path, name }: Normalizer, input: string): Promise<Uint8Array> {
  const failed = (what: string, cause?: unknown): CliError =>
    new CliError('normalizer-failed', `${name} ${what}, on ${input}`, { cause });
  await using file = await open(input).catch((error: unknown) => {
    throw fileError(input, error);
  });
  const child = spawn(path, [], { stdio: [file.fd, 'pipe', 'pipe'], signal });
  // As it is: the program is the user's own.
  child.stderr!.on('data', (chunk: Uint8Array) => void output.stderr.write(chunk));
  const ended = new Promise<string | undefined>((done, reject) => {
    child.on('error', reject);
    child.on('close', (status, signalName) => {
      if (signalName !== null) done(`was ended by ${signalName}`);
      else done(status === 0 ? undefined : `ended with exit status ${status}`);
    });
  });
  const hash = createHash('sha256');
  const [printed, end] = await Promise.allSettled([pipeline(child.stdout!, hash), ended]);
  signal.throwIfAborted();
  if (end.status === 'rejected') throw failed('could not be run', end.reason);
  if (end.value !== undefined) throw failed(end.value);
  if (printed.status === 'rejected') throw failed('could not be read', printed.reason);
  return new Uint8Array(hash.digest());
}
