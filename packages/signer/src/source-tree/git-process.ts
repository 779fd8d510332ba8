import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { displayOctets } from '@vitrine/core';
import { SignerError } from '../error.ts';
import { OutputError } from './byte-reader.ts';

/** Where git runs. */
export interface GitPlace {
  /** A repository, bare or not, or a directory in its work tree. */
  readonly repository: string;
  readonly signal: AbortSignal | undefined;
}

// Most of what git says on stderr that is kept.
const MAX_WORDS = 4096;

// What leads git to another repository, other objects or another history than those of the directory that it is given:
// `git rev-parse --local-env-vars`, without the variables that carry configuration.
const REDIRECTING: readonly string[] = [
  'GIT_ALTERNATE_OBJECT_DIRECTORIES',
  'GIT_COMMON_DIR',
  'GIT_DIR',
  'GIT_GRAFT_FILE',
  'GIT_IMPLICIT_WORK_TREE',
  'GIT_INDEX_FILE',
  'GIT_INTERNAL_SUPER_PREFIX',
  'GIT_NAMESPACE',
  'GIT_OBJECT_DIRECTORY',
  'GIT_PREFIX',
  'GIT_REPLACE_REF_BASE',
  'GIT_SHALLOW_FILE',
  'GIT_WORK_TREE',
];

const ENVIRONMENT: Readonly<Record<string, string>> = {
  // A partial clone must not fetch what it lacks. git knows this variable since 2.45; the next one allows no transport.
  GIT_NO_LAZY_FETCH: '1',
  GIT_ALLOW_PROTOCOL: '',
  GIT_OPTIONAL_LOCKS: '0',
  GIT_TERMINAL_PROMPT: '0',
  LC_ALL: 'C',
};

/**
 * Runs git, without a shell, and gives its standard input and output to `use`, which reads the output to its end.
 *
 * git acts on the repository that it is given, whatever `GIT_DIR` and its like say, sees objects and not their replacements,
 * fetches nothing, asks nothing and writes nothing. Its configuration is the user's, so `safe.directory` holds.
 *
 * @throws SignerError `git-failed`, with git's own words, if git is missing, fails, or if `use` throws an OutputError; the
 * signal's reason; what else `use` throws
 */
export async function withGit<T>(
  args: readonly string[],
  { repository, signal }: GitPlace,
  use: (git: { readonly input: Writable; readonly output: Readable }) => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted();
  const git = await start(['--no-replace-objects', '-C', repository, ...args]);
  const end = (): void => void git.kill();
  signal?.addEventListener('abort', end);
  const ending = endingOf(git);
  try {
    const result = await use({ input: git.stdin, output: git.stdout });
    const { status, words } = await ending;
    if (status !== undefined) throw gitFailed(args, words || status);
    return result;
  } catch (error) {
    signal?.throwIfAborted();
    if (!(error instanceof OutputError)) throw error;
    end();
    // Whatever is left of it: nobody reads it, and git has not ended for Node before it is gone.
    git.stdout.destroy();
    const { words } = await ending;
    throw gitFailed(args, words === '' ? error.message : `${error.message}; ${words}`);
  } finally {
    signal?.removeEventListener('abort', end);
    end();
  }
}

async function start(args: readonly string[]): Promise<ChildProcessWithoutNullStreams> {
  try {
    const inherited = Object.entries(process.env).filter(([name]) => !REDIRECTING.includes(name));
    const git = spawn('git', args, { env: { ...Object.fromEntries(inherited), ...ENVIRONMENT } });
    // If git ends before it has read all of its input, its status and its words say more than this error does.
    git.stdin.on('error', () => {});
    await once(git, 'spawn');
    return git;
  } catch (error) {
    throw new SignerError('git-failed', `git cannot be run: ${(error as Error).message}`, { cause: error });
  }
}

/** How git ended: what its status says, undefined for success, and what it said on stderr. */
async function endingOf(git: ChildProcessWithoutNullStreams): Promise<{ status: string | undefined; words: string }> {
  const parts: Uint8Array[] = [];
  let length = 0;
  git.stderr.on('data', (part: Uint8Array) => {
    if (length < MAX_WORDS) parts.push(part);
    length += part.length;
  });
  const [code, signal] = (await once(git, 'close')) as [number | null, NodeJS.Signals | null];
  const lines = Buffer.concat(parts).subarray(0, MAX_WORDS).toString('latin1').trim().split('\n');
  return {
    status: code === 0 ? undefined : `it ended with ${code === null ? signal : `status ${code}`}`,
    words: lines.map(displayOctets).join('; '),
  };
}

function gitFailed(args: readonly string[], why: string): SignerError {
  const command = displayOctets(Buffer.from(['git', ...args].join(' ')).toString('latin1'));
  return new SignerError('git-failed', `${command} failed: ${why}`);
}
