import { stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { equalBytes } from '@vitrine/core';
import { type Artifact, type BuildPayload, MAX_MANIFEST_SIZE, parseManifest } from '@vitrine/signer';
import type { ArchiveComparison, NotComparable } from '@vitrine/signer/node';
import type { Context } from './context.ts';
import { CliError, fileError } from './errors.ts';
import { readAtMost } from './files.ts';
import { hashFiles } from './hashed-file.ts';
import { checkArtifact, isSameFile } from './logged-artifacts.ts';
import { type Normalized, type Normalizer, normalize } from './normalizer.ts';

/** What somebody rebuilt, compared with one artifact of a release. */
export interface ArtifactComparison {
  /** As it was logged. */
  readonly theirs: Artifact;
  /** What the rebuild has under its name. */
  readonly mine?: Artifact;
  readonly result: 'same' | 'equivalent' | 'different' | 'missing';
  /** Of what differs: what the normalizer made of it. */
  readonly normalized?: Normalized;
  /** Of what differs, where the vendor's file is at hand. */
  readonly archive?: ArchiveComparison | NotComparable;
}

/** How a rebuild is compared. */
export interface CompareOptions {
  /** Directory with the vendor's artifacts. */
  readonly against: string | undefined;
  readonly normalizer: Normalizer | undefined;
  readonly json: boolean | undefined;
}

/**
 * The artifacts that a build statement names, itself or in its manifest.
 *
 * @param against directory in which the manifest is
 * @throws CliError `usage` without a directory, where there is a manifest; `artifact-differs`, `manifest-malformed`, `file-`
 */
export async function artifactsOf(
  context: Context,
  { artifacts, manifest }: BuildPayload,
  against: string | undefined,
): Promise<readonly Artifact[]> {
  if (manifest === undefined) return artifacts;
  if (against === undefined) {
    const message = `the artifacts are listed in ${manifest.name}: name the directory that has it with --against`;
    throw new CliError('usage', message);
  }
  const path = join(against, manifest.name);
  await checkArtifact(context, path, manifest, { json: true });
  return parseManifest(await readAtMost(path, MAX_MANIFEST_SIZE), path);
}

/**
 * Where a rebuild has each of the artifacts.
 *
 * @param paths files, which have the artifacts' names, and directories with such files
 * @returns by the artifacts' names; those that are missing are left out
 * @throws CliError `usage` for a file that is none of the artifacts, `file-` codes
 */
export async function findRebuilt(
  paths: readonly string[],
  artifacts: readonly Artifact[],
): Promise<ReadonlyMap<string, string>> {
  const names = new Set(artifacts.map(({ name }) => name));
  const found = new Map<string, string>();
  const add = (name: string, path: string): void => {
    const other = found.get(name);
    if (other !== undefined) throw new CliError('usage', `${other} and ${path} are both called ${name}: which is it?`);
    found.set(name, path);
  };
  for (const path of paths) {
    if (!(await isDirectory(path))) {
      const name = basename(path);
      if (!names.has(name)) {
        const all = artifacts.length > 5 ? `${artifacts.length} other names` : [...names].join(', ');
        throw new CliError('usage', `${path} is not called as any artifact of the build: ${all}`);
      }
      add(name, path);
      continue;
    }
    for (const name of names) {
      const candidate = join(path, name);
      if (await stat(candidate).catch(() => undefined)) add(name, candidate);
    }
  }
  return found;
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    throw fileError(path, error);
  }
}

/**
 * Compares a rebuild with what was logged: digests first, and what differs by the normalizer and by its members.
 *
 * @param rebuilt as {@link findRebuilt} returns it
 * @returns in the order of `artifacts`
 * @throws CliError `artifact-differs`, `normalizer-failed`, `file-` codes
 */
export async function compareRebuild(
  context: Context,
  artifacts: readonly Artifact[],
  rebuilt: ReadonlyMap<string, string>,
  options: CompareOptions,
): Promise<ArtifactComparison[]> {
  const present = artifacts.filter(({ name }) => rebuilt.has(name));
  const hashed = await hashFiles(
    context,
    present.map(({ name }) => ({ name, path: rebuilt.get(name)! })),
    options,
  );
  const mineByName = new Map(hashed.map((artifact) => [artifact.name, artifact]));
  const results: ArtifactComparison[] = [];
  for (const theirs of artifacts) {
    const mine = mineByName.get(theirs.name);
    if (mine === undefined) results.push({ theirs, result: 'missing' });
    else if (isSameFile(mine, theirs)) results.push({ theirs, mine, result: 'same' });
    else results.push(await compareDifferent(context, theirs, mine, rebuilt.get(theirs.name)!, options));
  }
  return results;
}

async function compareDifferent(
  context: Context,
  theirs: Artifact,
  mine: Artifact,
  path: string,
  { against, normalizer, json }: CompareOptions,
): Promise<ArtifactComparison> {
  if (against === undefined) return { theirs, mine, result: 'different' };
  const theirPath = join(against, theirs.name);
  await checkArtifact(context, theirPath, theirs, { json });
  const normalized = normalizer && (await normalize(context, normalizer, { theirs: theirPath, mine: path }));
  const isEquivalent = normalized !== undefined && equalBytes(normalized.theirs, normalized.mine);
  const { compareArchives } = await import('@vitrine/signer/node');
  return {
    theirs,
    mine,
    result: isEquivalent ? 'equivalent' : 'different',
    ...(normalized !== undefined && { normalized }),
    ...(!isEquivalent && { archive: await compareArchives(theirPath, path, { signal: context.signal }) }),
  };
}
