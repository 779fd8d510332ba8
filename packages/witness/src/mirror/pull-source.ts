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
import { WitnessError } from '../error.ts';

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

/** A log that was exported to a directory. Throws WitnessError `mirror-source` for what cannot be read. */
export function directorySource(directory: string): PullSource {
  return async (path) => {
    try {
      return new Uint8Array(await readFile(join(directory, path)));
    } catch (cause) {
      const { code, message } = cause as NodeJS.ErrnoException;
      if (code === 'ENOENT') return undefined;
      // Not the code of a mirror that cannot read its own files.
      throw new WitnessError('mirror-source', `${join(directory, path)} cannot be read: ${message}`, { cause });
    }
  };
}

/** A log, or a copy of one, that is open here. Throws WitnessError `mirror-source` for what it does not have or cannot read. */
export function logSource(log: LogReading): PullSource {
  return async (path) => {
    try {
      if (path === CHECKPOINT_PATH) return log.checkpoint().note;
      const { level, index, width } = parseTilePath(path);
      return await log.tile(level, index, width);
    } catch (cause) {
      if (!(cause instanceof CoreError)) throw cause;
      throw new WitnessError('mirror-source', `the log to be copied: ${cause.message}`, { cause });
    }
  };
}
