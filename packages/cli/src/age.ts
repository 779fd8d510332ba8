import { CoreError } from '@vitrine/core';
import { CliError } from './errors.ts';
import { decodeUtf8 } from './text.ts';

const ARMOR_HEADER = '-----BEGIN AGE ENCRYPTED FILE-----';

/** Whether the text of a file is an armored age file. https://c2sp.org/age#ascii-armor */
export function isAgeFile(text: string): boolean {
  return text.trimStart().startsWith(ARMOR_HEADER);
}

/** Encrypts a text with a passphrase, to an armored age file. https://c2sp.org/age#scrypt-recipient-stanza */
export async function encryptText(text: string, passphrase: string): Promise<string> {
  const { armor, Encrypter } = await import('age-encryption');
  const encrypter = new Encrypter();
  encrypter.setPassphrase(passphrase);
  return armor.encode(await encrypter.encrypt(text));
}

/**
 * Decrypts what {@link encryptText} or `age -p -a` wrote.
 *
 * @param path names the file in errors
 * @throws CliError `passphrase-wrong`; CoreError `key-malformed` if it is not an age file with a passphrase
 */
export async function decryptText(armored: string, passphrase: string, path: string): Promise<string> {
  const { armor, Decrypter } = await import('age-encryption');
  let text: string | undefined;
  try {
    const decrypter = new Decrypter();
    decrypter.addPassphrase(passphrase);
    text = decodeUtf8(await decrypter.decrypt(armor.decode(armored)));
  } catch (cause) {
    // The library has no codes; this is what it says if nothing is wrong with the file.
    if (cause instanceof Error && cause.message.startsWith('no identity matched')) {
      throw new CliError('passphrase-wrong', `the passphrase does not open ${path}`, { cause });
    }
    throw new CoreError('key-malformed', `${path} is a damaged age file, or not one with a passphrase`, { cause });
  }
  if (text === undefined) throw new CoreError('key-malformed', `${path} does not hold a private key`);
  return text;
}
