export { formatBase64, parseBase64 } from './bytes/base64.ts';
export { parseDecimal } from './bytes/decimal.ts';
export { equalBytes } from './bytes/equal.ts';
export { CoreError, type CoreErrorCode, ProofError } from './error.ts';
export { appendLeaf, type CompactRange, EMPTY_RANGE, extendRange, type NewHashes, rangeRoot } from './tree/compact-range.ts';
export { EMPTY_ROOT, HASH_SIZE, leafHash, MAX_ENTRY_SIZE, nodeHash } from './tree/hash.ts';
export type { HashReader, Node } from './tree/hash-reader.ts';
export { type Interval, isSubtree, treeRoot } from './tree/interval.ts';
export { MAX_MULTI_PROOF_CLAIMS, type MultiProofClaim, proveMulti, verifyMulti } from './tree/multi-proof.ts';
export {
  type Consistency,
  type Inclusion,
  MAX_PROOF_LENGTH,
  type SubtreeConsistency,
  type SubtreeInclusion,
  verifyConsistency,
  verifyInclusion,
  verifySubtreeConsistency,
  verifySubtreeInclusion,
} from './tree/proof.ts';
export { proveConsistency, proveInclusion, proveSubtreeConsistency, proveSubtreeInclusion } from './tree/prove.ts';
export {
  checkEntry,
  ENTRY_PREFIX_SIZE,
  formatBundle,
  MAX_BUNDLE_SIZE,
  parseBundle,
} from './tile/entry-bundle.ts';
export { formatTilePath, parseTilePath, partialTiles, TILE_HEIGHT, TILE_WIDTH, type Tile, tileWidth } from './tile/tile.ts';
export { type FetchTile, type TileCache, TileReader } from './tile/tile-reader.ts';
