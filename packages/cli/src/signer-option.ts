import { CoreError, parseVkey, type VerifierKey } from '@vitrine/core';
import type { StatementSigner } from '@vitrine/signer/node';
import type { Command } from 'commander';
import { type Context, variable } from './context.ts';
import { CliError, naming } from './errors.ts';
import { readAtMost } from './files.ts';
import { readKeyFile } from './keys.ts';
import { decodeUtf8 } from './text.ts';

/** What {@link withSignerOptions} leaves among a command's options. */
export interface SignerOptions {
  readonly key?: string;
  readonly vkey?: string;
  readonly sshAgent?: boolean;
  readonly signerCommand?: string;
}

const MAX_VKEY_FILE_SIZE = 64 * 1024;
const AGE_ARMOR = '-----BEGIN AGE ENCRYPTED FILE-----';

/** Adds to a command the options that name what signs its statement. */
export function withSignerOptions(command: Command): Command {
  return command
    .option('--key <file>', 'the key that signs the statement (default: $VITRINE_KEY)')
    .option('--vkey <vkey>', 'the public key, or a file with it, for --ssh-agent and --signer-command')
    .option('--ssh-agent', 'sign with the SSH agent; vitrine key ssh prints the vkey of a key that it holds')
    .option('--signer-command <command>', 'sign with a program: the bytes on its input, the signature on its output');
}

/**
 * What signs a statement: a key file, the SSH agent, or a program. The agent is asked for the key at once, a program is
 * not run before it is needed.
 *
 * @throws CliError `usage`, what `readKeyFile` throws; SignerError `agent-missing`, `agent-key`, `agent-failed`; CoreError
 * `key-malformed`, `key-type`
 */
export async function statementSigner(
  context: Context,
  { key, vkey, sshAgent, signerCommand, json }: SignerOptions & { readonly json?: boolean },
): Promise<StatementSigner> {
  const chosen = [
    ...(key === undefined ? [] : ['--key']),
    ...(sshAgent ? ['--ssh-agent'] : []),
    ...(signerCommand === undefined ? [] : ['--signer-command']),
  ];
  if (chosen.length > 1) throw new CliError('usage', `${chosen.join(' and ')} each name what signs: choose one`);
  const remote = sshAgent || signerCommand !== undefined;
  if (!remote) {
    if (vkey !== undefined) throw new CliError('usage', '--vkey goes with --ssh-agent or --signer-command');
    return fileSigner(context, key, json);
  }
  if (vkey === undefined) throw new CliError('usage', `name the public key for ${chosen[0]} with --vkey`);
  if (signerCommand?.trim() === '') throw new CliError('usage', '--signer-command is empty');
  const publicKey = await readVkey(vkey);
  const { programSigner, sshAgentSigner } = await import('@vitrine/signer/node');
  const { signal, output } = context;
  if (signerCommand === undefined) {
    return sshAgentSigner(publicKey, { socket: variable(context, 'SSH_AUTH_SOCK') ?? '', signal });
  }
  // As it is: the program is the user's own, and may ask for something.
  const onStderr = (chunk: Uint8Array): void => void output.stderr.write(chunk);
  return programSigner(publicKey, signerCommand, { onStderr, signal });
}

async function fileSigner(
  context: Context,
  key: string | undefined,
  json: boolean | undefined,
): Promise<StatementSigner> {
  const path = key ?? variable(context, 'VITRINE_KEY');
  if (path === undefined) {
    throw new CliError(
      'usage',
      'name what signs the statement: --key <file> (or VITRINE_KEY), or --vkey with --ssh-agent or --signer-command',
    );
  }
  const privateKey = await readKeyFile(context, path, { json });
  const { privateKeySigner } = await import('@vitrine/signer/node');
  return naming(path, () => privateKeySigner(privateKey));
}

/**
 * A vkey, or the one in a file, whose empty lines and those that begin with `#` do not count.
 *
 * @throws CliError `file-missing`, `file-io`; CoreError `key-malformed`
 */
export async function readVkey(text: string): Promise<VerifierKey> {
  // A private key is not the name of a file either, and is refused without showing it.
  if (/\+[0-9a-f]{8}\+/.test(text) || text.startsWith('PRIVATE+KEY+')) return parseVkey(text);
  const bytes = await readAtMost(text, MAX_VKEY_FILE_SIZE);
  const lines = (decodeUtf8(bytes) ?? '').split(/\r?\n/).map((line) => line.trim());
  const line = lines.find((candidate) => candidate !== '' && !candidate.startsWith('#')) ?? '';
  if (line.startsWith('PRIVATE+KEY+') || line === AGE_ARMOR) {
    const message = `${text} holds a private key: name the public one, which vitrine key show prints`;
    throw new CoreError('key-malformed', message);
  }
  return naming(text, () => parseVkey(line));
}
