/** A tree: how many leaves, and the root over them. */
export interface Head {
  readonly size: number;
  readonly root: Uint8Array;
}

/** Signed notes about heads that are stored. */
export interface PublishedCheckpoints {
  /** The newest checkpoint, with the log's own signatures. */
  readonly signed?: Uint8Array;
  /** The newest checkpoint that somebody else has cosigned, which can be older than `signed`. */
  readonly cosigned?: Uint8Array;
}

/** New hashes of one tile: they go behind the `start` hashes that it has. */
export interface TileSegment {
  readonly level: number;
  readonly index: number;
  /** Position of the first hash in the tile, 0 to 255. */
  readonly start: number;
  /** The hashes, 32 bytes each. */
  readonly bytes: Uint8Array;
}

/** New entries of one entry bundle, in its encoding: they go behind the `start` entries that it has. */
export interface BundleSegment {
  readonly index: number;
  readonly start: number;
  readonly bytes: Uint8Array;
}

/** All that one step of growth writes. */
export interface Commit {
  /** The head that the store must have, or nothing is written. */
  readonly expected: Head;
  readonly head: Head;
  readonly tiles: readonly TileSegment[];
  readonly bundles: readonly BundleSegment[];
  /**
   * Keys, each of them once, and values that can be computed from the entries again. A value replaces the one that its key
   * has. Can be iterated more than once.
   */
  readonly derived: Iterable<readonly [key: Uint8Array, value: Uint8Array]>;
  /** Derived keys that are to go, if they are there; none of those in `derived`. */
  readonly removed?: Iterable<Uint8Array>;
}

/**
 * Where a log keeps what it must not lose. A store knows nothing of Merkle trees: it keeps segments, and gives back
 * slices of what they add up to. What was written is never written again, but for derived values.
 *
 * Every backend passes the compliance suite of `@vitrine/testkit`. All methods reject with a `CoreError` whose code
 * begins with `store-`; after a rejected `commit` or `publish` the store must be opened again before it is written to.
 */
export interface Store extends AsyncDisposable {
  /** What the store was created with. */
  description(): Promise<Uint8Array>;

  readHead(): Promise<{ readonly head: Head; readonly checkpoints: PublishedCheckpoints }>;

  /** The first `width` hashes of a tile. @throws CoreError `store-corrupt` if it has fewer */
  readTile(level: number, index: number, width: number): Promise<Uint8Array>;

  /** The first `width` entries of an entry bundle, in its encoding. @throws CoreError `store-corrupt` if it has fewer */
  readBundle(index: number, width: number): Promise<Uint8Array>;

  /** The values of derived keys, undefined where a key has none. */
  readDerived(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]>;

  /**
   * All derived keys that begin with `prefix`, in the order of their bytes, with their values.
   *
   * @param after begins with `prefix` too: only the keys behind it
   */
  derived(prefix: Uint8Array, after?: Uint8Array): AsyncIterable<readonly [key: Uint8Array, value: Uint8Array]>;

  /**
   * Makes all of `commit` visible, or none of it. When it resolves, the data survives a power cut.
   *
   * @throws CoreError `store-conflict` if the stored head is not `commit.expected`: nothing was written
   * @throws CoreError `store-io` if writing failed: whether it took effect shows when the store is opened again
   */
  commit(commit: Commit): Promise<void>;

  /** Keeps the checkpoints given, in place of those of the same name, durably. */
  publish(checkpoints: PublishedCheckpoints): Promise<void>;
}
