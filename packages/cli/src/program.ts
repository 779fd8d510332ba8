import { Command } from 'commander';
import { registerAdd } from './commands/add.ts';
import { registerCheckpoint } from './commands/checkpoint.ts';
import { registerComplete } from './commands/complete.ts';
import { registerExport } from './commands/export.ts';
import { registerFsck } from './commands/fsck.ts';
import { registerInit } from './commands/init.ts';
import { registerKey } from './commands/key.ts';
import { registerLs } from './commands/ls.ts';
import { registerProve } from './commands/prove.ts';
import { registerShow } from './commands/show.ts';
import { registerVerify } from './commands/verify.ts';
import type { Context } from './context.ts';
import { VERSION } from './version.ts';

const FOOTER = `
A log is a directory. Name it with --log, or in VITRINE_LOG. Its key is where init put it, or in the
file that --key or VITRINE_KEY names. A passphrase is asked for, or read from the file that
VITRINE_PASSPHRASE_FILE names.

Exit status: 0 done, 1 refused (a verification said no), 2 wrong use, 3 could not.
Errors are one line on standard error, "vitrine: <code>: <message>"; with --json a JSON object.

Completion in your shell: source <(vitrine complete bash), or zsh; fish: vitrine complete fish | source

Example:
  $ vitrine init ./log --origin example.com/releases > policy
  $ vitrine add --log ./log release-1.2.tar.gz
  $ vitrine prove inclusion release-1.2.tar.gz --log ./log --out release-1.2.tar.gz.tlog-proof
  $ vitrine verify release-1.2.tar.gz --policy policy
`;

/**
 * The whole command line. Nothing is printed by it other than help; its errors are thrown.
 *
 * @param options.completion whether it has the command that prints completion scripts
 */
export function buildProgram(context: Context, { completion = true }: { completion?: boolean } = {}): Command {
  const program = new Command('vitrine')
    .description('A transparency log: append to it, prove what is in it, and verify proofs offline.')
    .version(VERSION, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .helpCommand('help [command...]', 'print help')
    .addHelpText('after', FOOTER)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void context.output.text(text),
      // Errors are thrown too, and reported from there.
      writeErr: () => {},
    });
  registerInit(program, context);
  registerAdd(program, context);
  registerLs(program, context);
  registerShow(program, context);
  registerCheckpoint(program, context);
  registerProve(program, context);
  registerVerify(program, context);
  registerExport(program, context);
  registerFsck(program, context);
  registerKey(program, context);
  if (completion) registerComplete(program, () => buildProgram(context, { completion: false }));
  return program;
}
