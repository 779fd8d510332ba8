import type { MAX_SOURCE_FILES } from './listing.ts';

/** How far the reading of a source tree is. */
export interface SourceProgress {
  /** Files that were read whole. */
  readonly files: number;
  /** Bytes of content that were read. */
  readonly size: number;
}

/** How a source tree is read. */
export interface ReadTreeOptions {
  /** 32 bytes, which make the tree a confidential one: each line gets a salt that derives from them. */
  readonly secret?: Uint8Array;
  /** Most files, and most directories. {@link MAX_SOURCE_FILES} if not given. */
  readonly maxFiles?: number;
  /** Ends the reading; it then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Called for each part that was read, and after each file. */
  readonly onProgress?: (progress: SourceProgress) => void;
}

/** Counts what was read. */
export class ProgressCount {
  readonly #report: ReadTreeOptions['onProgress'];
  #files = 0;
  #size = 0;

  constructor(report: ReadTreeOptions['onProgress']) {
    this.#report = report;
  }

  part(size: number): void {
    this.#size += size;
    this.#report?.({ files: this.#files, size: this.#size });
  }

  file(): void {
    this.#files += 1;
    this.#report?.({ files: this.#files, size: this.#size });
  }
}
