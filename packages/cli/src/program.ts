import { Command } from 'commander';
import { registerAbout } from './commands/about.ts';
import { registerAdd } from './commands/add.ts';
import { registerAdmit } from './commands/admit.ts';
import { registerBundle } from './commands/bundle.ts';
import { registerCheckpoint } from './commands/checkpoint.ts';
import { registerComplete } from './commands/complete.ts';
import { registerConformance } from './commands/conformance.ts';
import { registerDisclose } from './commands/disclose.ts';
import { registerExport } from './commands/export.ts';
import { registerFsck } from './commands/fsck.ts';
import { registerHandling } from './commands/handling.ts';
import { registerHistory } from './commands/history.ts';
import { registerInit } from './commands/init.ts';
import { registerInspect } from './commands/inspect.ts';
import { registerKey } from './commands/key.ts';
import { registerLatest } from './commands/latest.ts';
import { registerLs } from './commands/ls.ts';
import { registerMirror } from './commands/mirror.ts';
import { registerProve } from './commands/prove.ts';
import { registerReindex } from './commands/reindex.ts';
import { registerRelease } from './commands/release.ts';
import { registerReview } from './commands/review.ts';
import { registerServe } from './commands/serve.ts';
import { registerShow } from './commands/show.ts';
import { registerStreams } from './commands/streams.ts';
import { registerSubmit } from './commands/submit.ts';
import { registerToken } from './commands/token.ts';
import { registerTrust } from './commands/trust.ts';
import { registerVerify } from './commands/verify.ts';
import { registerWithdraw } from './commands/withdraw.ts';
import { registerWitness } from './commands/witness.ts';
import type { Context } from './context.ts';
import { VERSION } from './version.ts';

const FOOTER = `
A log is a directory, or a URL at which it is served. Name it with --log, or in VITRINE_LOG; the key that
the log at a URL has to have with --log-vkey, or in VITRINE_LOG_VKEY. Statements are signed with the key
in the file that --key or VITRINE_KEY names, by the SSH agent, or by a program. The log's own key, which
appends them, is where init put it, or in the file that --log-key or VITRINE_LOG_KEY names; at a URL the
server has it. Passphrases are asked for, or read from the file that VITRINE_PASSPHRASE_FILE names, for
the log's key that of VITRINE_LOG_PASSPHRASE_FILE.

Exit status: 0 done, 1 refused (a verification said no), 2 wrong use, 3 could not.
Errors are one line on standard error, "vitrine: <code>: <message>"; with --json a JSON object.

Completion in your shell: source <(vitrine complete bash), or zsh; fish: vitrine complete fish | source

Example:
  $ vitrine init ./log --origin example.com/releases > policy
  $ vitrine key generate acme.example --out vendor.key > vendor.vkey
  $ vitrine admit add vendor.vkey --role vendor --log ./log
  $ vitrine release source v1.2 --product acme-av --version 1.2 --log ./log --key vendor.key
  $ vitrine release build acme-av-1.2.tar.gz --product acme-av --version 1.2 --channel stable \\
      --source 1 --log ./log --key vendor.key
  $ vitrine ls --log ./log
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
    .addHelpText('after', FOOTER)
    // The version of a release is an option of commands too.
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void context.output.text(text),
      // Errors are thrown too, and reported from there.
      writeErr: () => {},
    });
  program.commandsGroup('Statements:');
  registerRelease(program, context);
  registerReview(program, context);
  registerWithdraw(program, context);
  registerHandling(program, context);
  registerSubmit(program, context);
  registerAdmit(program, context);
  program.commandsGroup('The log:');
  registerInit(program, context);
  registerAdd(program, context);
  registerLs(program, context);
  registerShow(program, context);
  registerCheckpoint(program, context);
  registerExport(program, context);
  registerFsck(program, context);
  registerReindex(program, context);
  program.commandsGroup('On the network:');
  registerServe(program, context);
  registerToken(program, context);
  program.commandsGroup('The index of a log of statements:');
  registerLatest(program, context);
  registerHistory(program, context);
  registerAbout(program, context);
  registerStreams(program, context);
  program.commandsGroup('For agents:');
  registerBundle(program, context);
  registerTrust(program, context);
  registerConformance(program, context);
  program.commandsGroup('Proofs:');
  registerProve(program, context);
  registerDisclose(program, context);
  registerVerify(program, context);
  registerInspect(program, context);
  program.commandsGroup('Witnesses and mirrors:');
  registerWitness(program, context);
  registerMirror(program, context);
  program.commandsGroup('Keys and shell:');
  registerKey(program, context);
  program.helpCommand('help [command...]', 'print help');
  if (completion) registerComplete(program, () => buildProgram(context, { completion: false }));
  return program;
}
