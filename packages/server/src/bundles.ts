import { CoreError, equalBytes } from '@vitrine/core';
import type { Log, LogCheckpoint } from '@vitrine/core/log';
import type { Hono } from 'hono';
import { type Resource, resource, respond, SHORT } from './caching.ts';
import { requirePublished } from './checkpoints.ts';
import { ServerError } from './error.ts';
import { LeastRecent } from './least-recent.ts';
import { BUNDLE_TYPE } from './media-types.ts';
import { notFound, type ServerEnv } from './observed.ts';
import { hashOf } from './query.ts';
import { type BundledLog, releaseBundle, streamHead } from './release-bundle.ts';

/** How bundles are made. */
export interface BundlesOptions {
  readonly log: BundledLog & Pick<Log, 'description'>;
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
  const { log, manifests } = options;
  const shelf = new BundleShelf(options);

  app.get('/bundle/:leafHash', async (c) => {
    const leafHash = hashOf(c.req.param('leafHash'), 'a leaf hash');
    // Finding an entry there would take reading all of the log.
    if (log.description.duplicates) throw notFound('a log that allows duplicates has no statements, and so no bundles');
    const made = await shelf.get(c.req.path, async (checkpoint) => {
      const index = await log.indexOf(leafHash);
      if (index === undefined) throw new ServerError('entry-missing', 'the log has no entry of this leaf hash');
      if (index >= checkpoint.size) {
        throw new CoreError(
          'log-range',
          `the release is logged at leaf ${index}, and the checkpoint of it is not published yet`,
        );
      }
      return releaseBundle(log, index, { checkpoint, manifests });
    });
    return respond(c, made);
  });

  app.get('/heads/:name', async (c) => {
    const [, hex] = /^(.*)\.vitrine$/.exec(c.req.param('name')) ?? [];
    if (hex === undefined) throw notFound('a head is /heads/<stream key in hexadecimal digits>.vitrine');
    const key = hashOf(hex, 'the key of a stream');
    const made = await shelf.get(
      c.req.path,
      async (checkpoint) => (await streamHead(log, key, { checkpoint, manifests })).bundle,
    );
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

  /** @param make makes the bundle, which carries the checkpoint */
  async get(path: string, make: (checkpoint: LogCheckpoint) => Promise<Uint8Array>): Promise<Resource> {
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
        return await this.#made(path, checkpoint, make);
      } catch (error) {
        const isOld = !equalBytes(requirePublished(this.#options.published()).note, checkpoint.note);
        if (!isOld || attempt === ATTEMPTS) throw error;
      }
    }
  }

  #made(
    path: string,
    checkpoint: LogCheckpoint,
    make: (checkpoint: LogCheckpoint) => Promise<Uint8Array>,
  ): Promise<Resource> {
    // Of this checkpoint, also when there is another one by the time they are done.
    const making = this.#making;
    const kept = this.#kept;
    let bundle = making.get(path);
    if (bundle === undefined) {
      bundle = make(checkpoint)
        .then((bytes) => {
          const made = resource(bytes, BUNDLE_TYPE, SHORT);
          kept.set(path, made, made.bytes.length);
          return made;
        })
        .finally(() => making.delete(path));
      making.set(path, bundle);
    }
    return bundle;
  }
}
