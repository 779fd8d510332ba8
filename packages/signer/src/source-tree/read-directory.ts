import { createHash } from 'node:crypto';
import { type BigIntStats, constants, type Dirent } from 'node:fs';
import { lstat, open, readdir, readlink, realpath } from 'node:fs/promises';
import { SignerError } from '../error.ts';
import { ListingCount, MAX_SOURCE_FILES } from './listing.ts';
import { ProgressCount, type ReadTreeOptions } from './read-options.ts';
import { displayPath, type SourceFile, unrepresentable } from './source-file.ts';
import { SourceTree } from './source-tree.ts';

// More do not make it faster: Node reads in four threads.
const FILES_AT_ONCE = 8;
const PART_SIZE = 64 * 1024;

const DOT_GIT = Buffer.from('.git');
const SLASH = Buffer.from('/');
const TOP = Buffer.alloc(0);
const OWNER_MAY_EXECUTE = 0o100n;

/**
 * Reads a directory as a source tree: every file in it, to any depth, whatever git would say of it. Names are taken as
 * bytes. A symbolic link is a link and is never followed (but `directory` itself may be one). Directories without files are
 * nothing, as in git. `.git` at the top is left out.
 *
 * A checkout has the same tree as its commit (`readGitTree`), unless git was told to write other bytes or other modes than
 * the commit has: by `core.autocrlf`, `core.fileMode` or `core.symlinks`, by the attributes `text`, `eol`, `ident`,
 * `working-tree-encoding` and `filter` (Git LFS). Files that git does not track are in the directory's tree. `export-ignore`
 * and `export-subst` change what `git archive` packs, and neither of the trees.
 *
 * Contents are read in parts: what stays in memory is a few hundred bytes a file. Nothing is locked. Instead, a file that
 * changed between the beginning and the end of its reading is noticed, and so is a directory in which names came or went
 * between the beginning and the end of the whole.
 *
 * @throws SignerError `source-unrepresentable` for a socket, a named pipe, a device, a `.git` further down (another
 * repository's checkout), more than `maxFiles` files or directories, and if there are no files; `source-changed`; the system's own errors if something cannot be read
 */
export async function readDirectoryTree(directory: string, options: ReadTreeOptions = {}): Promise<SourceTree> {
  const { secret, maxFiles = MAX_SOURCE_FILES, signal, onProgress } = options;
  const reader = new DirectoryReader(await realpath(directory, { encoding: 'buffer' }), signal);
  const files = await reader.read(new ListingCount(maxFiles), new ProgressCount(onProgress));
  return new SourceTree(files, secret);
}

class DirectoryReader {
  readonly #top: Buffer;
  readonly #signal: AbortSignal | undefined;
  // Paths from the top.
  readonly #files: Buffer[] = [];
  readonly #links: Buffer[] = [];
  readonly #directories: { readonly path: Buffer; readonly state: string }[] = [];

  constructor(top: Buffer, signal: AbortSignal | undefined) {
    this.#top = top;
    this.#signal = signal;
  }

  async read(listing: ListingCount, progress: ProgressCount): Promise<SourceFile[]> {
    await this.#walk(listing);
    const files: SourceFile[] = [];
    const paths = this.#files.values();
    let failed = false;
    const work = async (): Promise<void> => {
      const part = Buffer.allocUnsafeSlow(PART_SIZE);
      for (const path of paths) {
        if (failed) return;
        try {
          files.push(await this.#readFile(path, part, progress));
        } catch (error) {
          failed = true;
          throw error;
        }
        progress.file();
      }
    };
    // All of them, so that no file is still open after a failure.
    const results = await Promise.allSettled(Array.from({ length: FILES_AT_ONCE }, work));
    for (const result of results) if (result.status === 'rejected') throw result.reason;
    for (const path of this.#links) {
      files.push(await this.#readLink(path, progress));
      progress.file();
    }

    for (const { path, state } of this.#directories) {
      this.#signal?.throwIfAborted();
      if (stateOf(await this.#look(path)) !== state) throw changed(path);
    }
    return files;
  }

  async #walk(listing: ListingCount): Promise<void> {
    const pending: Buffer[] = [TOP];
    for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
      this.#signal?.throwIfAborted();
      const stats = await this.#look(path);
      if (!stats.isDirectory()) throw path === TOP ? notADirectory(this.#top) : changed(path);
      this.#directories.push({ path, state: stateOf(stats) });
      for (const entry of await this.#list(path)) {
        const child = path === TOP ? entry.name : Buffer.concat([path, SLASH, entry.name]);
        if (entry.name.equals(DOT_GIT)) {
          if (path === TOP) continue;
          throw unrepresentable(child, 'it belongs to another repository, a submodule for instance');
        }
        if (entry.isDirectory()) {
          listing.directory();
          pending.push(child);
          continue;
        }
        listing.file(child);
        if (entry.isFile()) this.#files.push(child);
        else if (entry.isSymbolicLink()) this.#links.push(child);
        else throw unrepresentable(child, `it is ${kindOf(entry)}`);
      }
    }
  }

  async #readFile(path: Buffer, part: Buffer, progress: ProgressCount): Promise<SourceFile> {
    this.#signal?.throwIfAborted();
    // Not through a link, and without waiting for the other end of a pipe, if one has taken the file's place.
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    const handle = await unlessGone(path, open(this.#at(path), flags));
    try {
      const before = await handle.stat({ bigint: true });
      if (!before.isFile()) throw changed(path);
      const hash = createHash('sha256');
      let size = 0;
      // A file that grows as fast as it is read would never end.
      while (size <= before.size) {
        this.#signal?.throwIfAborted();
        const { bytesRead } = await handle.read(part, 0, PART_SIZE, null);
        if (bytesRead === 0) break;
        hash.update(part.subarray(0, bytesRead));
        size += bytesRead;
        progress.part(bytesRead);
      }
      await this.#checkSame(path, before, size);
      const mode = (before.mode & OWNER_MAY_EXECUTE) === 0n ? '100644' : '100755';
      return { mode, sha256: new Uint8Array(hash.digest()), size, path };
    } finally {
      await handle.close();
    }
  }

  async #readLink(path: Buffer, progress: ProgressCount): Promise<SourceFile> {
    this.#signal?.throwIfAborted();
    const before = await this.#look(path);
    const target = await unlessGone(path, readlink(this.#at(path), { encoding: 'buffer' }));
    await this.#checkSame(path, before, target.length);
    progress.part(target.length);
    const digest = createHash('sha256').update(target).digest();
    return { mode: '120000', sha256: new Uint8Array(digest), size: target.length, path };
  }

  /** Refuses unless `path` still is what it was before `size` bytes were read of it, and those were all. */
  async #checkSame(path: Buffer, before: BigIntStats, size: number): Promise<void> {
    if (BigInt(size) !== before.size || stateOf(await this.#look(path)) !== stateOf(before)) throw changed(path);
  }

  #look(path: Buffer): Promise<BigIntStats> {
    return unlessGone(path, lstat(this.#at(path), { bigint: true }));
  }

  #list(path: Buffer): Promise<Dirent<Buffer>[]> {
    return unlessGone(path, readdir(this.#at(path), { encoding: 'buffer', withFileTypes: true }));
  }

  #at(path: Buffer): Buffer {
    return path === TOP ? this.#top : Buffer.concat([this.#top, SLASH, path]);
  }
}

/** What differs after a file was written to or replaced, or a name came to a directory or left it. */
const stateOf = ({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string =>
  [dev, ino, size, mtimeNs, ctimeNs].join(' ');

function kindOf(entry: Dirent<Buffer>): string {
  if (entry.isSocket()) return 'a socket';
  return entry.isFIFO() ? 'a named pipe' : 'a device';
}

// What the system says of a name that was there a moment ago: gone, below something that is no directory any more, now a
// symbolic link, now a socket or a pipe, no link any more.
const GONE: ReadonlySet<unknown> = new Set(['ENOENT', 'ENOTDIR', 'ELOOP', 'ENXIO', 'EINVAL']);

async function unlessGone<T>(path: Buffer, act: Promise<T>): Promise<T> {
  try {
    return await act;
  } catch (error) {
    throw GONE.has((error as { code?: unknown }).code) ? changed(path, error) : error;
  }
}

function changed(path: Buffer, cause?: unknown): SignerError {
  const shown = path === TOP ? 'the directory' : displayPath(path);
  return new SignerError('source-changed', `${shown} changed while it was read`, { cause });
}

function notADirectory(path: Buffer): SignerError {
  return new SignerError('source-unrepresentable', `${displayPath(path)} is not a directory`);
}
