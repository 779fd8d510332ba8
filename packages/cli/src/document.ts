import { stat } from 'node:fs/promises';
import { CliError, fileError } from './errors.ts';
import { readAtMost } from './files.ts';

// It is hashed whole, in memory. Larger ones are committed to by a file with their digests.
const MAX_DOCUMENT_SIZE = 512 * 1024 * 1024;

/**
 * A document that a statement commits to.
 *
 * @throws CliError `usage` for one that is too large, `file-type` for what is no regular file, `file-` codes
 */
export async function readDocument(path: string): Promise<Uint8Array> {
  const found = await stat(path).catch((error: unknown) => {
    throw fileError(path, error);
  });
  if (found.isDirectory()) throw new CliError('file-type', `${path} is a directory`);
  // What a pipe holds is gone once it was read, and there would be nothing left to disclose.
  if (!found.isFile()) throw new CliError('file-type', `${path} is not a regular file`);
  const document = await readAtMost(path, MAX_DOCUMENT_SIZE);
  if (document.length <= MAX_DOCUMENT_SIZE) return document;
  throw new CliError(
    'usage',
    `${path} has more than ${MAX_DOCUMENT_SIZE} bytes: commit to a file with its SHA-256 instead`,
  );
}
