import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import {
  formatPrivateKey,
  KEY_TYPE_ED25519_COSIGNATURE,
  KEY_TYPE_ML_DSA_44_COSIGNATURE,
  privateKeyFromSeed,
  verifyEd25519,
} from '@vitrine/core';
import { mlDsa44 } from '@vitrine/core/ml-dsa';
import { armor, Encrypter, generateIdentity, identityToRecipient } from 'age-encryption';
import { expect, test } from 'vitest';
import { formatKeyFile, keyFileSigner, MAX_KEY_FILE_SIZE, openKeyFile, privateKeySigner } from '../../src/node.ts';
import { directory, fixedKey, KEY, MESSAGE, OTHER_KEY } from './support/fixtures.ts';

const PASSPHRASE = 'correct horse battery staple';
const noPassphrase = async (): Promise<string> => {
  throw new Error('nobody is here');
};
const passphrase = async (): Promise<string> => PASSPHRASE;

/** What somebody else encrypted to a passphrase. */
async function encrypted(content: string | Uint8Array): Promise<Uint8Array> {
  const encrypter = new Encrypter();
  encrypter.setPassphrase(PASSPHRASE);
  encrypter.setScryptWorkFactor(10);
  return encrypter.encrypt(content);
}

const open = (content: string | Uint8Array, ask = passphrase): ReturnType<typeof openKeyFile> =>
  openKeyFile(Buffer.from(content), { path: 'k', passphrase: ask });

test('a key file in the clear signs without a passphrase', async () => {
  const path = join(directory(), 'key');
  writeFileSync(path, await formatKeyFile(KEY));
  const signer = await keyFileSigner(path, { passphrase: noPassphrase });
  expect(signer).toMatchObject({ vkey: KEY.vkey, keyName: KEY.vkey.keyName, keyId: KEY.vkey.keyId });
  expect(verifyEd25519(KEY.vkey.publicKey, MESSAGE, await signer.sign(MESSAGE))).toBe(true);
});

test('an encrypted key file signs with its passphrase', async () => {
  const path = join(directory(), 'key');
  const content = await formatKeyFile(KEY, PASSPHRASE);
  expect(content).toMatch(/^-----BEGIN AGE ENCRYPTED FILE-----\n/);
  writeFileSync(path, content);
  const signer = await keyFileSigner(path, { passphrase });
  expect(verifyEd25519(KEY.vkey.publicKey, MESSAGE, await signer.sign(MESSAGE))).toBe(true);
  await expect(keyFileSigner(path, { passphrase: async () => 'wrong' })).rejects.toMatchObject({
    name: 'SignerError',
    code: 'passphrase-wrong',
    message: `the passphrase does not open ${path}`,
  });
  await expect(keyFileSigner(path, { passphrase: noPassphrase })).rejects.toThrow('nobody is here');
});

test('an age file is read in both of its forms', async () => {
  const binary = await encrypted(`${formatPrivateKey(KEY)}\n`);
  expect(await open(binary)).toEqual(KEY);
  expect(await open(armor.encode(binary))).toEqual(KEY);
});

test('a key of any type is read, and only one of type 0x01 signs', async () => {
  const cosigner = fixedKey(1, 'witness.example', KEY_TYPE_ED25519_COSIGNATURE);
  const seed = new Uint8Array(32).fill(3);
  const options = { schemes: [mlDsa44] };
  const mlDsa = privateKeyFromSeed('witness.example', KEY_TYPE_ML_DSA_44_COSIGNATURE, seed, options);
  for (const key of [cosigner, mlDsa]) {
    expect(await open(`${formatPrivateKey(key)}\n`)).toEqual(key);
    expect(() => privateKeySigner(key)).toThrow(expect.objectContaining({ code: 'key-type' }));
  }
});

test('a signature that its own public key does not verify is not given out', async () => {
  const mixed = privateKeySigner({ vkey: KEY.vkey, seed: OTHER_KEY.seed });
  await expect(mixed.sign(MESSAGE)).rejects.toMatchObject({
    code: 'signer-failed',
    message: expect.stringMatching(/^the private key gave a signature that is not one of these bytes/),
  });
});

test('what is no key file is refused without showing any of it', async () => {
  const secret = formatPrivateKey(KEY);
  const damaged = armor.encode(await encrypted(secret)).replace(/\n[^\n]+\n-----END/, '\n-----END');
  const recipients = new Encrypter();
  recipients.addRecipient(await identityToRecipient(await generateIdentity()));
  for (const [content, message] of [
    ['', /^k: a private key is/],
    [`\n${secret}`, /^k: a private key is/],
    [`${secret}\n\n`, /^k: /],
    [secret.slice(0, -1), /^k: the private key is not base64$/],
    [Buffer.of(0xff), /^k does not hold a private key$/],
    [Buffer.alloc(MAX_KEY_FILE_SIZE + 1, 'a'), /^k does not hold a private key$/],
    [await encrypted('nothing'), /^k: a private key is/],
    [await encrypted(Buffer.of(0xff)), /^k does not hold a private key$/],
    [damaged, /^k is a damaged age file, or not one with a passphrase$/],
    [
      await recipients.encrypt(secret),
      /^k is a damaged age file, or not one with a passphrase|^the passphrase does not/,
    ],
  ] as const) {
    const error = await open(content).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ message: expect.stringMatching(message) });
    expect(inspect(error)).not.toContain(secret.slice(-12, -2));
  }
});

test('a file that is not there is reported as node:fs does', async () => {
  await expect(keyFileSigner(join(directory(), 'absent'), { passphrase })).rejects.toMatchObject({ code: 'ENOENT' });
});

test('a file that is too long is not read to its end', async () => {
  const path = join(directory(), 'key');
  writeFileSync(path, Buffer.alloc(10 * MAX_KEY_FILE_SIZE, 'a'));
  await expect(keyFileSigner(path, { passphrase })).rejects.toMatchObject({ code: 'key-malformed' });
  await expect(keyFileSigner('/dev/zero', { passphrase })).rejects.toMatchObject({ code: 'key-malformed' });
});
