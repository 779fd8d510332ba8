/**
 * A perfect subtree of `2^level` leaves: its hash is `MTH(D[index * 2^level : (index + 1) * 2^level])`. Level 0 is the
 * leaves.
 */
export interface Node {
  readonly level: number;
  readonly index: number;
}

/** Where the hashes of a tree come from: tiles fetched and authenticated, or a log's own store. */
export interface HashReader {
  /** The hashes of `nodes`, in their order, each of 32 bytes. Every node lies within the reader's tree. */
  readHashes(nodes: readonly Node[]): Promise<Uint8Array[]>;
}
