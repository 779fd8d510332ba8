import { SignerError } from '@vitrine/signer';
import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { databaseFiles } from '../database-files.ts';
import { CliError } from '../errors.ts';
import { LEAF_ARGUMENT } from '../leaf-reference.ts';
import { logPlace, withLogOption } from '../log-option.ts';
import { readLoggedRecords } from '../logged-records.ts';
import { emptyAbsence, readRecord } from '../record-option.ts';
import { withOutOptions } from '../result-file.ts';
import { deliverStatementProof, type StatementProofOptions } from '../statement-proof-file.ts';
import { resolveSubject } from '../subject.ts';

interface Options extends StatementProofOptions {
  readonly of: string;
  readonly database: string;
  readonly recordFile?: string;
}

/** `vitrine prove record` */
export function registerProveRecord(prove: Command, context: Context): void {
  withOutOptions(withLogOption(prove.command('record')))
    .summary('prove that a record is, or is not, in a logged database')
    .description(
      'Write a proof that a record is in a release of a signature database that was logged, or that it is not, as a C2SP ' +
        'tlog-proof. The record itself is not in the proof: whoever verifies it has to know it.',
    )
    .argument('[record]', 'the record: a line of the database, without its newline')
    .option('--record-file <file>', 'read the record from this file, where it is not text; - is standard input')
    .requiredOption('--of <leaf>', `the database statement: ${LEAF_ARGUMENT}`)
    .requiredOption('--database <path>', 'the database: its file, or the directory of its files')
    .option('--cosigned', 'prove it for the newest checkpoint that a witness has cosigned')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      '\nExample:\n  $ vitrine prove record "alert tcp any any -> any 445" --of 7 --database rules.txt --log ./log \\\n' +
        '      --out rule.tlog-proof\n',
    )
    .action((record: string | undefined, options: Options) => proveRecord(context, record, options));
}

async function proveRecord(context: Context, text: string | undefined, options: Options): Promise<void> {
  const { of, json, recordFile } = options;
  await logPlace(context, options);
  const record = await readRecord(context, { record: text, recordFile });
  const database = await databaseFiles(options.database);
  const subject = await resolveSubject(context, of, options, { types: ['database'] });
  const { records: logged } = subject.statement.payload;
  if (logged === undefined) {
    throw new CliError('usage', `${of} was logged without its records: nothing can be proven of any of them`);
  }
  const records = await readLoggedRecords(context, database, logged, { json });
  const present = records.has(record);
  const reason = present ? undefined : emptyAbsence(record, logged.format);
  if (reason !== undefined) throw new SignerError('records-malformed', reason);
  const extra = { type: 'record', statement: subject.entry, present, proof: records.prove(record) } as const;
  const what = `the record is ${present ? 'present' : 'absent'}`;
  await deliverStatementProof(context, subject, { extra, json: { present }, what }, options);
}
