import { equalBytes } from '@vitrine/core';
import type { SourceTreeSummary } from '@vitrine/signer';
import type { SourceTree } from '@vitrine/signer/node';
import type { Context } from './context.ts';
import { CliError } from './errors.ts';
import { hex } from './hex.ts';
import { readSecret } from './secret-file.ts';
import { readSource, type SourceArgument } from './source-argument.ts';
import { count } from './text.ts';

/**
 * The secret that the tree of a statement needs; undefined for one without salts.
 *
 * @param path what `--secret` names
 * @throws CliError `usage` if it is missing, or if there is no use for it; what `readSecret` throws
 */
export async function secretOf(tree: SourceTreeSummary, path: string | undefined): Promise<Uint8Array | undefined> {
  if (tree.salted) {
    if (path !== undefined) return readSecret(path, 'the secret of a source tree');
    throw new CliError('usage', 'the source is confidential: name the file with the secret of its tree with --secret');
  }
  if (path === undefined) return undefined;
  throw new CliError('usage', 'the source that was logged is not a confidential one: leave out --secret');
}

/**
 * Reads a source tree, and refuses any other than the one that was logged.
 *
 * @param logged what the statement says of it
 * @throws CliError `source-differs`; what `readSource` throws
 */
export async function readLoggedSource(
  context: Context,
  source: SourceArgument,
  logged: SourceTreeSummary,
  options: { readonly secret: Uint8Array | undefined; readonly json?: boolean | undefined },
): Promise<SourceTree> {
  const { tree } = await readSource(context, source, options);
  const found = tree.summary;
  if (equalBytes(found.root, logged.root) && found.files === logged.files && found.size === logged.size) return tree;
  const alike = found.files === logged.files && found.size === logged.size;
  const hint = logged.salted && alike ? '; is the secret the right one?' : '';
  throw new CliError(
    'source-differs',
    `this is not the source that was logged: expected ${treeText(logged)}; found ${treeText(found)}${hint}`,
  );
}

/** A source tree for people, on one line. */
export function treeText({ root, files, size }: SourceTreeSummary): string {
  return `${count(files, 'file')}, ${count(size, 'byte')}, root ${hex(root)}`;
}
