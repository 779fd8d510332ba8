import { compareBytes, EMPTY_RANGE, extendRange, HASH_SIZE, leafHash, proveInclusion, rangeRoot } from '@vitrine/core';
import { SignerError } from '../error.ts';
import type { SourceTreeSummary } from '../statement/payload.ts';
import type { FileProof } from './file-proof.ts';
import { pathSalt } from './path-salt.ts';
import { displayPath, formatSourceLine, type SourceFile, unrepresentable } from './source-file.ts';

const SLASH = 0x2f;

/**
 * The files of a source tree, without their contents, and the RFC 6962 tree over their lines in the order of the bytes of
 * their paths. Takes a few hundred bytes of memory a file.
 */
export class SourceTree {
  // Sorted by path, without salts.
  readonly #files: readonly SourceFile[];
  readonly #secret: Uint8Array | undefined;
  readonly #root: Uint8Array;
  readonly #size: number;
  // The perfect nodes of each level, from the leaves up.
  readonly #levels: readonly Uint8Array[];

  /**
   * @param files in any order, without salts; the tree keeps them as they are
   * @param secret 32 bytes, which make the tree a confidential one
   * @throws SignerError `source-unrepresentable` for no files, two of one path, or one whose path is also a directory
   */
  constructor(files: Iterable<SourceFile>, secret?: Uint8Array) {
    this.#files = Array.from(files).sort((a, b) => compareBytes(a.path, b.path));
    this.#secret = secret && new Uint8Array(secret);
    if (this.#files.length === 0) {
      throw new SignerError('source-unrepresentable', 'a source tree has at least one file, and there is none');
    }
    this.#checkPaths();

    const leafHashes = new Uint8Array(this.#files.length * HASH_SIZE);
    let size = 0;
    for (const [i, file] of this.#files.entries()) {
      leafHashes.set(leafHash(this.#line(file)), i * HASH_SIZE);
      size += file.size;
    }
    const { range, levels } = extendRange(EMPTY_RANGE, leafHashes);
    this.#root = rangeRoot(range);
    this.#levels = levels.map(({ hashes }) => hashes);
    this.#size = size;
  }

  /** What a statement says of the tree. */
  get summary(): SourceTreeSummary {
    return {
      root: new Uint8Array(this.#root),
      files: this.#files.length,
      size: this.#size,
      ...(this.#secret !== undefined && { salted: true }),
    };
  }

  /** All files, in the order of their lines; with their salts if the tree is confidential. */
  *files(): Generator<SourceFile, void, undefined> {
    for (const file of this.#files) {
      const { mode, size } = file;
      yield { mode, sha256: new Uint8Array(file.sha256), size, path: new Uint8Array(file.path), ...this.#salt(file) };
    }
  }

  /**
   * Proves that the file with `path` is in the tree: at most `ceil(log2 files)` hashes.
   *
   * @throws SignerError `source-missing` if there is no such file
   */
  async prove(path: Uint8Array): Promise<FileProof> {
    const index = this.#find(path);
    const file = this.#files[index];
    if (file === undefined || compareBytes(file.path, path) !== 0) {
      throw new SignerError('source-missing', `the source tree has no file ${displayPath(path)}`);
    }
    const files = this.#files.length;
    const proof = await proveInclusion(index, files, {
      readHashes: async (nodes) =>
        nodes.map(({ level, index: at }) => this.#levels[level]!.slice(at * HASH_SIZE, (at + 1) * HASH_SIZE)),
    });
    return { line: this.#line(file), index, files, proof };
  }

  #line(file: SourceFile): Uint8Array {
    return formatSourceLine({ ...file, ...this.#salt(file) });
  }

  #salt({ path }: SourceFile): { salt?: Uint8Array } {
    return this.#secret === undefined ? {} : { salt: pathSalt(this.#secret, path) };
  }

  /** The index of the first file whose path is not before `path`. */
  #find(path: Uint8Array): number {
    let low = 0;
    let high = this.#files.length;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if (compareBytes(this.#files[middle]!.path, path) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** No directory has this, but a git tree can be made so, and would not be what its checkout is. */
  #checkPaths(): void {
    // The paths that the one before begins with, and itself. In order, one that does not begin a path begins none after it.
    const begun: Uint8Array[] = [];
    for (const { path } of this.#files) {
      while (begun.length > 0 && !startsWith(path, begun.at(-1)!)) begun.pop();
      for (const shorter of begun) {
        if (shorter.length === path.length) throw unrepresentable(path, 'it is there twice');
        if (path[shorter.length] === SLASH) throw unrepresentable(shorter, 'it is a file and a directory');
      }
      begun.push(path);
    }
  }
}

function startsWith(path: Uint8Array, start: Uint8Array): boolean {
  return start.length <= path.length && start.every((byte, i) => byte === path[i]);
}
