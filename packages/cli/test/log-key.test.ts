import { mkdirSync } from 'node:fs';
import { formatVkey, type Signer } from '@vitrine/core';
import type { LogDescription } from '@vitrine/core/log';
import { formatKeyFile } from '@vitrine/signer/node';
import { Command } from 'commander';
import { expect, test } from 'vitest';
import { describeFailure } from '../src/errors.ts';
import { type LogKeyOption, logKeySigner, logSigner, withLogKeyOption } from '../src/log-option.ts';
import { type ContextOptions, testContext } from './support/test-context.ts';
import { fixedKey, type Workspace, workspace } from './support/workspace.ts';

const ORIGIN = 'example.com/log';
const LOG_KEY = fixedKey(ORIGIN, 0x01, 1);
const OTHER_KEY = fixedKey(ORIGIN, 0x01, 2);
const DESCRIPTION = { origin: ORIGIN, vkeys: [formatVkey(LOG_KEY.vkey)] } as const;

async function logKey(args: readonly string[], options: ContextOptions = {}): Promise<Signer> {
  let parsed: LogKeyOption = {};
  const command = withLogKeyOption(new Command()).exitOverride();
  command.action((found: LogKeyOption) => {
    parsed = found;
  });
  await command.parseAsync(args, { from: 'user' });
  return logKeySigner(testContext(options).context, DESCRIPTION as unknown as LogDescription, parsed);
}

const failure = (args: readonly string[], options: ContextOptions = {}): Promise<unknown> =>
  logKey(args, options).then(() => 'it signed', describeFailure);

async function workspaceWithKeys(): Promise<Workspace> {
  const w = workspace();
  mkdirSync(w.path('keys'));
  w.write('keys/example.com+log.ed25519.key', await formatKeyFile(LOG_KEY));
  w.write('named', await formatKeyFile(LOG_KEY));
  w.write('other', await formatKeyFile(OTHER_KEY));
  return w;
}

test("the log's key is the one that is named, then that of VITRINE_LOG_KEY, then where init put it", async () => {
  const w = await workspaceWithKeys();
  const configDirectory = w.path('.');
  const { keyId } = LOG_KEY.vkey;
  expect(await logKey([], { configDirectory })).toMatchObject({ keyName: ORIGIN, keyId });
  // The statement's key is another one.
  expect(await logKey([], { configDirectory, env: { VITRINE_KEY: w.path('other') } })).toMatchObject({ keyId });
  expect(await logKey([], { env: { VITRINE_LOG_KEY: w.path('named') } })).toMatchObject({ keyId });
  expect(await logKey(['--log-key', w.path('named')], { env: { VITRINE_LOG_KEY: 'nowhere' } })).toMatchObject({
    keyId,
  });
});

test.each([
  ['raw', 'VITRINE_KEY'],
  ['statements', 'VITRINE_LOG_KEY'],
] as const)('the key of a log of kind %s that signs nothing else is that of %s', async (kind, variable) => {
  const w = await workspaceWithKeys();
  const env = { VITRINE_KEY: w.path('other'), VITRINE_LOG_KEY: w.path('other'), [variable]: w.path('named') };
  const description = { ...DESCRIPTION, kind } as unknown as LogDescription;
  const { keyId } = LOG_KEY.vkey;
  expect(await logSigner(testContext({ env }).context, description, {})).toMatchObject({ keyName: ORIGIN, keyId });
});

test("another key than the log's is refused", async () => {
  const w = await workspaceWithKeys();
  expect(await failure(['--log-key', w.path('other')])).toMatchObject({ code: 'log-key', exitStatus: 2 });
  expect(await failure([])).toMatchObject({
    code: 'key-missing',
    message: expect.stringMatching(/: name its file with --log-key, or in VITRINE_LOG_KEY$/),
    exitStatus: 3,
  });
  expect(await failure(['--log-key', w.path('absent')])).toMatchObject({ code: 'file-missing' });
});

test("the log key's passphrase may be in a file of its own, and is in that of the other key otherwise", async () => {
  const w = workspace();
  const args = ['--log-key', w.write('key', await formatKeyFile(LOG_KEY, 'secret'))];
  const right = w.write('right', 'secret\n');
  const wrong = w.write('wrong', 'of the other key\n');
  const { keyId } = LOG_KEY.vkey;
  expect(await logKey(args, { env: { VITRINE_PASSPHRASE_FILE: right } })).toMatchObject({ keyId });
  const both = { VITRINE_PASSPHRASE_FILE: wrong, VITRINE_LOG_PASSPHRASE_FILE: right };
  expect(await logKey(args, { env: both })).toMatchObject({ keyId });
  const swapped = { VITRINE_PASSPHRASE_FILE: right, VITRINE_LOG_PASSPHRASE_FILE: wrong };
  expect(await failure(args, { env: swapped })).toMatchObject({ code: 'passphrase-wrong' });
  expect(await logKey(args, { terminal: { askSecret: async () => 'secret', ask: async () => '' } })).toMatchObject({
    keyId,
  });
  expect(await failure(args)).toMatchObject({ code: 'passphrase-missing' });
});
