import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { issue } from '../issue.ts';
import { LEAF_ARGUMENT } from '../leaf-reference.ts';
import { readLoggedSource, secretOf, treeText } from '../logged-source.ts';
import {
  checkReviewOptions,
  type ReviewOptions,
  reviewPayload,
  verdictOption,
  withReviewOptions,
} from '../review-options.ts';
import { resolveSource } from '../source-argument.ts';
import { resolveSubject } from '../subject.ts';

interface Options extends ReviewOptions {
  readonly verdict: 'reviewed' | 'rejected';
  readonly repo?: string;
  readonly secret?: string;
}

/** `vitrine review source` */
export function registerReviewSource(review: Command, context: Context): void {
  const command = review
    .command('source')
    .summary('log your verdict on a source')
    .description(
      'Log your verdict on a source that was logged. Its root is computed again from the source that was disclosed to ' +
        'you, and nothing is signed over another one.',
    )
    .argument('<leaf>', `the source statement: ${LEAF_ARGUMENT}`)
    .argument(
      '<source>',
      'what you reviewed: a directory, or a revision of the git repository in the current directory',
    )
    .option('--repo <dir>', 'the git repository that <source> is a revision of')
    .option('--secret <file>', 'the secret of a confidential tree');
  withReviewOptions(command, verdictOption('your verdict', ['reviewed', 'rejected']).default('reviewed'))
    .addHelpText(
      'after',
      '\nExample:\n  $ vitrine review source 3 ./disclosed --method "ISO 27001 team, 12 days" --evidence report.pdf \\\n' +
        '      --log ./log --key reviewer.key\n',
    )
    .action((leaf: string, source: string, options: Options) => reviewSource(context, leaf, source, options));
}

async function reviewSource(context: Context, leaf: string, source: string, options: Options): Promise<void> {
  const { verdict, repo, json } = options;
  const audience = await checkReviewOptions(context, options);
  const argument = await resolveSource(source, repo);
  const { leafHash, statement } = await resolveSubject(context, leaf, options, { types: ['source'], audience });
  const { tree } = statement.payload;
  const secret = await secretOf(tree, options.secret);
  await issue(
    context,
    async () => {
      const { summary } = await readLoggedSource(context, argument, tree, { secret, json });
      if (!json) context.output.note(`this is the source that was logged: ${treeText(summary)}`);
      return reviewPayload(context, { subject: leafHash, verdict }, options);
    },
    options,
  );
}
