import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  CoreError,
  KEY_TYPE_ED25519,
  KEY_TYPE_ED25519_COSIGNATURE,
  KEY_TYPE_ML_DSA_44_COSIGNATURE,
  loadSchemes,
  type PrivateKey,
  parseVkey,
  privateKeyFromSeed,
} from '@vitrine/core';
import type { Context } from './context.ts';
import { CliError } from './errors.ts';
import { readAtMost, writeNewFile } from './files.ts';
import { passphraseFor } from './passphrase.ts';
import { decodeUtf8 } from './text.ts';

/** A kind of key, as people name it. */
export type KeyTypeName = 'ed25519' | 'ed25519-cosignature' | 'ml-dsa-44';

/** The types of keys. */
export const KEY_TYPES: Readonly<Record<KeyTypeName, number>> = {
  ed25519: KEY_TYPE_ED25519,
  'ed25519-cosignature': KEY_TYPE_ED25519_COSIGNATURE,
  'ml-dsa-44': KEY_TYPE_ML_DSA_44_COSIGNATURE,
};

/** The kinds of keys that a log has: the first signs every checkpoint. */
export const LOG_KEY_TYPES: readonly KeyTypeName[] = ['ed25519', 'ml-dsa-44'];

const KEY_FILE_MODE = 0o600;
const GROUP_AND_OTHERS = 0o077;
const SEED_SIZE = 32;

/** The name of a key type for people; its number if it has none. */
export function keyTypeName(type: number): string {
  const found = Object.entries(KEY_TYPES).find(([, number]) => number === type);
  return found?.[0] ?? `0x${type.toString(16).padStart(2, '0')}`;
}

/**
 * The file name of a log's key. No two origins have the same: `/` becomes `+`, which no origin has, and every byte
 * other than letters, digits and `.`, `_`, `-` becomes `%XX`.
 */
export function keyFileName(origin: string, type: KeyTypeName): string {
  const encoded = Array.from(new TextEncoder().encode(origin), (byte) => {
    const character = String.fromCharCode(byte);
    if (character === '/') return '+';
    return /[A-Za-z0-9._-]/.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  });
  return `${encoded.join('')}.${type}.key`;
}

/** The directory that holds the user's keys unless another one is named. */
export async function keyDirectory(context: Context): Promise<string> {
  return join(await context.configDirectory(), 'keys');
}

/** A new key. @throws CoreError `key-malformed` if `keyName` cannot be a key's name */
export async function generateKey(context: Context, keyName: string, type: KeyTypeName): Promise<PrivateKey> {
  const schemes = await loadSchemes([KEY_TYPES[type]]);
  return privateKeyFromSeed(keyName, KEY_TYPES[type], context.random(SEED_SIZE), { schemes });
}

/**
 * Writes a private key to a new file that only its owner can read.
 *
 * @param passphrase the file is an armored age file then
 * @throws CliError `key-exists`, `file-missing`, `file-io`
 */
export async function writeKeyFile(path: string, key: PrivateKey, passphrase: string | undefined): Promise<void> {
  const { formatKeyFile } = await import('@vitrine/signer/node');
  const content = await formatKeyFile(key, passphrase);
  try {
    await writeNewFile(path, new TextEncoder().encode(content), { mode: KEY_FILE_MODE });
  } catch (error) {
    if (error instanceof CliError && error.code === 'file-exists') {
      throw new CliError('key-exists', `${path} is there already, and a key is never overwritten: name another file`);
    }
    throw error;
  }
}

/** How a key file is read. */
export interface ReadKeyOptions {
  /** Without a warning where others can read it too. */
  readonly json?: boolean | undefined;
  /** The environment variables that may name a file with the passphrase, the first that is set; otherwise it is asked for. */
  readonly passphraseFiles?: readonly string[];
}

/**
 * Reads a private key, and asks for its passphrase if it has one. No error contains any of it.
 *
 * @throws CliError `file-missing`, `file-io`, `passphrase-missing`; SignerError `passphrase-wrong`; CoreError
 * `key-malformed`, `key-type`
 */
export async function readKeyFile(
  context: Context,
  path: string,
  { json = false, passphraseFiles }: ReadKeyOptions = {},
): Promise<PrivateKey> {
  const { MAX_KEY_FILE_SIZE, openKeyFile } = await import('@vitrine/signer/node');
  const bytes = await readAtMost(path, MAX_KEY_FILE_SIZE);
  refuseVkey(bytes, path);
  const key = await openKeyFile(bytes, { path, passphrase: () => passphraseFor(context, path, passphraseFiles) });
  if (!json && (await othersCanRead(path))) context.output.note(`${path} can be read by others: chmod 600 ${path}`);
  return key;
}

/** Who confuses the two halves is told which one this is. */
function refuseVkey(bytes: Uint8Array, path: string): void {
  const line = (decodeUtf8(bytes) ?? '').split('\n').find((text) => text !== '' && !text.startsWith('#')) ?? '';
  try {
    parseVkey(line.trim());
  } catch (error) {
    if (error instanceof CoreError) return;
    throw error;
  }
  throw new CoreError('key-malformed', `${path} holds a public key (vkey): name the file of the private key`);
}

async function othersCanRead(path: string): Promise<boolean> {
  // The modes of Windows say nothing about who can read a file.
  if (process.platform === 'win32') return false;
  const found = await stat(path);
  return found.isFile() && (found.mode & GROUP_AND_OTHERS) !== 0;
}
