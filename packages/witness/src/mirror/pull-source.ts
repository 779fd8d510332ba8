import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  CoreError,
  type FetchTile,
  HASH_SIZE,
  MAX_BUNDLE_SIZE,
  MAX_NOTE_SIZE,
  parseTilePath,
  TILE_WIDTH,
} from '@vitrine/core';
import { HttpClient, type HttpOptions, type LogReading } from '@vitrine/core/log';

/**
 * Where a log is copied from: what is at a path below its prefix, a tile's, a bundle's or `checkpoint`; undefined if nothing is.
 * Nothing of it is verified. https://c2sp.org/tlog-tiles
 */
export type PullSource = FetchTile;

/** The path of a log's signed checkpoint. */
export const CHECKPOINT_PATH = 'checkpoint';

/** A log that is served over HTTP below a prefix. @throws CoreError `fetch-failed` for what is no URL */
export function httpSource(prefix: string, options: HttpOptions): PullSource {
  const client = new HttpClient(prefix, options);
  return (path) => client.get({ path, limit: limitOf(path) });
}

function limitOf(path: string): number {
  if (path === CHECKPOINT_PATH) return MAX_NOTE_SIZE;
  return parseTilePath(path).level === 'entries' ? MAX_BUNDLE_SIZE : TILE_WIDTH * HASH_SIZE;
}

/** A log that was exported to a directory. */
export function directorySource(directory: string): PullSource {
  return async (path) => {
    try {
      return new Uint8Array(await readFile(join(directory, path)));
    } catch (cause) {
      const { code, message } = cause as NodeJS.ErrnoException;
      if (code === 'ENOENT') return undefined;
      throw new CoreError('store-io', `${join(directory, path)} cannot be read: ${message}`, { cause });
    }
  };
}

/** A log, or a copy of one, that is open here. */
export function logSource(log: LogReading): PullSource {
  return async (path) => {
    if (path === CHECKPOINT_PATH) return log.checkpoint().note;
    const { level, index, width } = parseTilePath(path);
    return log.tile(level, index, width);
  };
}
