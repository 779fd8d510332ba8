import type { SourceTree } from '@vitrine/signer/node';
import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { LEAF_ARGUMENT } from '../leaf-reference.ts';
import { logPlace, withLogOption } from '../log-option.ts';
import { readLoggedSource, secretOf } from '../logged-source.ts';
import { withOutOptions } from '../result-file.ts';
import { resolveSource } from '../source-argument.ts';
import { deliverStatementProof, type StatementProofOptions } from '../statement-proof-file.ts';
import { resolveSubject } from '../subject.ts';
import { printable } from '../text.ts';

interface Options extends StatementProofOptions {
  readonly of: string;
  readonly tree: string;
  readonly repo?: string;
  readonly secret?: string;
}

/** `vitrine prove file` */
export function registerProveFile(prove: Command, context: Context): void {
  withOutOptions(withLogOption(prove.command('file')))
    .summary('prove that a file is in a logged source')
    .description(
      'Write a proof that a file is in a source that was logged, as a C2SP tlog-proof. It discloses the path, the size and ' +
        'the SHA-256 of that file; of a confidential source nothing more, of another one what can be guessed.',
    )
    .argument('<path>', 'the path of the file in the source, from its top, as src/main.c')
    .requiredOption('--of <leaf>', `the source statement: ${LEAF_ARGUMENT}`)
    .requiredOption(
      '--tree <source>',
      'the source: a directory, or a revision of the git repository in the current one',
    )
    .option('--repo <dir>', 'the git repository that --tree is a revision of')
    .option('--secret <file>', 'the secret of a confidential tree')
    .option('--cosigned', 'prove it for the newest checkpoint that a witness has cosigned')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      '\nExample:\n  $ vitrine prove file src/main.c --of 3 --tree v5.2 --log ./log --out main.c.tlog-proof\n',
    )
    .action((path: string, options: Options) => proveFile(context, path, options));
}

async function proveFile(context: Context, path: string, options: Options): Promise<void> {
  const { json } = options;
  await logPlace(context, options);
  const source = await resolveSource(options.tree, options.repo);
  const subject = await resolveSubject(context, options.of, options, { types: ['source'] });
  const logged = subject.statement.payload.tree;
  const secret = await secretOf(logged, options.secret);
  const tree = await readLoggedSource(context, source, logged, { secret, json });
  const name = path.replace(/^\.\//, '');
  const file = await tree.prove(pathBytes(name, tree));
  const extra = { type: 'file', statement: subject.entry, file } as const;
  await deliverStatementProof(context, subject, { extra, json: { path: name }, what: printable(name) }, options);
}

// Node turns each invalid byte of a command line into this character.
const REPLACEMENT = '\ufffd';

/** The bytes of a path, also of one that is not text, if only one file of the tree can be meant. */
function pathBytes(path: string, tree: SourceTree): Uint8Array {
  const typed = new TextEncoder().encode(path);
  if (!path.includes(REPLACEMENT)) return typed;
  const alike = Array.from(tree.files()).filter((file) => new TextDecoder().decode(file.path) === path);
  return alike.length === 1 ? alike[0]!.path : typed;
}
