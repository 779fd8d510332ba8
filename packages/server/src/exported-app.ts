import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { CoreError, formatTilePath, parseCheckpoint, parseSignedNote, TILE_WIDTH, type Tile } from '@vitrine/core';
import { Hono, type MiddlewareHandler } from 'hono';
import { FRESH, resource, respond, SHORT } from './caching.ts';
import { checkpointRoutes } from './checkpoints.ts';
import { BUNDLE_TYPE, JSON_TYPE, TEXT_TYPE } from './media-types.ts';
import { notFound, type ServerEnv } from './observed.ts';
import { hashOf } from './query.ts';
import { readOnlyRoutes } from './submission.ts';
import { tilePrefix } from './tile-prefix.ts';
import { type TileSource, tileRoutes } from './tiles.ts';

/** Milliseconds between two looks at whether there is a new checkpoint. */
const LOOK_INTERVAL = 250;
/** Milliseconds: one that was looked at longer ago is not shown before it was looked at again. */
const MAX_AGE = 1000;

/** A directory that `vitrine export` wrote, or any other that has a log as tlog-tiles has it. Other processes may read and write it. */
export class ExportedLog implements TileSource {
  readonly directory: string;
  readonly origin: string;
  #note: Uint8Array;
  #size: number;
  #version: string;
  #looked = performance.now();
  #looking: Promise<void> | undefined;

  private constructor(directory: string, { note, origin, size, version }: ReadCheckpoint) {
    this.directory = directory;
    this.origin = origin;
    this.#note = note;
    this.#size = size;
    this.#version = version;
  }

  /** @throws CoreError `checkpoint-malformed`, `note-malformed`; the system's error */
  static async open(directory: string): Promise<ExportedLog> {
    return new ExportedLog(directory, await readCheckpoint(directory));
  }

  /** The newest checkpoint, as of {@link refresh}. */
  get note(): Uint8Array {
    return this.#note;
  }

  get signedSize(): number {
    return this.#size;
  }

  /**
   * Looks for a new checkpoint, if that was not done just now. One of another log, or that cannot be read, changes nothing.
   *
   * @returns what has to be waited for; undefined while what is known is of the last second
   */
  refresh(): Promise<void> | undefined {
    const age = performance.now() - this.#looked;
    if (age < LOOK_INTERVAL) return undefined;
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
    });
    return age < MAX_AGE ? undefined : this.#looking;
  }

  async #look(): Promise<void> {
    const began = performance.now();
    try {
      if ((await versionOf(this.directory)) === this.#version) return;
      const { note, origin, size, version } = await readCheckpoint(this.directory);
      if (origin !== this.origin || size < this.#size) return;
      this.#note = note;
      this.#size = size;
      this.#version = version;
    } catch (error) {
      if (!(error instanceof CoreError) && !('syscall' in (error as Error))) throw error;
    } finally {
      this.#looked = began;
    }
  }

  /** @throws CoreError `tile-missing` if it is not there, nor one that is wider; `store-corrupt` if it is too short */
  async tile(level: number | 'entries', index: number, width: number): Promise<Uint8Array> {
    const tile: Tile = { level, index, width };
    const found = (await this.#read(tile)) ?? (width < TILE_WIDTH ? await this.#wider(tile) : undefined);
    if (found === undefined) {
      throw new CoreError('tile-missing', `${formatTilePath(tile)} is not in the directory that is served here`);
    }
    try {
      return tilePrefix(found, level, width);
    } catch (cause) {
      throw new CoreError('store-corrupt', `${this.directory}: ${formatTilePath(tile)} is damaged`, { cause });
    }
  }

  /** A file beside the tiles; undefined if it is not there. */
  async file(...names: string[]): Promise<Uint8Array | undefined> {
    return readIfThere(join(this.directory, ...names));
  }

  #read(tile: Tile): Promise<Uint8Array | undefined> {
    return readIfThere(join(this.directory, formatTilePath(tile)));
  }

  /** The whole tile, or the narrowest partial one that has enough. */
  async #wider(tile: Tile): Promise<Uint8Array | undefined> {
    const whole = { ...tile, width: TILE_WIDTH };
    const found = await this.#read(whole);
    if (found !== undefined) return found;
    const names = await readdir(join(this.directory, `${formatTilePath(whole)}.p`)).catch(() => []);
    const widths = names
      .map(Number)
      .filter((width) => Number.isInteger(width) && width > tile.width && width < TILE_WIDTH);
    return widths.length === 0 ? undefined : this.#read({ ...tile, width: Math.min(...widths) });
  }
}

/** Serves an exported log: its checkpoint, tiles, description, and the heads of its streams. */
export function exportedApp(log: ExportedLog): Hono<ServerEnv> {
  const app = new Hono<ServerEnv>();
  const refreshed: MiddlewareHandler<ServerEnv> = async (_, next) => {
    await log.refresh();
    await next();
  };
  for (const path of ['/checkpoint', '/checkpoint/newest', '/tile/*']) app.use(path, refreshed);
  checkpointRoutes(app, { published: () => log, newest: () => log });
  tileRoutes(app, log);
  app.get('/description', async (c) => {
    const bytes = await log.file('description');
    if (bytes === undefined) throw notFound('the description of the log was not exported');
    return respond(c, resource(bytes, JSON_TYPE, FRESH));
  });
  app.get('/heads/:name', async (c) => {
    const [, hex] = /^(.*)\.vitrine$/.exec(c.req.param('name')) ?? [];
    if (hex === undefined) throw notFound('a head is /heads/<stream key in hexadecimal digits>.vitrine');
    hashOf(hex, 'the key of a stream');
    const bytes = await log.file('heads', `${hex}.vitrine`);
    if (bytes === undefined) throw notFound('no head of a stream with this key was exported');
    return respond(c, resource(bytes, BUNDLE_TYPE, SHORT));
  });
  const about = new TextEncoder().encode(
    `This is a copy of ${log.origin}, a transparency log: https://c2sp.org/tlog-tiles\n`,
  );
  app.get('/', (c) => respond(c, resource(about, TEXT_TYPE, FRESH)));
  readOnlyRoutes(app);
  return app;
}

interface ReadCheckpoint {
  readonly note: Uint8Array;
  readonly origin: string;
  readonly size: number;
  readonly version: string;
}

async function readCheckpoint(directory: string): Promise<ReadCheckpoint> {
  // In this order, so that a newer one is noticed later.
  const version = await versionOf(directory);
  const note = new Uint8Array(await readFile(join(directory, 'checkpoint')));
  // Who reads it verifies the signatures.
  const { origin, size } = parseCheckpoint(parseSignedNote(note).text);
  return { note, origin, size, version };
}

async function versionOf(directory: string): Promise<string> {
  const { mtimeMs, size, ino } = await stat(join(directory, 'checkpoint'));
  return `${mtimeMs} ${size} ${ino}`;
}

async function readIfThere(path: string): Promise<Uint8Array | undefined> {
  try {
    return new Uint8Array(await readFile(path));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EISDIR') return undefined;
    throw error;
  }
}
