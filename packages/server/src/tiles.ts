import { promisify } from 'node:util';
import { gzip as gzipWithCallback } from 'node:zlib';
import { CoreError, formatTilePath, parseTilePath, TILE_WIDTH, type Tile, tileWidth } from '@vitrine/core';
import type { Context, Hono } from 'hono';
import { IMMUTABLE, type Resource, resource, respond } from './caching.ts';
import { LeastRecent } from './least-recent.ts';
import { OCTETS_TYPE } from './media-types.ts';
import type { ServerEnv } from './observed.ts';
import { tilePrefix } from './tile-prefix.ts';

/** What tiles are served from: a log, or files. */
export interface TileSource {
  /** Leaves of the newest signed checkpoint: what is beyond it is not served. */
  readonly signedSize: number;
  /** The first `width` hashes of a tile, or entries of a bundle. @throws CoreError if they are damaged */
  tile(level: number | 'entries', index: number, width: number): Promise<Uint8Array>;
}

const gzip = promisify(gzipWithCallback);
// What was read, checked and compressed, of all tiles and bundles together.
const MAX_KEPT_BYTES = 64 * 1024 * 1024;
/** Of an object, its headers and its name. */
const OVERHEAD = 1000;
// The store reads and writes on the same few threads.
const MAX_COMPRESSIONS = 1;

/** A tile as it is, and a bundle also compressed, if that is shorter. */
interface Served {
  readonly plain: Resource;
  readonly gzipped?: Resource;
  /** It was not compressed because others were: whoever asks for it later may find time for that. */
  readonly isPutOff?: boolean;
}

/** Tiles, and what was made of them, as long as there is room. */
class ServedTiles {
  readonly #source: TileSource;
  readonly #kept = new LeastRecent<Served>(MAX_KEPT_BYTES);
  readonly #loading = new Map<string, Promise<Served>>();
  #compressions = 0;

  constructor(source: TileSource) {
    this.#source = source;
  }

  /** What is at hand already. */
  kept(path: string): Served | undefined {
    const kept = this.#kept.get(path);
    return kept?.isPutOff === true && this.#compressions < MAX_COMPRESSIONS ? undefined : kept;
  }

  /** @throws CoreError `tile-malformed` for no path of a tile; `log-range` for one that the newest checkpoint does not have */
  load(path: string): Promise<Served> {
    const kept = this.kept(path) ?? this.#loading.get(path);
    if (kept !== undefined) return Promise.resolve(kept);
    const putOff = this.#kept.get(path);
    if (putOff !== undefined) return this.#load(path, this.#compressed(path, putOff.plain));
    const tile = parseTilePath(path.slice(1));
    const { level, index, width } = tile;
    const { signedSize } = this.#source;
    const whole = tileWidth(level, index, signedSize);
    if (whole < width) {
      throw new CoreError('log-range', `the newest checkpoint has ${signedSize} leaves, and no such tile`);
    }
    return this.#load(path, this.#serve(path, tile, whole));
  }

  #load(path: string, served: Promise<Served>): Promise<Served> {
    const loading = served.finally(() => this.#loading.delete(path));
    this.#loading.set(path, loading);
    return loading;
  }

  async #serve(path: string, tile: Tile, whole: number): Promise<Served> {
    const { level, index, width } = tile;
    const bytes =
      width < whole && whole === TILE_WIDTH
        ? tilePrefix((await this.load(`/${formatTilePath({ ...tile, width: whole })}`)).plain.bytes, level, width)
        : await this.#source.tile(level, index, width);
    const plain = resource(bytes, OCTETS_TYPE, IMMUTABLE);
    // Hashes do not compress, and bundles that still grow are asked for once.
    if (level !== 'entries' || width < TILE_WIDTH) return this.#keep(path, { plain });
    const varying = withHeaders(plain, { vary: 'Accept-Encoding' });
    return this.#compressed(path, varying);
  }

  async #compressed(path: string, plain: Resource): Promise<Served> {
    // Kept all the same: reading and checking it again for each of many who ask would cost far more.
    if (this.#compressions >= MAX_COMPRESSIONS) return this.#keep(path, { plain, isPutOff: true });
    this.#compressions++;
    const compressed = new Uint8Array(await gzip(plain.bytes).finally(() => this.#compressions--));
    if (compressed.length >= plain.bytes.length) return this.#keep(path, { plain });
    const headers = {
      'content-encoding': 'gzip',
      'content-length': String(compressed.length),
      // Other bytes, so another strong tag.
      etag: plain.headers['etag']!.replace(/"$/, '-gzip"'),
    };
    return this.#keep(path, { plain, gzipped: { ...withHeaders(plain, headers), bytes: compressed } });
  }

  #keep(path: string, served: Served): Served {
    const size = served.plain.bytes.length + (served.gzipped?.bytes.length ?? 0);
    this.#kept.set(path, served, size + OVERHEAD);
    return served;
  }
}

/** Adds the tiles and the entry bundles of a log: https://c2sp.org/tlog-tiles#merkle-tree */
export function tileRoutes(app: Hono<ServerEnv>, source: TileSource): void {
  const tiles = new ServedTiles(source);
  const answer = (c: Context<ServerEnv>, { plain, gzipped }: Served): Response =>
    respond(c, gzipped !== undefined && acceptsGzip(c.req.header('accept-encoding')) ? gzipped : plain);
  app.get('/tile/*', (c): Response | Promise<Response> => {
    // Below whatever prefix the log is served.
    const path = c.req.path.slice(c.req.path.indexOf('/tile/'));
    // At once, because most are.
    const kept = tiles.kept(path);
    return kept === undefined ? tiles.load(path).then((served) => answer(c, served)) : answer(c, kept);
  });
}

function withHeaders({ bytes, headers }: Resource, more: Readonly<Record<string, string>>): Resource {
  return { bytes, headers: { ...headers, ...more } };
}

/** RFC 9110, section 12.5.3: whether a list of codings has gzip, and not with the weight 0. */
function acceptsGzip(acceptEncoding: string | undefined): boolean {
  if (acceptEncoding === undefined) return false;
  const weights = new Map(
    acceptEncoding.split(',').map((item) => {
      const [coding = '', ...parameters] = item.split(';').map((part) => part.trim().toLowerCase());
      const weight = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2) ?? '1';
      return [coding, Number(weight) > 0] as const;
    }),
  );
  return weights.get('gzip') ?? weights.get('*') ?? false;
}
