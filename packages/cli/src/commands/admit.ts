import { CoreError, formatKeyId, formatVkey, KEY_TYPE_ED25519, leafHash, parseVkey } from '@vitrine/core';
import {
  type AdmissionPayload,
  admittedKeys,
  parseStatement,
  type Role,
  SignerError,
  signStatement,
} from '@vitrine/signer';
import { type Command, Option } from 'commander';
import type { Context } from '../context.ts';
import { CliError, isMissing } from '../errors.ts';
import { statementLog } from '../issue.ts';
import {
  type LogKeyOption,
  type LogOption,
  logKeySigner,
  logPlace,
  openLog,
  withLogKeyOption,
  withLogOption,
} from '../log-option.ts';
import { readVkey } from '../signer-option.ts';
import { appendTo, type LoggedStatement, printLogged } from '../statement-log.ts';
import { keyLabel } from '../statement-view.ts';
import { printable } from '../text.ts';

interface Options extends LogOption, LogKeyOption {
  readonly json?: boolean;
}

interface AddOptions extends Options {
  readonly role: Role;
}

/** The name and the ID of a key, which a log knows it by. */
interface KeyId {
  readonly keyName: string;
  readonly keyId: number;
}

/** `vitrine admit add`, `vitrine admit remove` and `vitrine admit list` */
export function registerAdmit(program: Command, context: Context): void {
  const admit = program
    .command('admit')
    .helpCommand(false)
    .summary('say whose statements the log takes')
    .description(
      "Say whose statements a log takes. Each change is a statement in the log itself, signed by the log's key: the list is " +
        'what they add up to, and anybody who reads the log has the same one.',
    )
    .addHelpText('after', '\nExample:\n  $ vitrine admit add acme.vkey --role vendor --log ./log\n');

  withLogKeyOption(withLogOption(admit.command('add')))
    .summary('take statements of a key')
    .description('Take statements of a key from now on: of releases by a vendor, of reviews by a reviewer.')
    .argument('<vkey>', 'the public key, or a file with it: what key show prints')
    .addOption(new Option('--role <role>', 'what it may sign').choices(['vendor', 'reviewer']).makeOptionMandatory())
    .option('--json', 'print one JSON object')
    .addHelpText('after', '\nExample:\n  $ vitrine admit add acme.vkey --role vendor --log ./log\n')
    .action((vkey: string, options: AddOptions) => add(context, vkey, options));

  withLogKeyOption(withLogOption(admit.command('remove')))
    .summary('take no more statements of a key')
    .description('Take no more statements of a key. What it signed before stays in the log, and stays valid.')
    .argument(
      '<key>',
      'its name and ID, acme.example+1234abcd; its name alone, if it is the only one; or its vkey or a file',
    )
    .option('--json', 'print one JSON object')
    .addHelpText('after', '\nExample:\n  $ vitrine admit remove acme.example+1234abcd --log ./log\n')
    .action((key: string, options: Options) => remove(context, key, options));

  withLogOption(admit.command('list'))
    .summary('list the keys whose statements the log takes')
    .description(
      'List the keys whose statements a log takes: role, vkey, and the leaf of the statement that admitted it.',
    )
    .option('--json', 'print one JSON object for each key')
    .addHelpText('after', '\nExample:\n  $ vitrine admit list --log ./log\n')
    .action((options: Options) => list(context, options));
}

async function add(context: Context, text: string, options: AddOptions): Promise<void> {
  const key = await readVkey(text);
  if (key.type !== KEY_TYPE_ED25519) {
    throw new CoreError('key-type', `statements are signed with keys of type ed25519, and ${text} is of another`);
  }
  const wanted = { role: options.role, vkey: formatVkey(key) };
  const before = await findAdmitted(context, wanted.vkey, options);
  // A second statement would say nothing new.
  if (before?.role === wanted.role) return printLogged(context, before.logged, options);
  await change(context, { type: 'admission', add: [wanted] }, options);
  if (before !== undefined && !options.json) context.output.note(`${keyLabel(key)} was ${before.role}`);
}

/** The role that a key has, and the statement that gave it. */
async function findAdmitted(
  context: Context,
  vkey: string,
  options: Options,
): Promise<{ readonly role: Role; readonly logged: LoggedStatement } | undefined> {
  await using log = await openLog(await logPlace(context, options));
  const { admitted } = await admittedKeys(log);
  const found = admitted.find((key) => key.vkey === vkey);
  if (found === undefined) return undefined;
  const { role, since } = found;
  const entry = await log.entry(since);
  return { role, logged: { index: since, leafHash: leafHash(entry), known: true, statement: parseStatement(entry) } };
}

async function remove(context: Context, text: string, options: Options): Promise<void> {
  const key = await findKey(context, text, options);
  await change(context, { type: 'admission', remove: [key] }, options);
}

async function change(context: Context, payload: AdmissionPayload, options: Options): Promise<void> {
  const { place, description } = await statementLog(context, options);
  // Which signs the statement, wherever the log is.
  const signer = await logKeySigner(context, description, options);
  await using log = await openLog(place, signer);
  let issuedAt = context.now();
  const sign = (): Promise<Uint8Array> => signStatement(payload, { signer, audience: signer.keyName, issuedAt });
  let entry = await sign();
  // The same change in the same second is the same entry, which would not be logged again: what came between would stand.
  while ((await log.indexOf(leafHash(entry))) !== undefined) {
    issuedAt++;
    entry = await sign();
  }
  await appendTo(context, log, [{ entry, statement: parseStatement(entry) }], options);
}

async function list(context: Context, options: Options): Promise<void> {
  const { output } = context;
  await using log = await openLog(await logPlace(context, options));
  // Which keeps no keys, and says so.
  if (log.description.kind !== 'statements' && !log.description.mirror) {
    throw new CoreError('log-admission', `the log ${log.origin} takes arbitrary entries, of nobody in particular`);
  }
  for (const { role, vkey, since } of (await admittedKeys(log)).admitted) {
    const { keyName, keyId } = parseVkey(vkey);
    if (options.json) await output.json({ role, keyName, keyId: formatKeyId(keyId), vkey, since });
    else await output.text(`${role.padEnd('reviewer'.length)}  ${printable(vkey)}  since leaf ${since}\n`);
  }
}

/** The admitted key that a text names. @throws SignerError `admission-key` if there is none, CliError `usage` if there are several */
async function findKey(context: Context, text: string, options: Options): Promise<KeyId> {
  const admitted = await admittedIn(context, options);
  const named = admitted.filter((key) => key.keyName === text || `${key.keyName}+${formatKeyId(key.keyId)}` === text);
  if (named.length > 1) {
    const labels = named.map(keyLabel).join(', ');
    throw new CliError('usage', `the log takes statements of several keys of ${text}: choose one of ${labels}`);
  }
  if (named[0] !== undefined) return named[0];
  const { keyName, keyId } = await readVkey(text).catch((error: unknown) => {
    if (!isMissing(error)) throw error;
    throw new SignerError('admission-key', `the log takes no statements of ${text}: admit list shows whose it takes`);
  });
  if (admitted.some((key) => key.keyName === keyName && key.keyId === keyId)) return { keyName, keyId };
  const label = keyLabel({ keyName, keyId });
  throw new SignerError('admission-key', `the log takes no statements of ${label}: admit list shows whose it takes`);
}

async function admittedIn(context: Context, options: Options): Promise<KeyId[]> {
  await using log = await openLog(await logPlace(context, options));
  const { admitted } = await admittedKeys(log);
  return admitted.map(({ vkey }) => parseVkey(vkey)).map(({ keyName, keyId }) => ({ keyName, keyId }));
}
