import { formatBase64 } from '@vitrine/core';
import type { WithdrawalPayload } from '@vitrine/signer';
import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { ANY_HASH, checkDraft } from '../draft.ts';
import { CliError } from '../errors.ts';
import { checkIssueOptions, type IssueOptions, issue, withIssueOptions } from '../issue.ts';
import { LEAF_ARGUMENT, resolveLeaf } from '../leaf-reference.ts';
import { hasLog } from '../log-option.ts';
import { statementLine } from '../statement-view.ts';
import { RELEASE_TYPES, resolveSubject } from '../subject.ts';

interface Options extends IssueOptions {
  readonly reason: string;
  readonly replacement?: string;
  readonly yes?: boolean;
}

/** `vitrine withdraw` */
export function registerWithdraw(program: Command, context: Context): void {
  withIssueOptions(
    program
      .command('withdraw')
      .summary('log that a release must not be installed any more')
      .description(
        'Log that a source, build or database of yours must not be installed any more. That is final: what was withdrawn ' +
          'cannot be released again.',
      )
      .argument('<leaf>', `the release: ${LEAF_ARGUMENT}`)
      .requiredOption('--reason <text>', 'why, for everybody who installed it')
      .option('--replacement <leaf>', 'the release to install in its place')
      .option('--yes', 'do not ask whether you are sure'),
  )
    .addHelpText(
      'after',
      '\nExample:\n  $ vitrine withdraw 4 --reason "CVE-2030-1234" --replacement 9 --log ./log --key vendor.key\n',
    )
    .action((leaf: string, options: Options) => withdraw(context, leaf, options));
}

async function withdraw(context: Context, leaf: string, options: Options): Promise<void> {
  const { reason } = options;
  const audience = await checkIssueOptions(context, options);
  checkDraft({ type: 'withdrawal', subject: ANY_HASH, reason });
  const subject = await releaseHash(context, leaf, audience, options);
  const replacement =
    options.replacement === undefined
      ? undefined
      : (await releaseHash(context, options.replacement, audience, options)).leafHash;
  if (!options.yes) await confirm(context, subject.text);
  const payload: WithdrawalPayload = {
    type: 'withdrawal',
    subject: subject.leafHash,
    reason,
    ...(replacement !== undefined && { replacement }),
  };
  await issue(context, payload, options);
}

/** The release that was named; only its hash where neither the log nor its statement is at hand. */
async function releaseHash(
  context: Context,
  reference: string,
  audience: string,
  options: Options,
): Promise<{ leafHash: Uint8Array; text: string }> {
  if (options.offline && !hasLog(context, options)) {
    const { leafHash, entry } = await resolveLeaf(context, reference, options);
    if (entry === undefined) return { leafHash, text: `leaf ${formatBase64(leafHash)}` };
  }
  const { leafHash, statement } = await resolveSubject(context, reference, options, { types: RELEASE_TYPES, audience });
  return { leafHash, text: statementLine(statement) };
}

async function confirm(context: Context, what: string): Promise<void> {
  const terminal = context.terminal();
  if (terminal === undefined) {
    throw new CliError('usage', 'a withdrawal is final, and there is no terminal to ask at: say --yes if you are sure');
  }
  context.output.note(`to be withdrawn: ${what}`);
  const answer = await terminal.ask('This is final. Type yes to withdraw it: ');
  if (answer.trim().toLowerCase() !== 'yes') throw new CliError('not-confirmed', 'nothing was withdrawn');
}
