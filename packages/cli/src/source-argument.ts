import { stat } from 'node:fs/promises';
import type { SourceTree } from '@vitrine/signer/node';
import type { Context } from './context.ts';
import { CliError, fileError } from './errors.ts';
import { startProgress } from './progress.ts';

/** A source that somebody named. */
export type SourceArgument =
  | { readonly kind: 'directory'; readonly path: string }
  | { readonly kind: 'revision'; readonly revision: string; readonly repository: string };

/** How a source is read. */
export interface ReadSourceOptions {
  /** The secret of a confidential tree. */
  readonly secret?: Uint8Array | undefined;
  readonly json?: boolean | undefined;
}

/** A source tree, and the commit that it was read from. */
export interface ReadSource {
  readonly tree: SourceTree;
  readonly commit?: string;
}

/**
 * What a `<source>` on the command line is: with a repository a revision of it; otherwise a directory, or a revision of the
 * repository in the current directory.
 *
 * @throws CliError `usage` if it could be either, `file-missing`, `file-type`
 */
export async function resolveSource(source: string, repository: string | undefined): Promise<SourceArgument> {
  if (repository !== undefined) return { kind: 'revision', revision: source, repository };
  const found = await stat(source).catch((error: NodeJS.ErrnoException) => error);
  const isDirectory = !(found instanceof Error) && found.isDirectory();
  // No revision has such a name, and git need not be there.
  if (isDirectory && /^\.{0,2}(\/|$)/.test(source)) return { kind: 'directory', path: source };
  const { isGitRevision } = await import('@vitrine/signer/node');
  const isRevision = await isGitRevision(source, '.');
  if (isDirectory && isRevision) {
    const message = `${source} is a directory and a git revision: write ./${source}, or add --repo . for the revision`;
    throw new CliError('usage', message);
  }
  if (isDirectory) return { kind: 'directory', path: source };
  if (isRevision) return { kind: 'revision', revision: source, repository: '.' };
  if (!(found instanceof Error)) throw new CliError('file-type', `${source} is not a directory`);
  if (found.code !== 'ENOENT') throw fileError(source, found);
  const hint = 'name the repository with --repo if it is another one';
  throw new CliError('file-missing', `${source} is no directory, and no git revision in the current one: ${hint}`);
}

/**
 * Reads a source tree, with a progress bar.
 *
 * @throws CliError with `file-` codes; SignerError `source-unrepresentable`, `source-changed`, `git-failed`
 */
export async function readSource(
  context: Context,
  source: SourceArgument,
  { secret, json }: ReadSourceOptions,
): Promise<ReadSource> {
  const { readDirectoryTree, readGitTree } = await import('@vitrine/signer/node');
  const { signal } = context;
  const progress = startProgress(context, { label: 'hashing', unit: 'bytes', json });
  const options = {
    signal,
    onProgress: ({ size }: { readonly size: number }): void => progress.update(size),
    ...(secret !== undefined && { secret }),
  };
  try {
    if (source.kind === 'directory') return { tree: await readDirectoryTree(source.path, options) };
    const tree = await readGitTree(source.revision, { ...options, repository: source.repository });
    return { tree, commit: tree.commit };
  } catch (error) {
    throw source.kind === 'directory' ? fileError(pathOf(error) ?? source.path, error) : error;
  } finally {
    progress.stop();
  }
}

function pathOf(error: unknown): string | undefined {
  return error instanceof Error ? (error as NodeJS.ErrnoException).path : undefined;
}
