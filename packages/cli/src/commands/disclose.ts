import { SignerError, verifyDocument } from '@vitrine/signer';
import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { readDocument } from '../document.ts';
import { LEAF_ARGUMENT } from '../leaf-reference.ts';
import { logPlace, withLogOption } from '../log-option.ts';
import { withOutOptions } from '../result-file.ts';
import { readSecret } from '../secret-file.ts';
import { deliverStatementProof, type StatementProofOptions } from '../statement-proof-file.ts';
import { resolveSubject } from '../subject.ts';

interface Options extends StatementProofOptions {
  readonly opening?: string;
}

/** `vitrine disclose` */
export function registerDisclose(program: Command, context: Context): void {
  withOutOptions(withLogOption(program.command('disclose')))
    .summary('prove that a document is the one that was committed to')
    .description(
      'Write a proof, a C2SP tlog-proof, that a document is the one that a handling statement in the log commits to. Give ' +
        'it to the auditor with the document; verify checks both without the log.',
    )
    .argument('<leaf>', `the handling statement: ${LEAF_ARGUMENT}`)
    .argument('<document>', 'the document')
    .option('--opening <file>', 'its opening (default: the document with .opening behind it)')
    .option('--cosigned', 'prove it for the newest checkpoint that a witness has cosigned')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      '\nWhoever has the proof can tell any other document from this one. It does not contain the document.\n\nExample:\n' +
        '  $ vitrine disclose 12 requests-2030-q1.pdf --log ./log --out requests-2030-q1.pdf.tlog-proof\n',
    )
    .action((leaf: string, document: string, options: Options) => disclose(context, leaf, document, options));
}

async function disclose(context: Context, leaf: string, path: string, options: Options): Promise<void> {
  await logPlace(context, options);
  const subject = await resolveSubject(context, leaf, options, { types: ['handling'] });
  const key = await readSecret(options.opening ?? `${path}.opening`, 'the opening of a commitment');
  const document = await readDocument(path);
  try {
    verifyDocument({ payload: subject.statement.payload, key, document });
  } catch (error) {
    if (!(error instanceof SignerError) || error.code !== 'statement-proof-mismatch') throw error;
    throw new SignerError(error.code, `${path} with this opening is not what was committed to: ${error.message}`, {
      cause: error,
    });
  }
  const extra = { type: 'document', statement: subject.entry, key } as const;
  await deliverStatementProof(context, subject, { extra, json: { document: path }, what: path }, options);
}
