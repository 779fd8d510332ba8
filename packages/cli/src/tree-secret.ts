import { CliError } from './errors.ts';
import { readAtMost, writeNewFile } from './files.ts';
import { hex } from './hex.ts';
import { decodeUtf8 } from './text.ts';

const SECRET_SIZE = 32;
const SECRET_FILE_MODE = 0o600;

/**
 * The secret of a confidential source tree, in its file: 64 hex digits.
 *
 * @throws CliError `file-missing`, `file-io`; `usage` if the file holds something else, which is not shown
 */
export async function readTreeSecret(path: string): Promise<Uint8Array> {
  const text = decodeUtf8(await readAtMost(path, 2 * SECRET_SIZE + 1)) ?? '';
  const [, digits] = /^([0-9a-f]{64})\r?\n?$/i.exec(text) ?? [];
  if (digits !== undefined) return new Uint8Array(Buffer.from(digits, 'hex'));
  throw new CliError('usage', `${path} does not hold the secret of a source tree: ${2 * SECRET_SIZE} hex digits`);
}

/** Writes a new secret to a file that only its owner can read. @throws CliError `file-exists`, `file-missing`, `file-io` */
export async function writeTreeSecret(path: string, secret: Uint8Array): Promise<void> {
  const text = `${hex(secret)}\n`;
  await writeNewFile(path, new TextEncoder().encode(text), { mode: SECRET_FILE_MODE });
}

/** A new secret. @param random gives so many random bytes */
export function newTreeSecret(random: (size: number) => Uint8Array): Uint8Array {
  return random(SECRET_SIZE);
}
