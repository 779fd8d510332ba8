import { SignerError } from '../error.ts';

/** Most files that a source tree is read with, and most directories: a hostile one must not fill the memory. */
export const MAX_SOURCE_FILES = 1_000_000;

/** Most bytes that all paths of a source tree have together. */
const MAX_SOURCE_PATHS_SIZE = 256 * 1024 * 1024;

/** Counts what is found while a source tree is listed, and refuses what is too much before more is kept. */
export class ListingCount {
  readonly #most: number;
  #files = 0;
  #directories = 0;
  #pathsSize = 0;

  /** @param most files, and most directories */
  constructor(most: number) {
    this.#most = most;
  }

  /** @throws SignerError `source-unrepresentable` */
  file(path: Uint8Array): void {
    this.#files = this.#one(this.#files, 'files');
    this.#pathsSize += path.length;
    if (this.#pathsSize > MAX_SOURCE_PATHS_SIZE) {
      throw tooMuch(`more than ${MAX_SOURCE_PATHS_SIZE} bytes of paths`);
    }
  }

  /** @throws SignerError `source-unrepresentable` */
  directory(): void {
    this.#directories = this.#one(this.#directories, 'directories');
  }

  #one(before: number, what: string): number {
    if (before === this.#most) throw tooMuch(`more than ${this.#most} ${what}`);
    return before + 1;
  }
}

function tooMuch(what: string): SignerError {
  return new SignerError('source-unrepresentable', `there are ${what}, and no source tree is read with so many`);
}
