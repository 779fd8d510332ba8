import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { equalBytes } from '../bytes/equal.ts';
import { CoreError } from '../error.ts';
import { openCheckpoint } from '../note/open-checkpoint.ts';
import { formatTilePath, TILE_WIDTH, type Tile } from '../tile/tile.ts';
import type { LogCheckpoint } from './checkpoint-keeper.ts';
import { formatDescription } from './description.ts';
import { isUnfinished, makeDirectoryDurably, writeFileDurably } from './durable-file.ts';
import type { OnProgress } from './fsck.ts';
import { LOG_MARKER } from './level-store.ts';
import type { LogReading } from './log-reading.ts';

/** Files written at once: enough to keep a disk busy while each waits for its fsync. */
const PARALLEL = 16;

/** Beside the tiles: what the log is, so that the directory can be read like the log's own server. */
const DESCRIPTION = 'description';

/** What an export did. */
export interface Exported {
  /** Entries in the exported checkpoint's tree. */
  readonly size: number;
  /** Files of tiles and entries that were written, and that were there already. */
  readonly written: number;
  readonly kept: number;
}

/** What is exported, and what is known of the directory. */
export interface ExportOptions {
  /** The newest one by default. Nothing beyond its tree is written. */
  readonly checkpoint?: LogCheckpoint;
  /** Entries of a tree that was exported to this directory before, and whose files need not be looked at again. */
  readonly since?: number;
  readonly onProgress?: OnProgress;
}

/**
 * Writes a log as a static directory that any file server can serve: https://c2sp.org/tlog-tiles.
 *
 * Each file appears whole or not at all, and the checkpoint comes last, so the directory can be served meanwhile and an
 * export that was stopped goes on where it was. Tiles never change, so those that are there are kept, once compared unless
 * an earlier checkpoint covers them.
 *
 * @throws CoreError `store-exists` if the directory has a checkpoint or tiles of another log or of another tree; `store-io`
 */
export async function exportTiles(
  log: LogReading,
  directory: string,
  { checkpoint = log.checkpoint(), since = 0, onProgress }: ExportOptions = {},
): Promise<Exported> {
  const { size } = checkpoint;
  let written = 0;
  let kept = 0;
  try {
    if (await isThere(join(directory, LOG_MARKER))) {
      throw new CoreError('store-exists', `${directory} holds a log: export to another directory`);
    }
    await makeDirectoryDurably(directory);
    const covered = await previousSize(log, directory, checkpoint);
    const tiles = tilesOf(size, since);
    const worker = async (): Promise<void> => {
      for (const tile of tiles) {
        const path = join(directory, formatTilePath(tile));
        const there = await isThere(path);
        if (!there) {
          await makeDirectoryDurably(dirname(path));
          await writeFileDurably(path, await log.tile(tile.level, tile.index, tile.width));
        } else if (
          // From an export that did not reach its checkpoint, which may have been one of another log.
          endOf(tile) > covered &&
          !equalBytes(await readFile(path), await log.tile(tile.level, tile.index, tile.width))
        ) {
          throw new CoreError('store-exists', `${path} is not of the log ${log.origin}: export to another directory`);
        }
        if (there) kept++;
        else written++;
        if (tile.level === 'entries') onProgress?.(Math.min(size, (tile.index + 1) * TILE_WIDTH), size);
      }
    };
    await Promise.all(Array.from({ length: PARALLEL }, worker));
    const { indexed, mirror } = log.description;
    // What a mirror has that keeps the index is what the log itself would export.
    const description = formatDescription({ ...log.description, mirror: mirror && !indexed });
    await writeIfChanged(join(directory, DESCRIPTION), description);
    // Last, because whoever reads it looks for all that it covers.
    await writeIfChanged(join(directory, 'checkpoint'), checkpoint.note);
  } catch (cause) {
    // Only what the file system said: what a caller's callback throws is the caller's.
    if (!(cause instanceof Error && 'syscall' in cause)) throw cause;
    throw new CoreError('store-io', `${directory}: ${cause.message}`, { cause });
  }
  return { size, written, kept };
}

/**
 * Removes the partial tiles of an exported directory whose full tiles are in the tree of `size`: logs may do that
 * (https://c2sp.org/tlog-tiles#partial-tiles), and whoever looks for one takes the full one instead.
 *
 * @param since a smaller size for which that was done
 * @throws CoreError `store-io`
 */
export async function removePartialTiles(
  directory: string,
  { since, size }: { since: number; size: number },
): Promise<void> {
  try {
    for (const { level, index, width } of tilesOf(size, since)) {
      if (width < TILE_WIDTH) continue;
      const path = join(directory, formatTilePath({ level, index, width }));
      await rm(`${path}.p`, { recursive: true, force: true });
    }
  } catch (cause) {
    throw new CoreError('store-io', `${directory}: ${(cause as Error).message}`, { cause });
  }
}

/**
 * Removes what an export that was killed left half written. Nothing else may export to the directory meanwhile.
 *
 * @throws CoreError `store-io`
 */
export async function tidyExport(directory: string): Promise<void> {
  try {
    const names = await readdir(directory, { recursive: true }).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw error;
    });
    for (const name of names) if (isUnfinished(basename(name))) await rm(join(directory, name), { force: true });
  } catch (cause) {
    throw new CoreError('store-io', `${directory}: ${(cause as Error).message}`, { cause });
  }
}

async function writeIfChanged(path: string, bytes: Uint8Array): Promise<void> {
  const there = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (there === undefined || !equalBytes(there, bytes)) await writeFileDurably(path, bytes);
}

/** Every tile and bundle of a tree that a smaller one has not. One generator that several workers draw from. */
function* tilesOf(size: number, since: number): Generator<Tile, void, undefined> {
  let before = since;
  for (let level = 0, hashes = size; hashes > 0; level++, hashes = Math.floor(hashes / TILE_WIDTH)) {
    const first = hashes === before ? Math.ceil(before / TILE_WIDTH) : Math.floor(before / TILE_WIDTH);
    before = Math.floor(before / TILE_WIDTH);
    for (let index = first; index * TILE_WIDTH < hashes; index++) {
      const width = Math.min(TILE_WIDTH, hashes - index * TILE_WIDTH);
      yield { level, index, width };
      if (level === 0) yield { level: 'entries', index, width };
    }
  }
}

/** The first leaf behind those that a tile covers. */
function endOf({ level, index, width }: Tile): number {
  return (index * TILE_WIDTH + width) * (level === 'entries' ? 1 : TILE_WIDTH ** level);
}

/**
 * The size of the tree that was exported before: all of its tiles are there, and they are this log's.
 *
 * @throws CoreError `store-exists` if it is another log, or ahead of this one
 */
async function previousSize(log: LogReading, directory: string, { size }: LogCheckpoint): Promise<number> {
  const note = await readFile(join(directory, 'checkpoint')).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (note === undefined) return 0;
  let exported: { size: number; root: Uint8Array };
  try {
    exported = openCheckpoint(new Uint8Array(note), { origin: log.origin, keys: [log.key] }).checkpoint;
  } catch (cause) {
    throw new CoreError('store-exists', `${directory} holds something else than an export of ${log.origin}`, { cause });
  }
  const isPrefix =
    exported.size <= size && equalBytes(exported.root, (await log.proveConsistency(exported.size, size)).oldRoot);
  if (!isPrefix) {
    throw new CoreError(
      'store-exists',
      `${directory} holds an export of ${exported.size} entries that this log does not have`,
    );
  }
  return exported.size;
}

async function isThere(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}
