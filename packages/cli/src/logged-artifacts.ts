import { createHash } from 'node:crypto';
import { compareText, equalBytes } from '@vitrine/core';
import { type Artifact, formatManifest, type ReleasedFiles } from '@vitrine/signer';
import type { Context } from './context.ts';
import type { DatabaseFiles } from './database-files.ts';
import { CliError } from './errors.ts';
import { hashFiles } from './hashed-file.ts';
import { hex } from './hex.ts';

type Content = Pick<Artifact, 'size' | 'sha256'>;

/** Whether two files have the same content. */
export function isSameFile(a: Content, b: Content): boolean {
  return a.size === b.size && equalBytes(a.sha256, b.sha256);
}

/** Refuses a file that is not the artifact that was logged. @throws CliError `artifact-differs`, `file-` codes */
export async function checkArtifact(
  context: Context,
  path: string,
  logged: Artifact,
  options: { readonly json: boolean | undefined },
): Promise<void> {
  const [found] = await hashFiles(context, [{ path, name: logged.name }], options);
  if (!isSameFile(found!, logged)) throw differs(path, logged, found!);
}

/**
 * Refuses the files of a database that are not those that were logged. A database of one file can have any name.
 *
 * @throws CliError `artifact-differs`, `file-` codes
 */
export async function checkDatabaseFiles(
  context: Context,
  { path, isDirectory, files }: DatabaseFiles,
  { artifacts, manifest }: ReleasedFiles,
  options: { readonly json: boolean | undefined },
): Promise<void> {
  const found = await hashFiles(context, files, options);
  if (!isDirectory && artifacts?.length === 1) {
    if (!isSameFile(found[0]!, artifacts[0]!)) throw differs(path, artifacts[0]!, found[0]!);
    return;
  }
  if (manifest !== undefined) {
    const bytes = formatManifest(found.toSorted((a, b) => compareText(a.name, b.name)));
    const made = { size: bytes.length, sha256: new Uint8Array(createHash('sha256').update(bytes).digest()) };
    if (isSameFile(made, manifest)) return;
    throw new CliError(
      'artifact-differs',
      `${path} does not have the files that were logged: their manifest is ${contentText(manifest)}; found ${contentText(made)}`,
    );
  }
  const foundByName = new Map(found.map((file) => [file.name, file]));
  for (const logged of artifacts) {
    const file = foundByName.get(logged.name);
    if (file === undefined) {
      throw new CliError('artifact-differs', `${path} lacks ${logged.name}, which was logged`);
    }
    if (!isSameFile(file, logged)) throw differs(`${path}: ${logged.name}`, logged, file);
    foundByName.delete(logged.name);
  }
  const [extra] = foundByName.keys();
  if (extra !== undefined) throw new CliError('artifact-differs', `${path} has ${extra}, which was not logged`);
}

function differs(what: string, logged: Artifact, found: Content): CliError {
  return new CliError(
    'artifact-differs',
    `${what} is not the file that was logged: expected ${contentText(logged)}; found ${contentText(found)}`,
  );
}

function contentText({ size, sha256 }: Content): string {
  return `${size} bytes, SHA-256 ${hex(sha256)}`;
}
