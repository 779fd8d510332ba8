import { sha256 } from '#sha256';
import { formatBase64, parseBase64 } from '../bytes/base64.ts';
import { CoreError } from '../error.ts';
import { isKeyName, KEY_NAME_RULE } from './key-name.ts';
import { formatKeyType, PUBLIC_KEY_SIZES } from './key-type.ts';
import { reading } from './reading.ts';
import { encodeUtf8 } from './text.ts';

/** A key that verifies note signatures. https://c2sp.org/signed-note#verifier-keys */
export interface VerifierKey {
  readonly keyName: string;
  /** The four-byte key ID as an unsigned integer. */
  readonly keyId: number;
  /** The signature type byte. */
  readonly type: number;
  readonly publicKey: Uint8Array;
}

const malformed = (message: string, cause?: unknown): CoreError => new CoreError('key-malformed', message, { cause });

/**
 * The key ID of a key: the first four bytes of `SHA-256(keyName || 0x0A || type || publicKey)`, as an unsigned integer.
 * https://c2sp.org/signed-note#signatures
 */
export function keyId(keyName: string, type: number, publicKey: Uint8Array): number {
  const name = encodeUtf8(keyName);
  const input = new Uint8Array(name.length + 2 + publicKey.length);
  input.set(name);
  input[name.length] = 0x0a;
  input[name.length + 1] = type;
  input.set(publicKey, name.length + 2);
  const digest = sha256(input);
  return new DataView(digest.buffer, digest.byteOffset).getUint32(0);
}

/**
 * The key of this name, type and public key. Its ID follows from them; for a type that has a rule of its own for that, it is
 * not the one that others know the key by.
 *
 * @throws CoreError `key-malformed`, as {@link parseVkey}
 */
export function verifierKey(keyName: string, type: number, publicKey: Uint8Array): VerifierKey {
  const key = { keyName, keyId: keyId(keyName, type, publicKey), type, publicKey: new Uint8Array(publicKey) };
  checkVerifierKey(key);
  return key;
}

/** A key ID as it is written in vkeys: eight lowercase hex digits. */
export function formatKeyId(id: number): string {
  return id.toString(16).padStart(8, '0');
}

/** @throws CoreError `key-malformed` unless `text` is eight lowercase hex digits */
export function parseKeyId(text: string): number {
  if (!/^[0-9a-f]{8}$/.test(text)) throw malformed('a key ID must be 8 lowercase hex digits');
  return Number.parseInt(text, 16);
}

/**
 * What {@link parseVkey} demands of a key.
 *
 * @throws CoreError `key-malformed`
 */
export function checkVerifierKey(key: VerifierKey): void {
  const { keyName, keyId: id, type, publicKey } = key;
  if (!isKeyName(keyName)) throw malformed(KEY_NAME_RULE);
  if (!Number.isInteger(id) || id < 0 || id > 0xffffffff) throw malformed('a key ID is an unsigned 32-bit integer');
  if (!Number.isInteger(type) || type < 0 || type > 0xff) throw malformed('a key type is one byte');
  if (publicKey.length === 0) throw malformed('the public key is empty');
  const size = PUBLIC_KEY_SIZES.get(type);
  if (size === undefined) return;
  if (publicKey.length !== size) {
    throw malformed(`a public key of type ${formatKeyType(type)} is ${size} bytes, found ${publicKey.length}`);
  }
  const expected = keyId(keyName, type, publicKey);
  if (id !== expected) {
    throw malformed(`the key ID ${formatKeyId(id)} is not that of the public key, ${formatKeyId(expected)}`);
  }
}

/**
 * Reads a vkey, `<key name>+<hex key ID>+<base64 of type and public key>`. For types 0x01, 0x04 and 0x06 the key's length
 * and ID are checked; a key of any other type is read as it is, and refused with `key-type` where it is put to use.
 * https://c2sp.org/signed-note#verifier-keys
 *
 * @throws CoreError `key-malformed`
 */
export function parseVkey(text: string): VerifierKey {
  if (text.startsWith('PRIVATE+KEY+')) throw malformed('this is a private key, not a verifier key');
  // The base64 may have plus signs of its own.
  const first = text.indexOf('+');
  const second = text.indexOf('+', first + 1);
  if (first < 0 || second < 0) throw malformed('a verifier key is <key name>+<key ID>+<base64>');
  const id = parseKeyId(text.slice(first + 1, second));
  const data = reading(malformed, () => parseBase64(text.slice(second + 1), 'the public key'));
  if (data.length === 0) throw malformed('the key type is missing');
  const key = { keyName: text.slice(0, first), keyId: id, type: data[0]!, publicKey: new Uint8Array(data.subarray(1)) };
  checkVerifierKey(key);
  return key;
}

/**
 * Writes a vkey, as {@link parseVkey} reads it.
 *
 * @throws CoreError `key-malformed`
 */
export function formatVkey(key: VerifierKey): string {
  checkVerifierKey(key);
  const data = new Uint8Array(1 + key.publicKey.length);
  data[0] = key.type;
  data.set(key.publicKey, 1);
  return `${key.keyName}+${formatKeyId(key.keyId)}+${formatBase64(data)}`;
}
