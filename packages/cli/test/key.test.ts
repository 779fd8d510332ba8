import { chmodSync, existsSync, statSync } from 'node:fs';
import { formatPrivateKey, formatVkey, parsePrivateKey, parseVkey } from '@vitrine/core';
import { mlDsa44 } from '@vitrine/core/ml-dsa';
import { armor, Decrypter } from 'age-encryption';
import { expect, test } from 'vitest';
import { parseAs } from './support/json-schema.ts';
import { fixedKey, WITNESS_KEY, workspace } from './support/workspace.ts';

test.each([
  ['ed25519', 0x01],
  ['ed25519-cosignature', 0x04],
  ['ml-dsa-44', 0x06],
] as const)('key generate makes a key of type %s that key show reads', async (type, number) => {
  const w = workspace();
  const made = await w.run(['key', 'generate', 'witness.example/w', '--out', 'w.key', '--type', type]);
  expect({ status: made.status, stderr: made.stderr }).toEqual({ status: 0, stderr: 'vitrine: wrote w.key\n' });
  expect(statSync(w.path('w.key')).mode & 0o777).toBe(0o600);
  expect(parseVkey(made.stdout.trimEnd())).toMatchObject({ keyName: 'witness.example/w', type: number });
  const shown = await w.run(['key', 'show', 'w.key']);
  expect(shown).toMatchObject({ status: 0, stdout: made.stdout, stderr: '' });
  const key = parsePrivateKey(w.read('w.key').toString().trimEnd(), { schemes: [mlDsa44] });
  expect(made.stdout).toBe(`${formatVkey(key.vkey)}\n`);
});

test('key generate makes another key each time', async () => {
  const w = workspace();
  const [a, b] = await Promise.all(['a', 'b'].map((out) => w.run(['key', 'generate', 'k', '--out', out])));
  expect(a!.stdout).not.toBe(b!.stdout);
});

test('key show --json prints one object', async () => {
  const w = workspace();
  w.write('w.key', `${formatPrivateKey(WITNESS_KEY)}\n`);
  const { stdout } = await w.run(['key', 'show', 'w.key', '--json']);
  expect(parseAs('key', stdout)).toEqual({
    keyName: 'witness.example/w4',
    keyId: '09b0f2ad',
    type: 'ed25519-cosignature',
    vkey: 'witness.example/w4+09b0f2ad+BMqTrBcFGHBx1nuDx/8O/oEI6OxFMFdddyaHkzPb2r58',
    file: 'w.key',
  });
});

test('a key with a passphrase is an age file', async () => {
  const w = workspace();
  const passphrase = 'correct horse battery staple';
  const env = { VITRINE_PASSPHRASE_FILE: w.write('passphrase', `${passphrase}\n`) };
  const made = await w.run(['key', 'generate', 'example.com/log', '--out', 'k', '--passphrase', '--json'], { env });
  expect({ status: made.status, stderr: made.stderr }).toEqual({ status: 0, stderr: '' });
  expect(statSync(w.path('k')).mode & 0o777).toBe(0o600);
  const file = w.read('k').toString();
  expect(file).toMatch(/^-----BEGIN AGE ENCRYPTED FILE-----\n/);

  const decrypter = new Decrypter();
  decrypter.addPassphrase(passphrase);
  const text = await decrypter.decrypt(armor.decode(file), 'text');
  const { vkey } = parsePrivateKey(text.trimEnd());
  expect(parseAs('key', made.stdout)['vkey']).toBe(formatVkey(vkey));

  const shown = await w.run(['key', 'show', 'k'], { env });
  expect(shown).toMatchObject({ status: 0, stdout: `${formatVkey(vkey)}\n`, stderr: '' });

  w.write('binary', armor.decode(file));
  const binary = await w.run(['key', 'show', 'binary'], { env });
  expect(binary).toMatchObject({ status: 0, stdout: `${formatVkey(vkey)}\n` });

  const wrong = await w.run(['key', 'show', 'k'], { env: { VITRINE_PASSPHRASE_FILE: w.write('wrong', 'wrong') } });
  expect(wrong).toMatchObject({
    status: 2,
    stdout: '',
    stderr: 'vitrine: passphrase-wrong: the passphrase does not open k\n',
  });

  w.write('damaged', file.replace(/\n[^\n]+\n-----END/, '\n-----END'));
  const damaged = await w.run(['key', 'show', 'damaged'], { env });
  expect(damaged).toMatchObject({ status: 2, stdout: '' });
  expect(damaged.stderr).toMatch(/^vitrine: key-malformed: damaged is a damaged age file/);
});

test('a passphrase comes from a terminal or a file, and must not be empty', async () => {
  const w = workspace();
  const generate = ['key', 'generate', 'k', '--out', 'k', '--passphrase'];
  const none = await w.run(generate);
  expect(none).toMatchObject({ status: 2, stdout: '' });
  expect(none.stderr).toMatch(/^vitrine: passphrase-missing: .*VITRINE_PASSPHRASE_FILE\n$/);
  const missing = await w.run(generate, { env: { VITRINE_PASSPHRASE_FILE: 'nowhere' } });
  expect(missing).toMatchObject({
    status: 3,
    stderr: 'vitrine: file-missing: nowhere: no such file or directory\n',
  });
  const empty = await w.run(generate, { env: { VITRINE_PASSPHRASE_FILE: w.write('empty', '\n') } });
  expect(empty).toMatchObject({ status: 2, stderr: 'vitrine: passphrase-missing: the passphrase is empty\n' });
  expect(existsSync(w.path('k'))).toBe(false);
});

test('a key file is never overwritten', async () => {
  const w = workspace();
  w.write('k', 'something');
  const { status, stderr } = await w.run(['key', 'generate', 'k', '--out', 'k']);
  expect({ status, stderr }).toEqual({
    status: 2,
    stderr: 'vitrine: key-exists: k is there already, and a key is never overwritten: name another file\n',
  });
  expect(w.read('k').toString()).toBe('something');
});

test.skipIf(process.platform === 'win32')('a key that others can read is read with a warning', async () => {
  const w = workspace();
  const made = await w.run(['key', 'generate', 'k', '--out', 'k']);
  for (const mode of [0o640, 0o604, 0o620]) {
    chmodSync(w.path('k'), mode);
    expect(await w.run(['key', 'show', 'k'])).toMatchObject({
      status: 0,
      stdout: made.stdout,
      stderr: 'vitrine: k can be read by others: chmod 600 k\n',
    });
    expect(await w.run(['key', 'show', 'k', '--json'])).toMatchObject({ status: 0, stderr: '' });
  }
  chmodSync(w.path('k'), 0o400);
  expect(await w.run(['key', 'show', 'k'])).toMatchObject({ status: 0, stderr: '' });
});

test('what is no key is refused without showing any of it', async () => {
  const w = workspace();
  const secret = formatPrivateKey(WITNESS_KEY);
  for (const content of [secret.replace('09b0f2ad', '09b0f2ae'), `${secret}=`, secret.slice(8), `\n${secret}`]) {
    w.write('k', content);
    const { status, stdout, stderr } = await w.run(['key', 'show', 'k']);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(/^vitrine: key-malformed: k: /);
    expect(stderr).not.toContain('BAQE');
  }
  for (const content of [Buffer.of(0xff), Buffer.alloc(70_000)]) {
    w.write('k', content);
    expect((await w.run(['key', 'show', 'k'])).stderr).toBe('vitrine: key-malformed: k does not hold a private key\n');
  }
  expect((await w.run(['key', 'show', '.'])).stderr).toBe('vitrine: file-type: . is a directory\n');
});

const SSH_TYPE = 'ssh-ed25519';

/** The line of a public key of OpenSSH. RFC 4253, section 6.6; RFC 8709, section 4. */
function sshLine(type: string, ...fields: readonly (Uint8Array | string)[]): string {
  const blob = [type, ...fields].flatMap((field) => {
    const bytes = Buffer.from(field);
    return [Buffer.of(0, 0, 0, bytes.length), bytes];
  });
  return `${type} ${Buffer.concat(blob).toString('base64')} me@host\n`;
}

test('key ssh prints the vkey of an OpenSSH key under a name', async () => {
  const w = workspace();
  const key = fixedKey('vendor.example/releases', 0x01, 1);
  const line = sshLine(SSH_TYPE, key.vkey.publicKey);
  w.write('id.pub', line);
  const vkey = formatVkey(key.vkey);
  const shown = await w.run(['key', 'ssh', 'id.pub', 'vendor.example/releases']);
  expect(shown).toMatchObject({ status: 0, stdout: `${vkey}\n`, stderr: '' });
  const json = await w.run(['key', 'ssh', '-', 'vendor.example/releases', '--json'], { input: line });
  expect(json).toMatchObject({ status: 0, stderr: '' });
  expect(parseAs('key', json.stdout)).toEqual({
    keyName: 'vendor.example/releases',
    keyId: vkey.split('+')[1],
    type: 'ed25519',
    vkey,
    file: '-',
  });
});

test('key ssh refuses other keys by name, and what is no key without showing it', async () => {
  const w = workspace();
  w.write('rsa.pub', sshLine('ssh-rsa', 'e', 'n'));
  w.write('token.pub', sshLine('sk-ssh-ed25519@openssh.com', WITNESS_KEY.vkey.publicKey, 'ssh:'));
  w.write('private', '-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0\n');
  w.write('words', 'secret words\n');
  w.write('binary', Buffer.of(0xff));
  w.write('large', Buffer.alloc(70_000, '\n'));
  w.write('good.pub', sshLine(SSH_TYPE, WITNESS_KEY.vkey.publicKey));
  for (const [file, error] of [
    ['rsa.pub', 'key-type: rsa.pub: expected a key of type ssh-ed25519, found ssh-rsa'],
    [
      'token.pub',
      'key-type: token.pub: a key of type sk-ssh-ed25519@openssh.com signs with a counter, and never bytes as they are',
    ],
    ['private', 'key-malformed: private: this is not the line of a public key: name the .pub file'],
    ['words', 'key-malformed: words: this is not the line of an OpenSSH public key, ssh-ed25519 <base64> [comment]'],
    ['binary', 'key-malformed: binary does not hold a public key'],
    ['large', 'key-malformed: large does not hold a public key'],
  ]) {
    const refused = await w.run(['key', 'ssh', file!, 'name']);
    expect(refused).toMatchObject({ status: 2, stdout: '', stderr: `vitrine: ${error}\n` });
  }
  expect(await w.run(['key', 'ssh', 'good.pub', 'two words'])).toMatchObject({
    status: 2,
    stderr: 'vitrine: key-malformed: a key name is not empty and has no spaces, plus signs and control characters\n',
  });
  expect((await w.run(['key', 'ssh', 'absent', 'name'])).stderr).toBe(
    'vitrine: file-missing: absent: no such file or directory\n',
  );
});
