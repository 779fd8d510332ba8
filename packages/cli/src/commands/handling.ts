import { lstat, rm } from 'node:fs/promises';
import { commitTo, type HandlingPayload } from '@vitrine/signer';
import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { readDocument } from '../document.ts';
import { ANY_HASH, checkDraft } from '../draft.ts';
import { CliError, describeFailure } from '../errors.ts';
import { checkIssueOptions, checkNotOut, type IssueOptions, issue, withIssueOptions } from '../issue.ts';
import { SECRET_SIZE, writeSecret } from '../secret-file.ts';
import { timeArgument } from '../time.ts';

interface Options extends IssueOptions {
  readonly category: string;
  readonly site: string;
  readonly from: number;
  readonly to: number;
  readonly opening?: string;
}

// After these it is not certain that nothing was logged.
const UNCERTAIN: ReadonlySet<string> = new Set([
  'file-io',
  'interrupted',
  'log-closed',
  'log-corrupt',
  'log-failed',
  'store-closed',
  'store-conflict',
  'store-io',
  'unexpected',
]);

/** `vitrine handling` */
export function registerHandling(program: Command, context: Context): void {
  withIssueOptions(
    program
      .command('handling')
      .summary('log a commitment to how customer data was handled')
      .description(
        'Log a commitment to a document about how customer data was stored, processed or disclosed. The log learns nothing ' +
          'of it; with the opening, which is written beside it, you can show an auditor later that it is the same document.',
      )
      .argument('<document>', 'the document, which stays with you')
      .requiredOption('--category <name>', 'what it is about: letters, digits, dots, underscores and hyphens')
      .requiredOption('--site <text>', 'where it happened')
      .requiredOption('--from <time>', 'when it began, as 2030-01-01 or a time of RFC 3339', timeArgument('--from'))
      .requiredOption('--to <time>', 'when it ended: the first moment after it', timeArgument('--to'))
      .option('--opening <file>', 'where the opening is written (default: the document with .opening behind it)'),
  )
    .addHelpText(
      'after',
      '\nKeep the document and its opening: without both, nothing can be shown. disclose makes a proof of them.\n\nExample:\n' +
        '  $ vitrine handling requests-2030-q1.pdf --category disclosures --site Zurich \\\n' +
        '      --from 2030-01-01 --to 2030-04-01 --log ./log --key vendor.key\n',
    )
    .action((document: string, options: Options) => handling(context, document, options));
}

async function handling(context: Context, path: string, options: Options): Promise<void> {
  const { output } = context;
  const { category, site, from, to, json } = options;
  const opening = options.opening ?? `${path}.opening`;
  await checkIssueOptions(context, options);
  checkNotOut(options, opening, 'the opening');
  const common = { type: 'handling', category, site, period: { from, to } } as const;
  checkDraft({ ...common, commitment: ANY_HASH });
  if (await lstat(opening).catch(() => undefined)) {
    const message = `${opening} is there already, and an opening is never overwritten: name another file with --opening`;
    throw new CliError('file-exists', message);
  }
  const document = await readDocument(path);
  const key = context.random(SECRET_SIZE);
  let isWritten = false;
  try {
    await issue(
      context,
      async (): Promise<HandlingPayload> => {
        // Before the statement is logged: without it, that would be of no use.
        await writeSecret(opening, key);
        isWritten = true;
        return { ...common, commitment: commitTo(document, key) };
      },
      options,
    );
  } catch (error) {
    if (isWritten) await tidy(context, opening, error);
    throw error;
  }
  if (!json) output.note(`wrote ${opening}: keep it with the document, and from others`);
}

/** Removes an opening that opens nothing. */
async function tidy({ output, signal }: Context, opening: string, error: unknown): Promise<void> {
  if (!signal.aborted && !UNCERTAIN.has(describeFailure(error).code)) return rm(opening);
  output.note(`kept ${opening}: the commitment may have been logged all the same`);
}
