import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CoreError, type FetchTile, MAX_BUNDLE_SIZE, MAX_NOTE_SIZE, parseTilePath, TILE_WIDTH } from '@vitrine/core';
import { HttpClient, type HttpOptions } from '@vitrine/core/log';

/** Where a log is copied from: https://c2sp.org/tlog-tiles. What it gives is not verified. */
export interface LogSource {
  /** The signed checkpoint. @throws CoreError `fetch-failed` */
  checkpoint(): Promise<Uint8Array>;
  /** What is at the path of a tile or a bundle. */
  readonly fetchTile: FetchTile;
}

const CHECKPOINT = 'checkpoint';
const MAX_TILE_SIZE = TILE_WIDTH * 32;

/** A log that is served over HTTP below a prefix. @throws CoreError `fetch-failed` for what is no URL */
export function httpSource(prefix: string, options: HttpOptions): LogSource {
  const client = new HttpClient(prefix, options);
  return {
    checkpoint: async () => {
      const note = await client.get({ path: CHECKPOINT, limit: MAX_NOTE_SIZE });
      if (note === undefined) throw new CoreError('fetch-failed', `there is no ${client.prefix}${CHECKPOINT}`);
      return note;
    },
    fetchTile: (path) => {
      const limit = parseTilePath(path).level === 'entries' ? MAX_BUNDLE_SIZE : MAX_TILE_SIZE;
      return client.get({ path, limit });
    },
  };
}

/** A log that was exported to a directory. */
export function directorySource(directory: string): LogSource {
  const read = async (path: string): Promise<Uint8Array | undefined> => {
    try {
      return new Uint8Array(await readFile(join(directory, path)));
    } catch (cause) {
      const { code, message } = cause as NodeJS.ErrnoException;
      if (code === 'ENOENT') return undefined;
      throw new CoreError('fetch-failed', `${join(directory, path)} cannot be read: ${message}`, { cause });
    }
  };
  return {
    checkpoint: async () => {
      const note = await read(CHECKPOINT);
      if (note === undefined) throw new CoreError('fetch-failed', `there is no ${join(directory, CHECKPOINT)}`);
      return note;
    },
    fetchTile: read,
  };
}
