import { equalBytes } from '../bytes/equal.ts';
import { CoreError } from '../error.ts';
import { openCheckpoint } from '../note/open-checkpoint.ts';
import type { VerifierKey } from '../note/vkey.ts';
import { parseBundle } from '../tile/entry-bundle.ts';
import { TILE_WIDTH, tileWidth } from '../tile/tile.ts';
import type { CompactRange } from '../tree/compact-range.ts';
import { EMPTY_ROOT, leafHash } from '../tree/hash.ts';
import { coveringNodes, foldHashes, treeRoot } from '../tree/interval.ts';
import type { LogCheckpoint, LogCheckpoints } from './checkpoint-keeper.ts';
import type { Head, Store } from './store.ts';
import { StoreReader } from './store-reader.ts';

/** A stored tree that fits together. */
export interface OpenedTree {
  /** What can be asked: all that is stored, and of a mirror what the newest checkpoint covers that it published. */
  readonly head: Head;
  /** All that is stored. */
  readonly stored: Head;
  readonly range: CompactRange;
  readonly checkpoints: LogCheckpoints;
}

/** Whose tree it is. */
export interface TreeOwner {
  /** The log's key, whose name is the origin. */
  readonly key: VerifierKey;
  /** Whether it is a copy, whose entries may be ahead of its checkpoint. */
  readonly mirror: boolean;
}

/**
 * Reads a tree's right edge, its last entries and its checkpoints, and refuses what does not fit together.
 *
 * @throws CoreError `log-corrupt`; `store-` codes
 */
export async function openTree(store: Store, { key, mirror }: TreeOwner): Promise<OpenedTree> {
  const { head, checkpoints } = await store.readHead();
  const reader = new StoreReader(store, () => head.size);
  const nodes = coveringNodes({ start: 0, end: head.size });
  const range = { size: head.size, hashes: await reader.readHashes(nodes) };
  requireRoot(head, foldHashes(range.hashes));

  // The last bundle, because a damaged end is what a crash or a bad copy leaves.
  if (head.size > 0) {
    const index = Math.floor((head.size - 1) / TILE_WIDTH);
    const width = tileWidth('entries', index, head.size);
    const tile = await reader.tile(0, index, width);
    parseBundle(await store.readBundle(index, width), width).forEach((entry, slot) => {
      if (!equalBytes(leafHash(entry), tile.hash(slot))) throw corruptEntry(index * TILE_WIDTH + slot);
    });
  }

  const open = async (note: Uint8Array | undefined): Promise<LogCheckpoint | undefined> => {
    if (note === undefined) return undefined;
    let checkpoint: Head;
    try {
      ({ checkpoint } = openCheckpoint(note, { origin: key.keyName, keys: [key] }));
    } catch (cause) {
      throw new CoreError('log-corrupt', `the stored checkpoint is not one of ${key.keyName}`, { cause });
    }
    const { size, root } = checkpoint;
    if (size > head.size) {
      throw new CoreError(
        'log-corrupt',
        `the ${mirror ? 'mirror has' : 'log has signed'} a checkpoint of ${size} entries and holds only ${head.size}: entries ` +
          `were lost. ${mirror ? 'Copy the log again' : 'Restore them from a copy; appending to this store would fork the log'}`,
      );
    }
    requireRoot(checkpoint, await treeRoot(size, reader));
    return { size, root, note };
  };
  // The first one of a log is there before its first entry is.
  if (!mirror && head.size > 0 && checkpoints.signed === undefined) throw noCheckpoint(head.size);
  const signed = await open(checkpoints.signed);
  const cosigned = await open(checkpoints.cosigned);
  return {
    head: mirror ? { size: signed?.size ?? 0, root: signed?.root ?? EMPTY_ROOT } : head,
    stored: head,
    range,
    checkpoints: { ...(signed && { signed }), ...(cosigned && { cosigned }) },
  };
}

/** @throws CoreError `log-corrupt` unless `computed` is the root of the head */
export function requireRoot({ size, root }: Head, computed: Uint8Array): void {
  if (!equalBytes(root, size === 0 ? EMPTY_ROOT : computed)) {
    throw new CoreError(
      'log-corrupt',
      `the stored tiles do not give the root of the tree of ${size} entries: check the log with fsck`,
    );
  }
}

/** The error for a log whose newest checkpoint is gone, and with it what tells an old copy from the whole log. */
export function noCheckpoint(size: number): CoreError {
  return new CoreError(
    'log-corrupt',
    `the log holds ${size} entries and no checkpoint, so entries may be missing: put the newest checkpoint of it that you ` +
      'can find, in an export for instance, back in its place',
  );
}

/** The error for an entry that is not the one at its index. */
export function corruptEntry(index: number): CoreError {
  return new CoreError('log-corrupt', `entry ${index} does not hash to its leaf: check the log with fsck`);
}
