import { createHash } from 'node:crypto';
import { realpath } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { compareText } from '@vitrine/core';
import { type Artifact, formatManifest, type ReleasedFiles } from '@vitrine/signer';
import { MAX_BUNDLED_MANIFEST_SIZE } from '@vitrine/verifier';
import { CliError } from './errors.ts';
import { readAtMost, writeNewFile } from './files.ts';
import { inputFile } from './hashed-file.ts';
import { count } from './text.ts';

/** A statement has room for no more artifacts; those of a larger release stand in a manifest. */
const MAX_ARTIFACTS = 200;

/** Where a release puts what belongs to it, if anywhere. */
interface ReleasePaths {
  readonly manifest?: string | undefined;
  /** The bundle, which has the manifest in it. */
  readonly bundle?: string | undefined;
}

/**
 * The files of a release as its statement has them: in the order of the bytes of their names, or in the manifest that is
 * written to a file.
 *
 * @throws CliError `usage` for a manifest that does not go into a bundle that is wanted; `file-exists` if something else
 * is there, and `file-` codes
 */
export async function releasedFiles(
  artifacts: readonly Artifact[],
  { manifest, bundle }: ReleasePaths,
): Promise<ReleasedFiles> {
  const sorted = artifacts.toSorted((a, b) => compareText(a.name, b.name));
  if (manifest === undefined) return { artifacts: sorted };
  const bytes = formatManifest(sorted);
  if (bundle !== undefined && bytes.length > MAX_BUNDLED_MANIFEST_SIZE) {
    throw new CliError(
      'usage',
      `the manifest has ${bytes.length} bytes, and a bundle room for ${MAX_BUNDLED_MANIFEST_SIZE}: release without --bundle`,
    );
  }
  await writeManifest(manifest, bytes);
  const { name } = await inputFile(manifest);
  return {
    manifest: { name, size: bytes.length, sha256: new Uint8Array(createHash('sha256').update(bytes).digest()) },
  };
}

/** The manifest of a release that names one, for its bundle. @throws CliError with `file-` codes */
export async function readBundledManifest(path: string | undefined): Promise<Uint8Array | undefined> {
  return path === undefined ? undefined : readAtMost(path, MAX_BUNDLED_MANIFEST_SIZE);
}

/** Refuses two files of one name. @throws CliError `usage` */
export function checkNames(names: readonly string[]): void {
  const seen = new Set<string>();
  for (const name of names) {
    if (seen.has(name)) throw new CliError('usage', `two of the files have the name ${name}`);
    seen.add(name);
  }
}

/**
 * Refuses files of a release that a statement cannot name, before any is read.
 *
 * @throws CliError `usage`
 */
export function checkReleasedNames(names: readonly string[], manifest: string | undefined): void {
  checkNames(names);
  if (manifest !== undefined) return;
  const hint = 'name a file for the list with --manifest';
  if (names.length > MAX_ARTIFACTS) {
    throw new CliError('usage', `${count(names.length, 'file')} are too many for a statement: ${hint}`);
  }
  const nested = names.find((name) => name.includes('/'));
  if (nested !== undefined)
    throw new CliError('usage', `${nested} is in a directory, and a statement has base names: ${hint}`);
}

async function writeManifest(path: string, bytes: Uint8Array): Promise<void> {
  try {
    await writeNewFile(path, bytes);
  } catch (error) {
    if (!(error instanceof CliError) || error.code !== 'file-exists') throw error;
    // From an earlier run, for instance one that could not log.
    if (Buffer.from(await readAtMost(path, bytes.length)).equals(bytes)) return;
    throw new CliError('file-exists', `${path} is there already, and is not the manifest of these files`, {
      cause: error,
    });
  }
}

/**
 * Refuses a path below a directory that is released: the file there would be part of the next release. Symbolic links do not
 * hide where it is.
 *
 * @param option names the path in the error
 * @throws CliError `usage`
 */
export async function checkOutside(directory: string, path: string, option: string): Promise<void> {
  const from = relative(await realPath(directory), join(await realPath(dirname(path)), basename(path)));
  if (from !== '..' && !from.startsWith(`..${sep}`) && !isAbsolute(from)) {
    throw new CliError('usage', `${option} ${path} is in ${directory}, which is released: put it elsewhere`);
  }
}

// What is not there is refused where it is used.
const realPath = (path: string): Promise<string> => realpath(path).catch(() => resolve(path));
