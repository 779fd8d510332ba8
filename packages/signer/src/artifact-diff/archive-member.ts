/** What a member of an archive is. */
export type MemberType = 'file' | 'directory' | 'symlink' | 'hardlink' | 'other';

/** A member of an archive: what it contains, and what the archive says about it. */
export interface ArchiveMember {
  readonly path: string;
  readonly type: MemberType;
  /** Of its content, in bytes. */
  readonly size: number;
  /** SHA-256 of its content, 32 bytes. */
  readonly sha256: Uint8Array;
  /** Permission bits. */
  readonly mode?: number;
  /** Seconds since the Epoch; in a zip without a zone, read as UTC. */
  readonly mtime?: number;
  /** Numbers and names of user and group, for people. */
  readonly owner?: string;
  /** Where a link leads. */
  readonly target?: string;
  /** How its content is compressed, for people. */
  readonly compression?: string;
}

/** What a hostile archive can make its reader do, at most. */
export interface ArchiveLimits {
  readonly members: number;
  /** Bytes of content, uncompressed, of all members together. */
  readonly bytes: number;
  /** Bytes of all paths and link targets together, which are kept in memory. */
  readonly pathBytes: number;
}

/** Enough for the artifacts of any product, and harmless. */
export const ARCHIVE_LIMITS: ArchiveLimits = { members: 200_000, bytes: 64 * 2 ** 30, pathBytes: 32 * 2 ** 20 };

/** A file cannot be read as the archive that it seems to be. Never leaves this directory. */
export class ArchiveUnreadable extends Error {}

/** Counts what an archive makes its reader do. */
export class ArchiveBudget {
  readonly #limits: ArchiveLimits;
  #members = 0;
  #bytes = 0;
  #pathBytes = 0;

  constructor(limits: ArchiveLimits) {
    this.#limits = limits;
  }

  /** @throws ArchiveUnreadable */
  member(...texts: readonly (string | undefined)[]): void {
    this.#members++;
    for (const text of texts) this.#pathBytes += text?.length ?? 0;
    const { members, pathBytes } = this.#limits;
    if (this.#members > members) throw new ArchiveUnreadable(`it has more than ${members} members`);
    if (this.#pathBytes > pathBytes) throw new ArchiveUnreadable(`its paths have more than ${pathBytes} bytes`);
  }

  /** @throws ArchiveUnreadable */
  bytes(count: number): void {
    this.#bytes += count;
    const { bytes } = this.#limits;
    if (this.#bytes > bytes) throw new ArchiveUnreadable(`it expands to more than ${bytes} bytes`);
  }
}
