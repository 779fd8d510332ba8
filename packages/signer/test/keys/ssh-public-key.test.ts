import { formatVkey, parseVkey } from '@vitrine/core';
import { expect, test } from 'vitest';
import { sshVerifierKey } from '../../src/node.ts';
import { blob } from './support/agent.ts';
import { KEY } from './support/fixtures.ts';

const { vkey } = KEY;
const NAME = vkey.keyName;
const line = (type: string, key: Uint8Array): string => `${type} ${Buffer.from(key).toString('base64')}`;
const LINE = line('ssh-ed25519', blob('ssh-ed25519', vkey.publicKey));

test('the line of an Ed25519 key gives its vkey', () => {
  for (const text of [LINE, `${LINE}\n`, `${LINE} me@host with words\r\n`, `# mine\n\n${LINE}\n`, `${LINE}\tx`]) {
    expect(sshVerifierKey(text, NAME)).toEqual(vkey);
  }
  expect(parseVkey(formatVkey(sshVerifierKey(LINE, 'another.example')))).toMatchObject({
    keyName: 'another.example',
    publicKey: vkey.publicKey,
  });
});

test('keys of other types are refused by name', () => {
  for (const type of ['ssh-rsa', 'ecdsa-sha2-nistp256', 'ssh-ed25519-cert-v01@openssh.com']) {
    expect(() => sshVerifierKey(line(type, blob(type, 'e', 'n')), NAME)).toThrow(
      expect.objectContaining({ code: 'key-type', message: `expected a key of type ssh-ed25519, found ${type}` }),
    );
  }
  const token = 'sk-ssh-ed25519@openssh.com';
  expect(() => sshVerifierKey(line(token, blob(token, vkey.publicKey, 'ssh:')), NAME)).toThrow(
    expect.objectContaining({
      code: 'key-type',
      message: `a key of type ${token} signs with a counter, and never bytes as they are`,
    }),
  );
});

test('what is not one public key is refused without showing it', () => {
  for (const text of [
    '',
    '# only a comment\n',
    'secret-words',
    'secret-words c2VjcmV0LXdvcmRz',
    `secret-words ${LINE.split(' ')[1]}`,
    `${LINE.split(' ')[1]}`,
    'ssh-ed25519',
    'ssh-ed25519 secret',
    LINE.slice(0, -1),
    `${LINE}\n${LINE}`,
    ` ${LINE}`,
    line('ssh-ed25519', blob('ssh-ed25519', vkey.publicKey.subarray(1))),
    line('ssh-ed25519', blob('ssh-ed25519', vkey.publicKey, 'secret')),
    line('ssh-ed25519', blob('ssh-ed25519')),
    line('ssh-ed25519', blob('ssh-rsa', 'secret')),
    line('SECRET', blob('SECRET', 'e')),
    '-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0\n-----END OPENSSH PRIVATE KEY-----\n',
  ]) {
    let error: unknown;
    try {
      sshVerifierKey(text, NAME);
    } catch (caught) {
      error = caught;
    }
    expect(error, text).toMatchObject({
      code: 'key-malformed',
      message: expect.not.stringMatching(/secret|c2V|AAAA/i),
    });
  }
});

test('the key name has to be one', () => {
  for (const name of ['', 'two words', 'a+b']) {
    expect(() => sshVerifierKey(LINE, name)).toThrow(expect.objectContaining({ code: 'key-malformed' }));
  }
});
