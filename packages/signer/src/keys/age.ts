import { CoreError } from '@vitrine/core';
import { SignerError } from '../error.ts';

const ARMOR_HEADER = '-----BEGIN AGE ENCRYPTED FILE-----';
const BINARY_HEADER = 'age-encryption.org/v1\n';

const beginsWith = (bytes: Uint8Array, text: string): boolean =>
  Buffer.from(bytes.subarray(0, text.length)).toString('latin1') === text;

/** Whether a file is an age file, armored or binary. https://c2sp.org/age */
export function isAgeFile(bytes: Uint8Array): boolean {
  return beginsWith(bytes, ARMOR_HEADER) || beginsWith(bytes, BINARY_HEADER);
}

/** Encrypts a text with a passphrase, to an armored age file. https://c2sp.org/age#scrypt-recipient-stanza */
export async function encryptText(text: string, passphrase: string): Promise<string> {
  const { armor, Encrypter } = await import('age-encryption');
  const encrypter = new Encrypter();
  encrypter.setPassphrase(passphrase);
  return armor.encode(await encrypter.encrypt(text));
}

/**
 * Decrypts what {@link encryptText} or `age -p` wrote, to bytes.
 *
 * @param path names the file in errors
 * @throws SignerError `passphrase-wrong`; CoreError `key-malformed` if it is not an age file with a passphrase
 */
export async function decryptText(file: Uint8Array, passphrase: string, path: string): Promise<Uint8Array> {
  const { armor, Decrypter } = await import('age-encryption');
  try {
    const decrypter = new Decrypter();
    decrypter.addPassphrase(passphrase);
    const binary = beginsWith(file, ARMOR_HEADER) ? armor.decode(Buffer.from(file).toString('latin1')) : file;
    return await decrypter.decrypt(binary);
  } catch (cause) {
    // The library has no codes; this is what it says if nothing is wrong with the file.
    if (cause instanceof Error && cause.message.startsWith('no identity matched')) {
      throw new SignerError('passphrase-wrong', `the passphrase does not open ${path}`, { cause });
    }
    throw new CoreError('key-malformed', `${path} is a damaged age file, or not one with a passphrase`, { cause });
  }
}
