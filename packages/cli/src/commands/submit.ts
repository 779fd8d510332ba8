import { SignerError } from '@vitrine/signer';
import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { CliError } from '../errors.ts';
import { appendTarget, audienceOf } from '../issue.ts';
import { readStatementFile } from '../leaf-reference.ts';
import { type LogKeyOption, type LogOption, withLogKeyOption, withLogOption } from '../log-option.ts';
import { appendStatements, type SignedStatement } from '../statement-log.ts';
import { count } from '../text.ts';

interface Options extends LogOption, LogKeyOption {
  readonly json?: boolean;
}

/** `vitrine submit` */
export function registerSubmit(program: Command, context: Context): void {
  withLogKeyOption(withLogOption(program.command('submit')))
    .summary('log statements that were signed elsewhere')
    .description(
      'Append statements that were signed with --offline, exactly as they are, all of them or none. Prints the index, the ' +
        'leaf hash and what each says. One that is in the log already keeps its index. What a statement speaks of, as a ' +
        'build of its source, has to be in the log or among the files before it.',
    )
    .argument('<file...>', 'the statement files')
    .option('--json', 'print one JSON object for each statement')
    .addHelpText('after', '\nExample:\n  $ vitrine submit request.cose --log ./log\n')
    .action((files: string[], options: Options) => submit(context, files, options));
}

async function submit(context: Context, files: readonly string[], options: Options): Promise<void> {
  const origin = await audienceOf(context, options);
  const statements: SignedStatement[] = [];
  for (const file of files) {
    const { entry, statement } = await readStatementFile(file);
    // The log would say so too, but without the name of the file.
    if (statement.audience !== origin) {
      const message = `${file} is meant for the log ${statement.audience}, and this one is ${origin}`;
      throw new SignerError('admission-audience', message);
    }
    statements.push({ entry, statement, file });
  }
  await checkOneCommit(statements);
  await appendStatements(context, statements, await appendTarget(context, options));
}

/** Refuses more than a log judges and commits together: some of it could be taken, and the rest refused. */
async function checkOneCommit(statements: readonly SignedStatement[]): Promise<void> {
  const { MAX_COMMIT_BYTES, MAX_COMMIT_ENTRIES } = await import('@vitrine/core/log');
  const bytes = statements.reduce((sum, { entry }) => sum + entry.length, 0);
  if (statements.length <= MAX_COMMIT_ENTRIES && bytes <= MAX_COMMIT_BYTES) return;
  throw new CliError(
    'usage',
    `${count(statements.length, 'statement')} of ${bytes} bytes are too many for all or none: submit at most ` +
      `${MAX_COMMIT_ENTRIES} of ${MAX_COMMIT_BYTES} bytes at a time`,
  );
}
