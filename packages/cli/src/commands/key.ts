import { CoreError, formatKeyId, formatVkey, isKeyName, KEY_NAME_RULE, type VerifierKey } from '@vitrine/core';
import { type Command, Option } from 'commander';
import type { Context } from '../context.ts';
import { naming } from '../errors.ts';
import { readInput } from '../files.ts';
import { generateKey, KEY_TYPES, type KeyTypeName, keyTypeName, readKeyFile, writeKeyFile } from '../keys.ts';
import { newPassphrase } from '../passphrase.ts';
import { decodeUtf8 } from '../text.ts';

const MAX_SSH_KEY_SIZE = 64 * 1024;

interface Options {
  readonly json?: boolean;
}

interface GenerateOptions extends Options {
  readonly out: string;
  readonly type: KeyTypeName;
  readonly passphrase?: boolean;
}

/** `vitrine key generate`, `vitrine key show` and `vitrine key ssh` */
export function registerKey(program: Command, context: Context): void {
  const key = program
    .command('key')
    .helpCommand(false)
    .summary('make and show keys')
    .description('Make keys, and show their public halves.')
    .addHelpText('after', '\nExample:\n  $ vitrine key show ~/witness.key\n');

  key
    .command('generate')
    .summary('make a key')
    .description('Make a key, write it to a new file that only you can read, and print its vkey.')
    .argument('<name>', 'the name of the key: for a log, its origin')
    .requiredOption('-o, --out <file>', 'the new file')
    .addOption(new Option('--type <type>', 'the kind of key').choices(Object.keys(KEY_TYPES)).default('ed25519'))
    .option('--passphrase', 'encrypt the file with a passphrase, in the age format')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      '\nThe passphrase is asked for, or read from the file that VITRINE_PASSPHRASE_FILE names.\n\nExample:\n' +
        '  $ vitrine key generate witness.example.org --type ed25519-cosignature --out witness.key\n',
    )
    .action((name: string, options: GenerateOptions) => generate(context, name, options));

  key
    .command('show')
    .summary('print the vkey of a key')
    .description('Print the vkey of a private key: what others verify with.')
    .argument('<file>', 'the file that holds the private key')
    .option('--json', 'print one JSON object')
    .addHelpText('after', '\nExample:\n  $ vitrine key show witness.key\n')
    .action((file: string, options: Options) => show(context, file, options));

  key
    .command('ssh')
    .summary('print the vkey of an OpenSSH key')
    .description(
      'Print the vkey of an Ed25519 key of OpenSSH, under the name that it is to have in statements. With --vkey and ' +
        '--ssh-agent the running SSH agent signs with it.',
    )
    .argument('<file>', 'the file that holds the public key, a line ssh-ed25519 ...; - is standard input')
    .argument('<name>', 'the name of the key')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      '\nExample:\n  $ vitrine key ssh ~/.ssh/id_ed25519.pub vendor.example/releases > vendor.vkey\n',
    )
    .action((file: string, name: string, options: Options) => ssh(context, file, name, options));
}

async function generate(
  context: Context,
  name: string,
  { out, type, passphrase, json }: GenerateOptions,
): Promise<void> {
  const key = await generateKey(context, name, type);
  await writeKeyFile(out, key, passphrase ? await newPassphrase(context) : undefined);
  if (!json) context.output.note(`wrote ${out}`);
  await print(context, key.vkey, out, json);
}

async function show(context: Context, file: string, { json }: Options): Promise<void> {
  const key = await readKeyFile(context, file, { json });
  await print(context, key.vkey, file, json);
}

async function ssh(context: Context, file: string, name: string, { json }: Options): Promise<void> {
  if (!isKeyName(name)) throw new CoreError('key-malformed', KEY_NAME_RULE);
  const shown = file === '-' ? 'standard input' : file;
  const bytes = await readInput(file, MAX_SSH_KEY_SIZE, context.stdin);
  const text = bytes.length > MAX_SSH_KEY_SIZE ? undefined : decodeUtf8(bytes);
  if (text === undefined) throw new CoreError('key-malformed', `${shown} does not hold a public key`);
  const { sshVerifierKey } = await import('@vitrine/signer/node');
  const vkey = naming(shown, () => sshVerifierKey(text, name));
  await print(context, vkey, file, json);
}

async function print({ output }: Context, vkey: VerifierKey, file: string, json: boolean | undefined): Promise<void> {
  const text = formatVkey(vkey);
  if (!json) return output.text(`${text}\n`);
  const { keyName, keyId, type } = vkey;
  await output.json({ keyName, keyId: formatKeyId(keyId), type: keyTypeName(type), vkey: text, file });
}
