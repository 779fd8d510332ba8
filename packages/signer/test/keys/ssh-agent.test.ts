import { unlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { ed25519Signer, KEY_TYPE_ED25519_COSIGNATURE } from '@vitrine/core';
import { expect, onTestFinished, test, vi } from 'vitest';
import { sshAgentSigner } from '../../src/node.ts';
import {
  type Answer,
  blob,
  identities,
  REQUEST_IDENTITIES,
  SIGN_REQUEST,
  signResponse,
  startAgent,
  string,
} from './support/agent.ts';
import { directory, fixedKey, KEY, MESSAGE, OTHER_KEY } from './support/fixtures.ts';

const { vkey } = KEY;
const BLOB = blob('ssh-ed25519', vkey.publicKey);
const OTHER_BLOB = blob('ssh-ed25519', OTHER_KEY.vkey.publicKey);
const TOKEN_BLOB = blob('sk-ssh-ed25519@openssh.com', vkey.publicKey, 'ssh:');
const OTHER_TOKEN_BLOB = blob('sk-ssh-ed25519@openssh.com', OTHER_KEY.vkey.publicKey, 'ssh:');
const SIGNATURE = await ed25519Signer(KEY).sign(MESSAGE);

/** An agent that holds the key, and answers requests to sign like this. */
const signing =
  (sign: Answer): Answer =>
  (request, connection) =>
    request[0] === REQUEST_IDENTITIES ? identities([BLOB, 'me@host']) : sign(request, connection);

/** What comes of signing with such an agent. */
async function sign(answer: Answer): Promise<Uint8Array> {
  const signer = await sshAgentSigner(vkey, { socket: await startAgent(answer) });
  return signer.sign(MESSAGE);
}

test('an agent that holds the key signs with it', async () => {
  const requests: Buffer[] = [];
  const answer: Answer = (request) => {
    requests.push(Buffer.from(request));
    if (request[0] === REQUEST_IDENTITIES) {
      return identities([OTHER_BLOB, 'other'], [blob('ssh-rsa', 'e', 'n'), 'rsa'], [BLOB, 'me@host'], [TOKEN_BLOB, '']);
    }
    return signResponse(SIGNATURE);
  };
  const signer = await sshAgentSigner(vkey, { socket: await startAgent(answer) });
  expect(signer).toMatchObject({ vkey, keyName: vkey.keyName, keyId: vkey.keyId });
  expect(await signer.sign(MESSAGE)).toEqual(SIGNATURE);
  expect(await signer.sign(MESSAGE)).toEqual(SIGNATURE);
  const request = Buffer.concat([Buffer.of(SIGN_REQUEST), string(BLOB), string(MESSAGE), Buffer.alloc(4)]);
  expect(requests).toEqual([Buffer.of(REQUEST_IDENTITIES), request, request]);
});

test('an answer may come in pieces', async () => {
  const inPieces: Answer = (_, connection) => {
    const answer = string(signResponse(SIGNATURE));
    for (const [i, byte] of answer.entries()) setTimeout(() => connection.write(Buffer.of(byte)), i);
    return undefined;
  };
  expect(await sign(signing(inPieces))).toEqual(SIGNATURE);
});

test('without a socket there is no agent', async () => {
  const missing = { code: 'agent-missing' };
  await expect(sshAgentSigner(vkey, { socket: '' })).rejects.toMatchObject({
    ...missing,
    message: 'SSH_AUTH_SOCK is not set: start ssh-agent',
  });
  const path = join(directory(), 'agent');
  await expect(sshAgentSigner(vkey, { socket: path })).rejects.toMatchObject({
    ...missing,
    message: expect.stringMatching(/^there is no SSH agent at .*agent: connect ENOENT/),
  });
  writeFileSync(path, '');
  await expect(sshAgentSigner(vkey, { socket: path })).rejects.toMatchObject(missing);
});

test('SSH_AUTH_SOCK names the socket unless another one is named', async () => {
  try {
    vi.stubEnv('SSH_AUTH_SOCK', await startAgent(signing(() => signResponse(SIGNATURE))));
    expect(await (await sshAgentSigner(vkey)).sign(MESSAGE)).toEqual(SIGNATURE);
    vi.stubEnv('SSH_AUTH_SOCK', undefined);
    await expect(sshAgentSigner(vkey)).rejects.toMatchObject({ code: 'agent-missing' });
  } finally {
    vi.unstubAllEnvs();
  }
});

test('an agent that goes away is missing when it is to sign', async () => {
  const socket = await startAgent(signing(() => signResponse(SIGNATURE)));
  const signer = await sshAgentSigner(vkey, { socket });
  unlinkSync(socket);
  await expect(signer.sign(MESSAGE)).rejects.toMatchObject({ code: 'agent-missing' });
});

test('an agent without the key says which Ed25519 keys it has', async () => {
  const many = Array.from(
    { length: 20 },
    (_, i) => [blob('ssh-ed25519', fixedKey(i + 10).vkey.publicKey), `key ${i}\u001b[31m`] as const,
  );
  for (const [keys, has] of [
    [[], /; it has no Ed25519 key, or is locked$/],
    [[[blob('ssh-rsa', 'e', 'n'), 'rsa']], /; it has no Ed25519 key, or is locked$/],
    [[[blob('ssh-ed25519-cert-v01@openssh.com', vkey.publicKey), 'cert']], /; it has no Ed25519 key, or is locked$/],
    [[[OTHER_TOKEN_BLOB, 'token']], /; it has no Ed25519 key, or is locked$/],
    [[[OTHER_BLOB, 'me@host']], /; it has SHA256:[A-Za-z0-9+/]{43} "me@host"$/],
    [many, /; it has SHA256:\S{43} "key 0\\u\{1b\}\[31m", SHA256:.* "key 7\\u\{1b\}\[31m", \.\.\.$/],
  ] as const) {
    const socket = await startAgent(() => identities(...keys));
    await expect(sshAgentSigner(vkey, { socket })).rejects.toMatchObject({
      code: 'agent-key',
      message: expect.stringMatching(has),
    });
  }
});

test('a key on a FIDO token is refused with the reason', async () => {
  const socket = await startAgent(() => identities([TOKEN_BLOB, 'token']));
  await expect(sshAgentSigner(vkey, { socket })).rejects.toMatchObject({
    code: 'agent-key',
    message: expect.stringMatching(
      /^the key of vendor.example\/releases is on a FIDO token, "token", which signs with a counter/,
    ),
  });
});

test.each([
  ['refuses', Buffer.of(5), /^the SSH agent refused/],
  ['answers with nothing', Buffer.alloc(0), /malformed: 1 bytes expected, 0 left$/],
  ['answers another question', Buffer.of(6), /malformed: type 12 expected, found 6$/],
  ['answers as if it was to sign', signResponse(SIGNATURE), /malformed: type 12 expected, found 14$/],
  ['leaves out the number of keys', Buffer.of(12), /malformed/],
  ['has fewer keys than it says', Buffer.of(12, 0, 0, 0, 1), /malformed/],
  ['says that it has four billion keys', Buffer.concat([Buffer.of(12, 255, 255, 255, 255), string(BLOB)]), /malformed/],
  ['has more keys than it says', Buffer.concat([identities([BLOB, '']), Buffer.of(0)]), /malformed: 1 bytes too many$/],
  ['has a string beyond the end', Buffer.concat([Buffer.of(12, 0, 0, 0, 1, 255, 255, 255, 255)]), /malformed/],
  ['has a key of another length', identities([blob('ssh-ed25519', vkey.publicKey.subarray(1)), '']), /is 32 bytes$/],
  ['has a key with more behind it', identities([Buffer.concat([BLOB, Buffer.of(0)]), '']), /malformed/],
])('an agent that %s when asked for its keys has failed', async (_, answer, message) => {
  const socket = await startAgent(() => answer);
  await expect(sshAgentSigner(vkey, { socket })).rejects.toMatchObject({
    code: 'agent-failed',
    message: expect.stringMatching(message),
  });
});

const wrongBit = Uint8Array.from(SIGNATURE);
wrongBit[63]! ^= 1;

test.each([
  ['refuses', Buffer.of(5), /^the SSH agent refused: it is locked, the key was removed/],
  ['answers another question', identities([BLOB, '']), /malformed: type 14 expected, found 12$/],
  ['signs with another key', signResponse(await ed25519Signer(OTHER_KEY).sign(MESSAGE)), /is not one of these bytes/],
  ['signs other bytes', signResponse(await ed25519Signer(KEY).sign(Buffer.of(1))), /is not one of these bytes/],
  ['changes a bit', signResponse(wrongBit), /is not one of these bytes/],
  ['cuts the signature', signResponse(SIGNATURE.subarray(1)), /is not one of these bytes/],
  [
    'signs with another algorithm',
    signResponse(SIGNATURE, 'ssh-rsa'),
    /malformed: its signature is not of type ssh-ed25519$/,
  ],
  [
    'puts more behind the signature',
    Buffer.concat([signResponse(SIGNATURE), Buffer.of(0)]),
    /malformed: 1 bytes too many$/,
  ],
  [
    'puts more into the signature',
    Buffer.concat([Buffer.of(14), string(Buffer.concat([blob('ssh-ed25519', SIGNATURE), Buffer.of(0)]))]),
    /malformed: 1 bytes too many$/,
  ],
  ['leaves out the signature', Buffer.concat([Buffer.of(14), string(string('ssh-ed25519'))]), /malformed/],
])('an agent that %s when asked to sign has failed', async (_, answer, message) => {
  await expect(sign(signing(() => answer))).rejects.toMatchObject({
    code: 'agent-failed',
    message: expect.stringMatching(message),
  });
});

test.each<[string, Answer]>([
  ['at once', (_, connection) => void connection.end()],
  ['within the length', (_, connection) => void connection.end(Buffer.of(0, 0))],
  ['within the answer', (_, connection) => void connection.end(string(signResponse(SIGNATURE)).subarray(0, -1))],
])('an agent that closes the connection %s has failed', async (_, answer) => {
  for (const agent of [answer, signing(answer)]) {
    await expect(sign(agent)).rejects.toMatchObject({
      code: 'agent-failed',
      message: 'the SSH agent closed the connection without an answer',
    });
  }
});

test('an agent that does not listen, and goes away, has failed', async () => {
  const socket = join(directory(), 'agent');
  const server = createServer({ pauseOnConnect: true }, (connection) => {
    // What was sent has to be there, unread, for the connection to break.
    setTimeout(() => connection.destroy(), 50);
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  onTestFinished(() => void server.close());
  await expect(sshAgentSigner(vkey, { socket })).rejects.toMatchObject({
    code: 'agent-failed',
    message: expect.stringMatching(/^the connection to the SSH agent broke: .*ECONNRESET/),
  });
});

test('an answer that is too long is refused before it is read', async () => {
  const tooLong: Answer = (_, connection) => void connection.write(Buffer.of(0, 4, 0, 1));
  await expect(sign(tooLong)).rejects.toMatchObject({
    code: 'agent-failed',
    message: expect.stringMatching(/malformed: 262145 bytes, more than 262144$/),
  });
});

test('a message that no agent takes is not sent', async () => {
  const socket = await startAgent(signing(() => signResponse(SIGNATURE)));
  const signer = await sshAgentSigner(vkey, { socket });
  await expect(signer.sign(new Uint8Array(256 * 1024))).rejects.toMatchObject({
    code: 'agent-failed',
    message: expect.stringMatching(/less than 262144 bytes$/),
  });
});

test('waiting for the agent ends when the signal says so', async () => {
  const socket = await startAgent(signing(() => undefined));
  const controller = new AbortController();
  const signer = await sshAgentSigner(vkey, { socket, signal: controller.signal });
  const pending = signer.sign(MESSAGE);
  setTimeout(() => controller.abort(), 20);
  await expect(pending).rejects.toMatchObject({ name: 'AbortError' });
  await expect(signer.sign(MESSAGE)).rejects.toMatchObject({ name: 'AbortError' });
});

test('keys of other types sign no statements', async () => {
  const socket = await startAgent(() => identities([BLOB, '']));
  const cosigner = fixedKey(1, 'witness.example', KEY_TYPE_ED25519_COSIGNATURE).vkey;
  await expect(sshAgentSigner(cosigner, { socket })).rejects.toMatchObject({ code: 'key-type' });
});
