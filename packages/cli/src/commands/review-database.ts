import type { DatabasePayload } from '@vitrine/signer';
import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { databaseFiles } from '../database-files.ts';
import { issue } from '../issue.ts';
import { LEAF_ARGUMENT } from '../leaf-reference.ts';
import { checkDatabaseFiles } from '../logged-artifacts.ts';
import { readLoggedRecords, recordsText } from '../logged-records.ts';
import {
  checkReviewOptions,
  type ReviewOptions,
  reviewPayload,
  verdictOption,
  withReviewOptions,
} from '../review-options.ts';
import { resolveSubject } from '../subject.ts';
import { count } from '../text.ts';

interface Options extends ReviewOptions {
  readonly verdict: 'reviewed' | 'rejected';
}

/** `vitrine review database` */
export function registerReviewDatabase(review: Command, context: Context): void {
  const command = review
    .command('database')
    .summary('log your verdict on a signature database')
    .description(
      'Log your verdict on a release of a signature database. If you name the database that you reviewed, its digests and ' +
        'the root of its records are computed again, and nothing is signed over another one.',
    )
    .argument('<leaf>', `the database statement: ${LEAF_ARGUMENT}`)
    .argument('[database]', 'what you reviewed: its file, or the directory of its files');
  withReviewOptions(command, verdictOption('your verdict', ['reviewed', 'rejected']).makeOptionMandatory())
    .addHelpText(
      'after',
      '\nExample:\n  $ vitrine review database 7 rules.txt --verdict reviewed --log ./log --key reviewer.key\n',
    )
    .action((leaf: string, path: string | undefined, options: Options) => reviewDatabase(context, leaf, path, options));
}

async function reviewDatabase(
  context: Context,
  leaf: string,
  path: string | undefined,
  options: Options,
): Promise<void> {
  const { verdict } = options;
  const audience = await checkReviewOptions(context, options);
  const { leafHash, statement } = await resolveSubject(context, leaf, options, { types: ['database'], audience });
  await issue(
    context,
    async () => {
      await checkDatabase(context, path, statement.payload, options);
      return reviewPayload(context, { subject: leafHash, verdict }, options);
    },
    options,
  );
}

async function checkDatabase(
  context: Context,
  path: string | undefined,
  payload: DatabasePayload,
  { json }: Options,
): Promise<void> {
  const say = (text: string): void => {
    if (!json) context.output.note(text);
  };
  if (path === undefined) return say('no database was named: the verdict rests on your word that it is the logged one');
  const database = await databaseFiles(path);
  await checkDatabaseFiles(context, database, payload, { json });
  const { records } = payload;
  const files = count(database.files.length, 'file');
  if (records === undefined) return say(`this is the database that was logged: ${files}`);
  await readLoggedRecords(context, database, records, { json });
  say(`this is the database that was logged: ${files}, ${recordsText(records)}`);
}
