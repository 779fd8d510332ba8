import { formatBase64, parseBase64 } from '../bytes/base64.ts';
import { CoreError } from '../error.ts';
import { isKeyName, KEY_NAME_RULE } from './key-name.ts';
import { type SchemeOptions, schemeOf } from './signature-scheme.ts';
import { formatKeyId, parseKeyId, type VerifierKey, verifierKey } from './vkey.ts';

/** A private key in memory. Keep it out of logs and errors. */
export interface PrivateKey {
  /** The public half. */
  readonly vkey: VerifierKey;
  /** 32 bytes that the key pair is derived from, for Ed25519 and ML-DSA-44 alike. */
  readonly seed: Uint8Array;
}

const PREFIX = 'PRIVATE+KEY+';

// No cause and nothing of the text: a refusal must not show what may be a private key.
const malformed = (message: string): CoreError => new CoreError('key-malformed', message);

/**
 * The key of `type` whose seed is `seed`: 32 random bytes, or those that were kept. Type 0x06 needs `schemes`.
 *
 * @throws CoreError `key-malformed` for a bad key name, `key-type` for a type without a scheme
 * @throws RangeError if the seed has a wrong length
 */
export function privateKeyFromSeed(
  keyName: string,
  type: number,
  seed: Uint8Array,
  options: SchemeOptions = {},
): PrivateKey {
  if (!isKeyName(keyName)) throw malformed(KEY_NAME_RULE);
  const scheme = schemeOf(type, options);
  if (seed.length !== scheme.seedSize) throw new RangeError(`seed must be ${scheme.seedSize} bytes`);
  // Not slice(): of a Buffer that is a view, and the caller may wipe it.
  return { vkey: verifierKey(keyName, type, scheme.publicKey(seed)), seed: new Uint8Array(seed) };
}

/**
 * Reads a private key in the format of Go's note package, `PRIVATE+KEY+<key name>+<hex key ID>+<base64 of type and seed>`.
 * The key ID is checked against the derived public key. Type 0x06 needs `schemes`. Errors never contain any of the text.
 *
 * @throws CoreError `key-malformed`, or `key-type` for a type without a scheme
 */
export function parsePrivateKey(text: string, options: SchemeOptions = {}): PrivateKey {
  const first = text.indexOf('+', PREFIX.length);
  const second = text.indexOf('+', first + 1);
  if (!text.startsWith(PREFIX) || first < 0 || second < 0) {
    throw malformed('a private key is PRIVATE+KEY+<key name>+<key ID>+<base64>');
  }
  const id = parseKeyId(text.slice(first + 1, second));
  const data = parseSecret(text.slice(second + 1));
  const type = data[0];
  if (type === undefined) throw malformed('the key type is missing');
  const { name, seedSize } = schemeOf(type, options);
  if (data.length !== 1 + seedSize) throw malformed(`the seed of an ${name} key is ${seedSize} bytes`);
  const key = privateKeyFromSeed(text.slice(PREFIX.length, first), type, data.subarray(1), options);
  if (key.vkey.keyId !== id) throw malformed('the key ID is not that of the key');
  return key;
}

/**
 * Writes a private key, as {@link parsePrivateKey} reads it, in the clear.
 *
 * @throws CoreError `key-malformed` if the key name is none
 */
export function formatPrivateKey({ vkey, seed }: PrivateKey): string {
  if (!isKeyName(vkey.keyName)) throw malformed(KEY_NAME_RULE);
  const data = new Uint8Array(1 + seed.length);
  data[0] = vkey.type;
  data.set(seed, 1);
  return `${PREFIX}${vkey.keyName}+${formatKeyId(vkey.keyId)}+${formatBase64(data)}`;
}

function parseSecret(text: string): Uint8Array {
  try {
    return parseBase64(text, 'the private key');
  } catch {
    throw malformed('the private key is not base64');
  }
}
