import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { CoreError, equalBytes, sha256 } from '@vitrine/core';
import type { Log, LogCheckpoint } from '@vitrine/core/log';
import { parseStatement, type Statement } from '@vitrine/signer';
import { type BundleLog, MAX_BUNDLED_MANIFEST_SIZE, makeBundle } from '@vitrine/verifier';
import type { Hono } from 'hono';
import { type Resource, resource, respond, SHORT } from './caching.ts';
import { requirePublished } from './checkpoints.ts';
import { ServerError } from './error.ts';
import { LeastRecent } from './least-recent.ts';
import { BUNDLE_TYPE } from './media-types.ts';
import { notFound, type ServerEnv } from './observed.ts';
import { hashOf } from './query.ts';

/** A log with an index, of which bundles are made. */
export type BundledLog = BundleLog & Pick<Log, 'origin' | 'latestOf'>;

/** How bundles are made. */
export interface BundlesOptions {
  readonly log: BundledLog;
  /** The checkpoint that they carry. */
  published(): LogCheckpoint | undefined;
  /** A directory with the manifests of releases that have one, each named by its SHA-256 in hexadecimal digits. */
  readonly manifests?: string | undefined;
}

const MAX_KEPT_BYTES = 32 * 1024 * 1024;
// The checkpoint can change while a bundle is made, and what is needed to prove by the one before it can go.
const ATTEMPTS = 3;

/**
 * Adds `/bundle/<leaf hash>`, the bundle of a release, and `/heads/<stream key>.vitrine`, that of the newest release of a
 * stream. They are of the newest published checkpoint, and so kept until there is another.
 */
export function bundleRoutes(app: Hono<ServerEnv>, options: BundlesOptions): void {
  const { log } = options;
  const shelf = new BundleShelf(options);

  app.get('/bundle/:leafHash', async (c) => {
    const leafHash = hashOf(c.req.param('leafHash'), 'a leaf hash');
    const made = await shelf.get(c.req.path, async (checkpoint) => {
      const index = await log.indexOf(leafHash);
      if (index === undefined) throw new ServerError('entry-missing', 'the log has no entry of this leaf hash');
      if (index >= checkpoint.size) {
        throw new CoreError(
          'log-range',
          `the release is logged at leaf ${index}, and the checkpoint of it is not published yet`,
        );
      }
      return index;
    });
    return respond(c, made);
  });

  app.get('/heads/:name', async (c) => {
    const [, hex] = /^(.*)\.vitrine$/.exec(c.req.param('name')) ?? [];
    if (hex === undefined) throw notFound('a head is /heads/<stream key in hexadecimal digits>.vitrine');
    const key = hashOf(hex, 'the key of a stream');
    const made = await shelf.get(c.req.path, async ({ size }) => {
      const latest = await log.latestOf(key, size);
      if (latest === undefined)
        throw new CoreError('stream-missing', 'the log has no statement of the stream with this key');
      return latest.index;
    });
    return respond(c, made);
  });
}

/** Bundles of one checkpoint, each made once. */
class BundleShelf {
  readonly #options: BundlesOptions;
  #note: Uint8Array | undefined;
  #kept = new LeastRecent<Resource>(MAX_KEPT_BYTES);
  #making = new Map<string, Promise<Resource>>();

  constructor(options: BundlesOptions) {
    this.#options = options;
  }

  /** @param find the leaf of the release */
  async get(path: string, find: (checkpoint: LogCheckpoint) => Promise<number>): Promise<Resource> {
    for (let attempt = 1; ; attempt++) {
      const checkpoint = requirePublished(this.#options.published());
      if (this.#note === undefined || !equalBytes(this.#note, checkpoint.note)) {
        this.#note = checkpoint.note;
        this.#kept = new LeastRecent(MAX_KEPT_BYTES);
        this.#making = new Map();
      }
      const kept = this.#kept.get(path);
      if (kept !== undefined) return kept;
      try {
        return await this.#made(path, checkpoint, find);
      } catch (error) {
        const isOld = !equalBytes(requirePublished(this.#options.published()).note, checkpoint.note);
        if (!isOld || attempt === ATTEMPTS) throw error;
      }
    }
  }

  #made(
    path: string,
    checkpoint: LogCheckpoint,
    find: (checkpoint: LogCheckpoint) => Promise<number>,
  ): Promise<Resource> {
    // Of this checkpoint, also when there is another one by the time they are done.
    const making = this.#making;
    const kept = this.#kept;
    let bundle = making.get(path);
    if (bundle === undefined) {
      bundle = this.#make(checkpoint, find)
        .then((made) => {
          kept.set(path, made, made.bytes.length);
          return made;
        })
        .finally(() => making.delete(path));
      making.set(path, bundle);
    }
    return bundle;
  }

  async #make(checkpoint: LogCheckpoint, find: (checkpoint: LogCheckpoint) => Promise<number>): Promise<Resource> {
    const { log, manifests } = this.#options;
    const leaf = await find(checkpoint);
    const statement = statementOf(await log.entry(leaf));
    const type = statement?.payload.type;
    if (type !== 'build' && type !== 'database') {
      throw notFound(
        `leaf ${leaf} is ${type === undefined ? 'no statement' : `a ${type}`}: a bundle is of a build or a database`,
      );
    }
    const manifest = await manifestOf(statement!, manifests);
    const bytes = await makeBundle(log, leaf, { checkpoint, ...(manifest && { manifest }) });
    return resource(bytes, BUNDLE_TYPE, SHORT);
  }
}

function statementOf(entry: Uint8Array): Statement | undefined {
  try {
    return parseStatement(entry);
  } catch {
    // An index entry, for instance.
    return undefined;
  }
}

/** @throws ServerError `manifest-missing` */
async function manifestOf({ payload }: Statement, directory: string | undefined): Promise<Uint8Array | undefined> {
  if ((payload.type !== 'build' && payload.type !== 'database') || payload.manifest === undefined) return undefined;
  const { sha256: digest } = payload.manifest;
  const hex = Buffer.from(digest).toString('hex');
  const missing = (): ServerError =>
    new ServerError('manifest-missing', `the release names a manifest, and this server does not have the file ${hex}`);
  if (directory === undefined) throw missing();
  const path = join(directory, hex);
  try {
    const { size } = await stat(path);
    if (size > MAX_BUNDLED_MANIFEST_SIZE) throw missing();
    const bytes = new Uint8Array(await readFile(path));
    if (!equalBytes(sha256(bytes), digest)) throw missing();
    return bytes;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw missing();
    throw error;
  }
}
