import { formatKeyId, formatVkey, type PrivateKey } from '@vitrine/core';
import { type Command, Option } from 'commander';
import type { Context } from '../context.ts';
import { generateKey, KEY_TYPES, type KeyTypeName, keyTypeName, readKeyFile, writeKeyFile } from '../keys.ts';
import { newPassphrase } from '../passphrase.ts';

interface Options {
  readonly json?: boolean;
}

interface GenerateOptions extends Options {
  readonly out: string;
  readonly type: KeyTypeName;
  readonly passphrase?: boolean;
}

/** `vitrine key generate` and `vitrine key show` */
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
}

async function generate(
  context: Context,
  name: string,
  { out, type, passphrase, json }: GenerateOptions,
): Promise<void> {
  const key = await generateKey(context, name, type);
  await writeKeyFile(out, key, passphrase ? await newPassphrase(context) : undefined);
  if (!json) context.output.note(`wrote ${out}`);
  await print(context, key, out, json);
}

async function show(context: Context, file: string, { json }: Options): Promise<void> {
  await print(context, await readKeyFile(context, file, { json }), file, json);
}

async function print(
  { output }: Context,
  { vkey }: PrivateKey,
  file: string,
  json: boolean | undefined,
): Promise<void> {
  const text = formatVkey(vkey);
  if (!json) return output.text(`${text}\n`);
  const { keyName, keyId, type } = vkey;
  await output.json({ keyName, keyId: formatKeyId(keyId), type: keyTypeName(type), vkey: text, file });
}
