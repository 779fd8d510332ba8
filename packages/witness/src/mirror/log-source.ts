import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CoreError, type FetchTile, parseTilePath } from '@vitrine/core';
import type { LogReading } from '@vitrine/core/log';

/**
 * Where a log is copied from: what is at a path below its prefix, a tile's, a bundle's or `checkpoint`; undefined if nothing is.
 * Nothing of it is verified. https://c2sp.org/tlog-tiles
 */
export type LogSource = FetchTile;

/** The path of a log's signed checkpoint. */
export const CHECKPOINT_PATH = 'checkpoint';

/** A log that was exported to a directory. */
export function directorySource(directory: string): LogSource {
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
export function logSource(log: LogReading): LogSource {
  return async (path) => {
    if (path === CHECKPOINT_PATH) return log.checkpoint().note;
    const { level, index, width } = parseTilePath(path);
    return log.tile(level, index, width);
  };
}
