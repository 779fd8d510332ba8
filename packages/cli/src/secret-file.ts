import { CliError } from './errors.ts';
import { readAtMost, writeNewFile } from './files.ts';
import { hex } from './hex.ts';
import { decodeUtf8 } from './text.ts';

/** Bytes in the secret of a source tree, and in the opening of a commitment. */
export const SECRET_SIZE = 32;

const SECRET_FILE_MODE = 0o600;

/** What a secret is, for people. */
type Secret = 'the opening of a commitment' | 'the secret of a source tree';

/**
 * Reads a secret from its file: 64 hex digits.
 *
 * @throws CliError `file-missing`, `file-io`; `usage` if the file holds something else, which is not shown
 */
export async function readSecret(path: string, what: Secret): Promise<Uint8Array> {
  const text = decodeUtf8(await readAtMost(path, 2 * SECRET_SIZE + 2)) ?? '';
  const [, digits] = /^([0-9a-f]{64})\r?\n?$/i.exec(text) ?? [];
  if (digits !== undefined) return new Uint8Array(Buffer.from(digits, 'hex'));
  throw new CliError('usage', `${path} does not hold ${what}: ${2 * SECRET_SIZE} hex digits`);
}

/** Writes a secret to a new file that only its owner can read. @throws CliError `file-exists`, `file-missing`, `file-io` */
export async function writeSecret(path: string, secret: Uint8Array): Promise<void> {
  const text = `${hex(secret)}\n`;
  await writeNewFile(path, new TextEncoder().encode(text), { mode: SECRET_FILE_MODE });
}
