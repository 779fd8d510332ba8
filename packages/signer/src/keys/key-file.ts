import { createReadStream } from 'node:fs';
import {
  CoreError,
  ed25519Signer,
  formatPrivateKey,
  KEY_TYPE_ML_DSA_44_COSIGNATURE,
  loadSchemes,
  type PrivateKey,
  parsePrivateKey,
} from '@vitrine/core';
import { decryptText, encryptText, isAgeFile } from './age.ts';
import { type StatementSigner, verifiedSigner } from './statement-signer.ts';

/** A key file is at most this long. */
export const MAX_KEY_FILE_SIZE: number = 64 * 1024;

/** How a key file is read. */
export interface KeyFileOptions {
  /** The passphrase of the file, if it turns out to have one. What it throws is thrown. */
  readonly passphrase: () => Promise<string>;
}

/**
 * The content of a key file: one line in the format of Go's note package, in the clear or as an armored age file.
 *
 * @throws CoreError `key-malformed` if the key's name is none
 */
export async function formatKeyFile(key: PrivateKey, passphrase?: string): Promise<string> {
  const text = `${formatPrivateKey(key)}\n`;
  return passphrase === undefined ? text : encryptText(text, passphrase);
}

/**
 * Reads the content of a key file, as {@link formatKeyFile} or `age -p` wrote it. No error contains any of it.
 *
 * @param options.path names the file in errors
 * @throws SignerError `passphrase-wrong`; CoreError `key-malformed`, `key-type`
 */
export async function openKeyFile(
  content: Uint8Array,
  { path, passphrase }: KeyFileOptions & { readonly path: string },
): Promise<PrivateKey> {
  if (content.length > MAX_KEY_FILE_SIZE) throw noKey(path);
  const bytes = isAgeFile(content) ? await decryptText(content, await passphrase(), path) : content;
  const text = decodeUtf8(bytes);
  if (text === undefined) throw noKey(path);
  try {
    return await parseKey(text.replace(/\n$/, ''));
  } catch (error) {
    if (error instanceof CoreError) throw new CoreError(error.code, `${path}: ${error.message}`);
    throw error;
  }
}

/** Signs with a key in memory. @throws CoreError `key-type` for a key that is not of type 0x01 */
export function privateKeySigner(key: PrivateKey): StatementSigner {
  const { sign } = ed25519Signer(key);
  return verifiedSigner(key.vkey, { sign, name: 'the private key', code: 'signer-failed' });
}

/**
 * Signs with the key in a file.
 *
 * @throws what node:fs throws; SignerError `passphrase-wrong`; CoreError `key-malformed`, `key-type`
 */
export async function keyFileSigner(path: string, options: KeyFileOptions): Promise<StatementSigner> {
  return privateKeySigner(await openKeyFile(await readFile(path), { ...options, path }));
}

/** At most one byte more than a key file may have. */
async function readFile(path: string): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of createReadStream(path, { end: MAX_KEY_FILE_SIZE })) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function parseKey(text: string): Promise<PrivateKey> {
  try {
    return parsePrivateKey(text);
  } catch (error) {
    if (!(error instanceof CoreError) || error.code !== 'key-type') throw error;
    // It takes a while to load, and few keys need it.
    return parsePrivateKey(text, { schemes: await loadSchemes([KEY_TYPE_ML_DSA_44_COSIGNATURE]) });
  }
}

function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    // The answer to the question that was asked.
    return undefined;
  }
}

const noKey = (path: string): CoreError => new CoreError('key-malformed', `${path} does not hold a private key`);
