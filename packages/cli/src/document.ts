import { CliError } from './errors.ts';
import { readAtMost, writeNewFile } from './files.ts';
import { decodeUtf8 } from './text.ts';

// It is hashed whole, in memory. Larger ones are committed to by a file with their digests.
const MAX_DOCUMENT_SIZE = 512 * 1024 * 1024;
const KEY_SIZE = 32;
const OPENING_MODE = 0o600;

/**
 * A document that a statement commits to.
 *
 * @throws CliError `usage` for one that is too large, `file-` codes
 */
export async function readDocument(path: string): Promise<Uint8Array> {
  const document = await readAtMost(path, MAX_DOCUMENT_SIZE);
  if (document.length <= MAX_DOCUMENT_SIZE) return document;
  throw new CliError(
    'usage',
    `${path} has more than ${MAX_DOCUMENT_SIZE} bytes: commit to a file with its SHA-256 instead`,
  );
}

/** A new key for a commitment. @param random gives so many random bytes */
export function newOpening(random: (size: number) => Uint8Array): Uint8Array {
  return random(KEY_SIZE);
}

/** Writes the key of a commitment to a file that only its owner can read. @throws CliError with `file-` codes */
export async function writeOpening(path: string, key: Uint8Array): Promise<void> {
  const text = `${Buffer.from(key).toString('hex')}\n`;
  await writeNewFile(path, new TextEncoder().encode(text), { mode: OPENING_MODE });
}

/**
 * Reads what {@link writeOpening} wrote.
 *
 * @throws CliError `file-missing`, `file-io`; `usage` if the file holds something else, which is not shown
 */
export async function readOpening(path: string): Promise<Uint8Array> {
  const text = decodeUtf8(await readAtMost(path, 2 * KEY_SIZE + 2)) ?? '';
  const [, digits] = /^([0-9a-f]{64})\r?\n?$/i.exec(text) ?? [];
  if (digits !== undefined) return new Uint8Array(Buffer.from(digits, 'hex'));
  throw new CliError('usage', `${path} does not hold the opening of a commitment: ${2 * KEY_SIZE} hex digits`);
}
