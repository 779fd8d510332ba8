import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { SignerError } from '../error.ts';
import { ByteReader, OutputError } from './byte-reader.ts';
import { type GitPlace, withGit } from './git-process.ts';
import { ListingCount, MAX_SOURCE_FILES } from './listing.ts';
import { ProgressCount, type ReadTreeOptions } from './read-options.ts';
import { displayPath, formatSourceLine, type SourceFile, type SourceMode, unrepresentable } from './source-file.ts';
import { SourceTree } from './source-tree.ts';

const NEWLINE = 0x0a;
// Longer than any line of a source tree, so that a path too long is refused as one.
const MAX_RECORD = 1024 * 1024;
const MAX_ANSWER = 256;
const REQUESTS_AT_ONCE = 256;
const NO_CONTENT = new Uint8Array(32);

const OBJECT_ID = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/;
const TREE_ENTRY = /^([0-7]{6}) ([a-z]+) ([0-9a-f]{40}|[0-9a-f]{64})\t/;
const SUBMODULE = '160000';
const FILE_MODES: ReadonlySet<string> = new Set<SourceMode>(['100644', '100755', '120000']);

/** How a revision is read as a source tree. */
export interface ReadGitOptions extends ReadTreeOptions {
  /** A repository, bare or not, or a directory in its work tree; `.` if not given. */
  readonly repository?: string;
}

/** The source tree of a git commit. */
export class GitSourceTree extends SourceTree {
  /** The commit's object ID, in hex. */
  readonly commit: string;

  constructor(commit: string, files: Iterable<SourceFile>, secret?: Uint8Array) {
    super(files, secret);
    this.commit = commit;
  }
}

/** A blob and where it stands in a commit's tree. */
interface TreeEntry {
  readonly mode: SourceMode;
  readonly id: string;
  readonly path: Uint8Array;
}

/**
 * Reads the whole tree of a git revision as a source tree, with the `git` program and without a checkout: the contents as
 * they are in the repository, before any filter or conversion. The same tree as that of a clean checkout, within the limits
 * that `readDirectoryTree` tells.
 *
 * Every content is checked against its object ID; that trees and commits are whole is git's to check (`git fsck`). The
 * repository is the one given: `GIT_DIR` and its like are not heeded. Contents are read in parts and not kept.
 *
 * @param revision what git can resolve to a commit: a name of a branch or a tag, an object ID, `HEAD~2`
 * A name with a slash in it, which only a hand-made tree has, is taken for a path, as git does in a checkout.
 *
 * @throws SignerError `source-unrepresentable` for a submodule, for more than `maxFiles` files or directories, and if there
 * are no files; `git-failed`, with git's own words, if there is no git, no such repository or revision, or if an object is missing or damaged
 */
export async function readGitTree(revision: string, options: ReadGitOptions = {}): Promise<GitSourceTree> {
  const { repository = '.', secret, maxFiles = MAX_SOURCE_FILES, signal, onProgress } = options;
  const place: GitPlace = { repository, signal };
  const commit = await resolveCommit(revision, place);
  const entries = await listEntries(commit, place, new ListingCount(maxFiles));
  const files = await readEntries(entries, place, new ProgressCount(onProgress));
  return new GitSourceTree(commit, files, secret);
}

/** Whether git resolves `revision` to a commit. False, too, where there is no git or no repository. */
export async function isGitRevision(revision: string, repository = '.'): Promise<boolean> {
  try {
    await resolveCommit(revision, { repository, signal: undefined });
    return true;
  } catch (error) {
    if (error instanceof SignerError && error.code === 'git-failed') return false;
    throw error;
  }
}

async function resolveCommit(revision: string, place: GitPlace): Promise<string> {
  const args = ['rev-parse', '--verify', '--end-of-options', `${revision}^{commit}`];
  const id = await withGit(args, place, async ({ output }) => {
    const reader = new ByteReader(output);
    const line = await reader.until(NEWLINE, MAX_ANSWER);
    // Then git has failed, and says why.
    if (line === undefined) return '';
    await atEnd(reader);
    return Buffer.from(line).toString('latin1');
  });
  // "^main" is a revision for git, of everything that main does not contain.
  if (!OBJECT_ID.test(id)) throw new SignerError('git-failed', 'git resolves the revision, but not to one commit');
  return id;
}

async function listEntries(commit: string, place: GitPlace, listing: ListingCount): Promise<TreeEntry[]> {
  // With its trees: a few objects can be a tree of more directories than anybody could wait for.
  return withGit(['ls-tree', '-r', '-t', '-z', '--full-tree', commit], place, async ({ output }) => {
    const entries: TreeEntry[] = [];
    const reader = new ByteReader(output);
    for (let record = await reader.until(0, MAX_RECORD); record; record = await reader.until(0, MAX_RECORD)) {
      const entry = parseTreeEntry(record);
      if (entry === undefined) {
        listing.directory();
        continue;
      }
      listing.file(entry.path);
      entries.push(entry);
    }
    return entries;
  });
}

/** @returns undefined for a tree */
function parseTreeEntry(record: Uint8Array): TreeEntry | undefined {
  const header = TREE_ENTRY.exec(Buffer.from(record.subarray(0, MAX_ANSWER)).toString('latin1'));
  if (header === null) throw new OutputError('an entry of a tree has a form that is not known');
  const [{ length }, mode, type, id] = header as unknown as [string, string, string, string];
  const path = record.slice(length);
  if (type === 'tree') return undefined;
  if (mode === SUBMODULE) throw unrepresentable(path, 'it is a submodule');
  if (type !== 'blob' || !isFileMode(mode)) throw unrepresentable(path, `it is a ${type} of mode ${mode}`);
  // A path that cannot be in a line is refused before all contents are read.
  formatSourceLine({ mode, sha256: NO_CONTENT, size: Number.MAX_SAFE_INTEGER, path });
  return { mode, id, path };
}

const isFileMode = (mode: string): mode is SourceMode => FILE_MODES.has(mode);

async function readEntries(
  entries: readonly TreeEntry[],
  place: GitPlace,
  progress: ProgressCount,
): Promise<SourceFile[]> {
  return withGit(['cat-file', '--batch', '--buffer'], place, async ({ input, output }) => {
    // Fails only if git ends, and then reading fails as well.
    const asked = pipeline(Readable.from(requests(entries)), input).catch(() => {});
    const reader = new ByteReader(output);
    const files: SourceFile[] = [];
    for (const entry of entries) {
      place.signal?.throwIfAborted();
      files.push(await readEntry(entry, reader, progress));
      progress.file();
    }
    await atEnd(reader);
    await asked;
    return files;
  });
}

function* requests(entries: readonly TreeEntry[]): Generator<string, void, undefined> {
  for (let i = 0; i < entries.length; i += REQUESTS_AT_ONCE) {
    const part = entries.slice(i, i + REQUESTS_AT_ONCE);
    yield part.map(({ id }) => `${id}\n`).join('');
  }
}

async function readEntry(entry: TreeEntry, reader: ByteReader, progress: ProgressCount): Promise<SourceFile> {
  const { mode, id, path } = entry;
  const answer = Buffer.from((await reader.until(NEWLINE, MAX_ANSWER)) ?? []).toString('latin1');
  const size = sizeIn(answer, id);
  if (size === undefined) throw new OutputError(`git cannot read the content of ${displayPath(path)}, ${id}`);

  const content = createHash('sha256');
  // An object's ID is the hash of its type, its size and its content.
  const object = createHash(id.length === 40 ? 'sha1' : 'sha256').update(`blob ${size}\0`);
  await reader.take(size, (part) => {
    content.update(part);
    object.update(part);
    progress.part(part.length);
  });
  if ((await reader.until(NEWLINE, 0)) === undefined) throw new OutputError('the output ends too early');
  if (object.digest('hex') !== id) {
    throw new OutputError(`the content of ${displayPath(path)} is damaged: it is not that of the object ${id}`);
  }
  return { mode, sha256: new Uint8Array(content.digest()), size, path };
}

/** The size in what `git cat-file --batch` says before the content of a blob; undefined if it says something else. */
function sizeIn(answer: string, id: string): number | undefined {
  const [found, type, digits, ...more] = answer.split(' ');
  if (found !== id || type !== 'blob' || digits === undefined || more.length > 0) return undefined;
  const size = /^[0-9]+$/.test(digits) ? Number(digits) : Number.NaN;
  return Number.isSafeInteger(size) ? size : undefined;
}

async function atEnd(reader: ByteReader): Promise<void> {
  if ((await reader.until(NEWLINE, 0)) !== undefined) throw new OutputError('git said more than it was asked');
}
