import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { levelFailure, removeUnfinishedFiles, writeFileDurably } from '@vitrine/core/log';
import { Level } from 'level';
import { WitnessError } from '../error.ts';

const FORMAT_NAME = 'vitrine-witness-state';
/** The only version so far of what a state's directory holds. */
const FORMAT_VERSION = 1;
/** Where the logs stand that were added by a command. */
export const LOGS_DIRECTORY = 'logs';
const MARKER = 'witness.json';
const DATABASE = 'db';

// What vitrine witness cosign left in a directory before there was a database.
const EARLIER = /\.checkpoint(\.lock)?$/;

type Bytes = Uint8Array<ArrayBuffer>;
/** The database of a state. */
export type StateDatabase = Level<Bytes, Bytes>;

/**
 * Opens the state in a directory, which has to be there: a witness that took another directory for its own by mistake would
 * have forgotten what it cosigned. In an empty one, or one that only has the files of an earlier version, it is begun.
 *
 * @throws WitnessError `state-missing`, `state-foreign`, `state-newer`, `state-locked`, `state-corrupt`, `state-io`
 */
export async function openStateDirectory(directory: string): Promise<StateDatabase> {
  const isThere = await attempt(directory, () => readMarker(directory));
  if (isThere) {
    // LevelDB would make a new, empty database if it found none.
    const current = await readIfThere(join(directory, DATABASE, 'CURRENT'));
    if (current === undefined) {
      throw new WitnessError('state-corrupt', `${directory} is the state of a witness, but its database is not there`);
    }
  }
  const db: StateDatabase = new Level<Bytes, Bytes>(join(directory, DATABASE), {
    keyEncoding: 'view',
    valueEncoding: 'view',
    createIfMissing: !isThere,
    compression: false,
  });
  await attempt(directory, () => db.open());
  try {
    // Now that nobody else has the directory.
    await attempt(directory, () => removeUnfinishedFiles(directory));
    if (isThere) return db;
    // Before anything is signed: a database without it has nothing in it yet.
    const marker = new TextEncoder().encode(`${JSON.stringify({ format: FORMAT_NAME, version: FORMAT_VERSION })}\n`);
    await attempt(directory, () => writeFileDurably(join(directory, MARKER), marker));
    return db;
  } catch (error) {
    await db.close();
    throw error;
  }
}

/**
 * Whether a directory is a state already; if not, it can become one.
 *
 * @throws WitnessError `state-missing`, `state-foreign`, `state-newer`; what the file system throws
 */
export async function readMarker(directory: string): Promise<boolean> {
  const bytes = await readIfThere(join(directory, MARKER));
  if (bytes !== undefined) {
    checkMarker(directory, bytes);
    return true;
  }
  const found = await stat(directory).catch(() => undefined);
  if (found === undefined) throw new WitnessError('state-missing', `the directory ${directory} does not exist`);
  if (!found.isDirectory()) throw new WitnessError('state-foreign', `${directory} is not a directory`);
  const foreign = (await readdir(directory)).find((name) => !isOwn(name));
  if (foreign !== undefined) {
    throw new WitnessError('state-foreign', `${directory} is not the state of a witness: it holds ${foreign}`);
  }
  return false;
}

/** The names that can be there before the marker is. */
const isOwn = (name: string): boolean =>
  [DATABASE, LOGS_DIRECTORY].includes(name) || EARLIER.test(name) || /^\.witness\.json\.[0-9a-f]{16}\.tmp$/.test(name);

function checkMarker(directory: string, bytes: Uint8Array): void {
  let marker: { format?: unknown; version?: unknown } | undefined;
  try {
    marker = JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    throw new WitnessError('state-foreign', `${join(directory, MARKER)} is not JSON`, { cause });
  }
  const version = marker?.version;
  if (marker?.format !== FORMAT_NAME || typeof version !== 'number' || !Number.isInteger(version) || version < 1) {
    throw new WitnessError('state-foreign', `${join(directory, MARKER)} does not describe a ${FORMAT_NAME}`);
  }
  if (version > FORMAT_VERSION) {
    throw new WitnessError(
      'state-newer',
      `${directory} has format version ${version}, this program knows up to ${FORMAT_VERSION}: use a newer one`,
    );
  }
}

/** A file's bytes, undefined if it is not there. @throws what the file system throws */
export async function readIfThere(path: string): Promise<Uint8Array | undefined> {
  try {
    return new Uint8Array(await readFile(path));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // No file has a name that is too long.
    if (code === 'ENOENT' || code === 'ENAMETOOLONG') return undefined;
    throw error;
  }
}

/** What `act` resolves to. What goes wrong below is put in this package's words. */
export async function attempt<T>(path: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (cause) {
    throw translate(path, cause);
  }
}

function translate(path: string, cause: unknown): WitnessError {
  if (cause instanceof WitnessError) return cause;
  const { kind, detail } = levelFailure(cause);
  if (kind === 'locked') {
    return new WitnessError('state-locked', `${path} is open in another process, or already in this one`, { cause });
  }
  if (kind === 'corrupt') return new WitnessError('state-corrupt', `${path} is damaged: ${detail}`, { cause });
  return new WitnessError('state-io', `${path}: ${detail}`, { cause });
}
