import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { CoreError, equalBytes, sha256 } from '@vitrine/core';
import type { Log, LogCheckpoint } from '@vitrine/core/log';
import { type Statement, statementOf } from '@vitrine/signer';
import { type BundleLog, MAX_BUNDLED_MANIFEST_SIZE, makeBundle } from '@vitrine/verifier';
import { ServerError } from './error.ts';
import { notFound } from './observed.ts';

/** A log with an index, of which bundles are made. */
export type BundledLog = BundleLog & Pick<Log, 'origin' | 'latestOf'>;

/** What bundles are made of besides a log. */
export interface ReleaseBundleOptions {
  /** The checkpoint that they carry. */
  readonly checkpoint: LogCheckpoint;
  /** A directory with the manifests of releases that have one, each named by its SHA-256 in hexadecimal digits. */
  readonly manifests?: string | undefined;
}

/**
 * Makes the bundle of the release at a leaf, with its manifest if it names one.
 *
 * @throws ServerError `http-not-found` if it is no release, `manifest-missing`; what reading the log throws
 */
export async function releaseBundle(
  log: BundledLog,
  leaf: number,
  { checkpoint, manifests }: ReleaseBundleOptions,
): Promise<Uint8Array> {
  const statement = statementOf(await log.entry(leaf));
  const type = statement?.payload.type;
  if (type !== 'build' && type !== 'database') {
    const what = type === undefined ? 'no statement' : `a ${type}`;
    throw notFound(`leaf ${leaf} is ${what}: a bundle is of a build or a database`);
  }
  const manifest = await manifestOf(statement!, manifests);
  return makeBundle(log, leaf, { checkpoint, ...(manifest && { manifest }) });
}

/** The newest release of a stream. */
export interface StreamHead {
  readonly leaf: number;
  readonly bundle: Uint8Array;
}

/**
 * Makes the bundle of the newest release of a stream: its head.
 *
 * @param key of the stream, as `streamKey` makes it
 * @throws CoreError `stream-missing` if the stream has no statement; as {@link releaseBundle}
 */
export async function streamHead(log: BundledLog, key: Uint8Array, options: ReleaseBundleOptions): Promise<StreamHead> {
  const latest = await log.latestOf(key, options.checkpoint.size);
  if (latest === undefined) {
    throw new CoreError('stream-missing', 'the log has no statement of the stream with this key');
  }
  return { leaf: latest.index, bundle: await releaseBundle(log, latest.index, options) };
}

/** @throws ServerError `manifest-missing` */
async function manifestOf({ payload }: Statement, directory: string | undefined): Promise<Uint8Array | undefined> {
  if ((payload.type !== 'build' && payload.type !== 'database') || payload.manifest === undefined) return undefined;
  const { sha256: digest } = payload.manifest;
  const hex = Buffer.from(digest).toString('hex');
  const missing = (): ServerError =>
    new ServerError('manifest-missing', `the release names a manifest, and the file ${hex} with it is not there`);
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
