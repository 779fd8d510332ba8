import { lstat, readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { CoreError, formatVkey } from '@vitrine/core';
import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { CliError, fileError } from '../errors.ts';
import { generateKey, keyDirectory, keyFileName, LOG_KEY_TYPES } from '../keys.ts';
import { createLog } from '../new-log.ts';
import { checkOrigin } from '../origin.ts';
import { newPassphrase } from '../passphrase.ts';

interface Options {
  readonly origin: string;
  readonly raw?: boolean;
  readonly allowDuplicates?: boolean;
  readonly passphrase?: boolean;
  readonly keyDir?: string;
  readonly json?: boolean;
}

/** `vitrine init` */
export function registerInit(program: Command, context: Context): void {
  program
    .command('init')
    .summary('create a log and its keys')
    .description(
      'Create a log in a directory, and its keys in your configuration directory. It takes release statements of the ' +
        'keys that you admit, or with --raw any entries. Prints a policy that accepts the log, for those who verify its ' +
        'proofs.',
    )
    .argument('<dir>', 'the directory of the log: empty, or not there yet')
    .requiredOption(
      '--origin <origin>',
      'the name of the log, for good: a host name and path of yours, without a scheme',
    )
    .option('--raw', 'a log for arbitrary entries, which vitrine add appends')
    .option('--allow-duplicates', 'let the same entry be in the log more than once; with --raw')
    .option('--passphrase', 'encrypt the key files with a passphrase')
    .option('--key-dir <dir>', 'put the key files here')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      '\nExample:\n  $ vitrine init ./log --origin example.com/releases > policy\n  $ vitrine init --raw ./journal --origin example.com/journal > policy\n',
    )
    .action((directory: string, options: Options) => init(context, directory, options));
}

async function init(context: Context, directory: string, options: Options): Promise<void> {
  const { output } = context;
  const { origin } = options;
  checkOrigin(origin);
  if (options.allowDuplicates && !options.raw) {
    throw new CliError('usage', '--allow-duplicates goes with --raw: a log of statements never has duplicates');
  }
  const isDefault = options.keyDir === undefined;
  const keyDir = options.keyDir ?? (await keyDirectory(context));
  const keyFiles = LOG_KEY_TYPES.map((type) => join(keyDir, keyFileName(origin, type)));
  // Nothing is written before all checks are done.
  const keys = await Promise.all(LOG_KEY_TYPES.map((type) => generateKey(context, origin, type)));
  for (const path of keyFiles) await refuseKeyFile(path, origin);
  await refuseOccupied(directory);
  const passphrase = options.passphrase ? await newPassphrase(context) : undefined;

  const vkeys = keys.map(({ vkey }) => formatVkey(vkey));
  const kind = options.raw ? 'raw' : 'statements';
  const duplicates = options.allowDuplicates === true;
  await createLog(context, { directory, keyDir, keyFiles, keys, vkeys, passphrase, origin, kind, duplicates });

  const policy = policyText(origin, vkeys);
  if (options.json) {
    await output.json({
      origin,
      directory: resolve(directory),
      kind,
      duplicates,
      vkeys,
      keyFiles,
      policy,
    });
    return;
  }
  const what = kind === 'raw' ? 'log' : 'log of statements';
  output.note(`created the ${what} ${origin} in ${directory}`);
  for (const path of keyFiles) output.note(`wrote ${path}`);
  const named = kind === 'raw' ? '--key, or in VITRINE_KEY' : '--log-key, or in VITRINE_LOG_KEY';
  if (!isDefault) output.note(`name the first of them with ${named}, to append`);
  output.note('the log is unwitnessed: nobody else vouches yet that everybody sees the same one');
  await output.text(policy);
}

async function refuseKeyFile(path: string, origin: string): Promise<void> {
  const found = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw fileError(path, error);
  });
  if (found === undefined) return;
  throw new CliError(
    'key-exists',
    `there is a key of ${origin} already: ${path}. Choose another origin, or another --key-dir; ` +
      'move the file away only if no log needs it any more',
  );
}

async function refuseOccupied(directory: string): Promise<void> {
  const found = await readdir(directory).catch((error: NodeJS.ErrnoException): string[] => {
    if (error.code === 'ENOENT') return [];
    throw fileError(directory, error);
  });
  if (found.includes('vitrine.json')) throw new CoreError('store-exists', `${directory} already holds a log`);
  if (found.length > 0) throw new CoreError('store-exists', `${directory} is not empty`);
}

function policyText(origin: string, vkeys: readonly string[]): string {
  return [
    `# Accepts checkpoints of ${origin} that either of its keys signed.`,
    ...vkeys.map((vkey) => `log ${vkey}`),
    '',
    '# No witness is asked for, so what verifies under this policy is unwitnessed. With witnesses, for instance two',
    '# of three:',
    '#   witness one <vkey>',
    '#   witness two <vkey>',
    '#   witness three <vkey>',
    '#   group witnesses 2 one two three',
    '#   quorum witnesses',
    'quorum none',
    '',
  ].join('\n');
}
