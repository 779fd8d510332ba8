import { type Context, variable } from './context.ts';
import { CliError } from './errors.ts';
import { readAtMost } from './files.ts';
import { decodeUtf8, printable } from './text.ts';

const MAX_PASSPHRASE_SIZE = 4096;

/** The environment variable that names a file with a passphrase. */
const PASSPHRASE_FILE = 'VITRINE_PASSPHRASE_FILE';

/** Those that name one with the passphrase of the log's own key, where another key is used beside it. */
export const LOG_PASSPHRASE_FILES: readonly string[] = ['VITRINE_LOG_PASSPHRASE_FILE', PASSPHRASE_FILE];

/**
 * A passphrase for a new key: from the file that `VITRINE_PASSPHRASE_FILE` names, or asked for twice.
 *
 * @throws CliError `passphrase-missing`, `passphrase-wrong` if the two differ
 */
export async function newPassphrase(context: Context): Promise<string> {
  const fromFile = await passphraseFromFile(context, [PASSPHRASE_FILE]);
  if (fromFile !== undefined) return fromFile;
  const terminal = requireTerminal(context);
  const passphrase = notEmpty(await terminal.askSecret('New passphrase: '));
  if ((await terminal.askSecret('The same again: ')) !== passphrase) {
    throw new CliError('passphrase-wrong', 'the two passphrases differ');
  }
  return passphrase;
}

/**
 * The passphrase of the key file at `path`: from the file that the first of the environment variables names which is set,
 * or asked for.
 *
 * @throws CliError `passphrase-missing`
 */
export async function passphraseFor(
  context: Context,
  path: string,
  variables: readonly string[] = [PASSPHRASE_FILE],
): Promise<string> {
  const fromFile = await passphraseFromFile(context, variables);
  if (fromFile !== undefined) return fromFile;
  return notEmpty(await requireTerminal(context).askSecret(`Passphrase for ${printable(path)}: `));
}

function requireTerminal(context: Context): NonNullable<ReturnType<Context['terminal']>> {
  const terminal = context.terminal();
  if (terminal !== undefined) return terminal;
  throw new CliError(
    'passphrase-missing',
    'a passphrase is needed, and there is no terminal to ask for it: name a file that holds it in VITRINE_PASSPHRASE_FILE',
  );
}

function notEmpty(passphrase: string): string {
  if (passphrase === '') throw new CliError('passphrase-missing', 'the passphrase is empty');
  return passphrase;
}

async function passphraseFromFile(context: Context, variables: readonly string[]): Promise<string | undefined> {
  const path = variables.map((name) => variable(context, name)).find((value) => value !== undefined);
  if (path === undefined) return undefined;
  const bytes = await readAtMost(path, MAX_PASSPHRASE_SIZE);
  const text = bytes.length > MAX_PASSPHRASE_SIZE ? undefined : decodeUtf8(bytes);
  if (text === undefined) {
    throw new CliError(
      'passphrase-missing',
      `${path} is not a passphrase: at most ${MAX_PASSPHRASE_SIZE} bytes of UTF-8`,
    );
  }
  return notEmpty(text.replace(/\r?\n$/, ''));
}
