import { createServer } from 'node:net';
import { formatPrivateKey, formatVkey, type PrivateKey, verifyEd25519 } from '@vitrine/core';
import { formatKeyFile } from '@vitrine/signer/node';
import { Command } from 'commander';
import { expect, onTestFinished, test } from 'vitest';
import { describeFailure, type Failure } from '../src/errors.ts';
import { type SignerOptions, statementSigner, withSignerOptions } from '../src/signer-option.ts';
import { type ContextOptions, testContext } from './support/test-context.ts';
import { fixedKey, WITNESS_KEY, workspace } from './support/workspace.ts';

const KEY = fixedKey('vendor.example', 0x01, 1);
const OTHER_KEY = fixedKey('vendor.example', 0x01, 2);
const VKEY = formatVkey(KEY.vkey);
const MESSAGE = new TextEncoder().encode('bytes');

/** The key that signs under these arguments, after it has. */
async function signedBy(args: readonly string[], options: ContextOptions = {}): Promise<PrivateKey['vkey']> {
  let parsed: SignerOptions = {};
  const command = withSignerOptions(new Command()).exitOverride();
  command.action((found: SignerOptions) => {
    parsed = found;
  });
  await command.parseAsync(args, { from: 'user' });
  const { context } = testContext(options);
  const signer = await statementSigner(context, parsed);
  expect(verifyEd25519(signer.vkey.publicKey, MESSAGE, await signer.sign(MESSAGE))).toBe(true);
  return signer.vkey;
}

const failure = (args: readonly string[], options: ContextOptions = {}): Promise<Failure> =>
  signedBy(args, options).then(() => {
    throw new Error('it signed');
  }, describeFailure);

test('a key file signs, the one that is named before that of VITRINE_KEY', async () => {
  const w = workspace();
  const [one, two] = [w.write('one', await formatKeyFile(KEY)), w.write('two', await formatKeyFile(OTHER_KEY))];
  expect(await signedBy(['--key', one])).toEqual(KEY.vkey);
  expect(await signedBy([], { env: { VITRINE_KEY: one } })).toEqual(KEY.vkey);
  expect(await signedBy(['--key', two], { env: { VITRINE_KEY: one } })).toEqual(OTHER_KEY.vkey);
});

test('a public key in place of the private one is told apart', async () => {
  const w = workspace();
  const path = w.write('vendor.vkey', `# the vendor\n${VKEY}\n`);
  expect(await failure(['--key', path])).toEqual({
    code: 'key-malformed',
    message: `${path} holds a public key (vkey): name the file of the private key`,
    exitStatus: 2,
  });
});

test('a key file with a passphrase signs with the passphrase, from a file or typed', async () => {
  const w = workspace();
  const args = ['--key', w.write('key', await formatKeyFile(KEY, 'secret'))];
  const env = { VITRINE_PASSPHRASE_FILE: w.write('passphrase', 'secret\n') };
  expect(await signedBy(args, { env })).toEqual(KEY.vkey);
  const prompts: string[] = [];
  const typing = (answer: string): ContextOptions => ({
    terminal: {
      askSecret: async (prompt) => {
        prompts.push(prompt);
        return answer;
      },
      ask: async () => '',
    },
  });
  expect(await signedBy(args, typing('secret'))).toEqual(KEY.vkey);
  expect(prompts).toEqual([`Passphrase for ${w.path('key')}: `]);
  expect(await failure(args, typing('wrong'))).toEqual({
    code: 'passphrase-wrong',
    message: `the passphrase does not open ${w.path('key')}`,
    exitStatus: 2,
  });
  expect(await failure(args)).toMatchObject({ code: 'passphrase-missing', exitStatus: 2 });
});

test('a key file that cannot sign statements is refused', async () => {
  const w = workspace();
  expect(await failure(['--key', w.path('absent')])).toMatchObject({ code: 'file-missing', exitStatus: 3 });
  const witness = w.write('witness', `${formatPrivateKey(WITNESS_KEY)}\n`);
  expect(await failure(['--key', witness])).toEqual({
    code: 'key-type',
    message: `${witness}: expected an Ed25519 key of type 0x01, found type 0x04`,
    exitStatus: 2,
  });
});

test('a program signs for a vkey, given as it is or in a file', async () => {
  const w = workspace();
  const signature = Buffer.from(await signatureBy(KEY)).toString('base64');
  const program = ['--signer-command', `cat > /dev/null; echo ${signature}`];
  for (const vkey of [
    VKEY,
    w.write('vkey', VKEY),
    w.write('commented', `# the vendor's key\r\n\r\n  ${VKEY}\r\nmore\r\n`),
  ]) {
    expect(await signedBy([...program, '--vkey', vkey], { env: { VITRINE_KEY: 'nowhere' } })).toEqual(KEY.vkey);
  }
});

async function signatureBy(key: PrivateKey): Promise<Uint8Array> {
  const { privateKeySigner } = await import('@vitrine/signer/node');
  return privateKeySigner(key).sign(MESSAGE);
}

test('a program that fails, or signs with another key, is a clear error, and what it says is passed on', async () => {
  const wrong = Buffer.from(await signatureBy(OTHER_KEY)).toString('hex');
  for (const [command, message] of [
    ['echo no token >&2; exit 4', 'the signer command failed with exit status 4'],
    ['echo hello', `the signer command printed 6 bytes that are no signature by the key ${VKEY}`],
    [`echo ${wrong}`, `the signer command gave a signature that is not one of these bytes by the key ${VKEY}`],
  ]) {
    const { context, stderr } = testContext();
    const signer = await statementSigner(context, { vkey: VKEY, signerCommand: command! });
    const error = await signer.sign(MESSAGE).catch((caught: unknown) => describeFailure(caught));
    expect(error).toMatchObject({ code: 'signer-failed', message: expect.stringContaining(message!), exitStatus: 3 });
    expect(stderr()).toBe(command!.includes('token') ? 'no token\n' : '');
  }
});

test('the agent of SSH_AUTH_SOCK is asked for the key at once', async () => {
  const w = workspace();
  const args = ['--ssh-agent', '--vkey', VKEY];
  expect(await failure(args)).toEqual({
    code: 'agent-missing',
    message: 'SSH_AUTH_SOCK is not set: start ssh-agent',
    exitStatus: 3,
  });
  const socket = w.path('agent');
  const env = { SSH_AUTH_SOCK: socket };
  expect(await failure(args, { env })).toMatchObject({ code: 'agent-missing', exitStatus: 3 });
  // It has no keys.
  const server = createServer((connection) => {
    connection.on('data', () => connection.end(Buffer.of(0, 0, 0, 5, 12, 0, 0, 0, 0)));
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  onTestFinished(() => void server.close());
  expect(await failure(args, { env })).toMatchObject({
    code: 'agent-key',
    message: expect.stringMatching(/^the SSH agent does not hold the key of vendor\.example, SHA256:/),
    exitStatus: 2,
  });
});

test('options that do not go together are wrong use', async () => {
  const program = ['--signer-command', 'true'];
  for (const [args, message] of [
    [[], /^name what signs the statement: --key <file> \(or VITRINE_KEY\), or --vkey with/],
    [['--vkey', VKEY], /^--vkey goes with --ssh-agent or --signer-command$/],
    [['--vkey', VKEY, '--key', 'k'], /^--vkey goes with/],
    [['--ssh-agent'], /^name the public key for --ssh-agent with --vkey$/],
    [program, /^name the public key for --signer-command with --vkey$/],
    [
      ['--ssh-agent', ...program, '--vkey', VKEY],
      /^--ssh-agent and --signer-command each name what signs: choose one$/,
    ],
    [['--key', 'k', '--ssh-agent', '--vkey', VKEY], /^--key and --ssh-agent each name/],
    [['--key', 'k', ...program, '--vkey', VKEY], /^--key and --signer-command each name/],
    [['--signer-command', ' ', '--vkey', VKEY], /^--signer-command is empty$/],
  ] as const) {
    expect(await failure(args), args.join(' ')).toMatchObject({
      code: 'usage',
      message: expect.stringMatching(message),
      exitStatus: 2,
    });
  }
});

test('what is no vkey is refused, and a private key is not shown', async () => {
  const w = workspace();
  const secret = formatPrivateKey(KEY);
  for (const vkey of [
    `${VKEY}x`,
    secret,
    secret.slice(0, -1),
    secret.replace(/\+[0-9a-f]{8}\+/, '+'),
    w.write('secret', `${secret}\n`),
    w.write('empty', '# nothing\n'),
    w.write('binary', Buffer.of(0xff)),
  ]) {
    const error = await failure(['--vkey', vkey, '--signer-command', 'true']);
    expect(error, vkey).toMatchObject({ code: 'key-malformed', exitStatus: 2 });
    expect(error.message).not.toContain(secret.slice(-20, -4));
  }
  for (const file of [w.path('secret'), w.write('encrypted', '-----BEGIN AGE ENCRYPTED FILE-----\n')]) {
    const error = await failure(['--vkey', file, '--signer-command', 'true']);
    expect(error.message).toContain('holds a private key: name the public one, which vitrine key show prints');
  }
  expect(await failure(['--vkey', 'absent', '--signer-command', 'true'])).toMatchObject({ code: 'file-missing' });
  expect(await failure(['--vkey', formatVkey(WITNESS_KEY.vkey), '--signer-command', 'true'])).toMatchObject({
    code: 'key-type',
  });
});
