import type { SourcePayload } from '@vitrine/signer';
import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { ANY_HASH, checkDraft } from '../draft.ts';
import { CliError, isMissing } from '../errors.ts';
import { checkNotOut, type IssueOptions, type Issuer, issue, withIssueOptions } from '../issue.ts';
import { treeText } from '../logged-source.ts';
import { checkOutside } from '../released-files.ts';
import { readSecret, SECRET_SIZE, writeSecret } from '../secret-file.ts';
import { readSource, resolveSource, type SourceArgument } from '../source-argument.ts';

interface Options extends IssueOptions {
  readonly product: string;
  readonly version: string;
  readonly revision?: string;
  readonly toolchain?: string;
  readonly confidential?: boolean;
  readonly secret?: string;
  readonly repo?: string;
}

/** `vitrine release source` */
export function registerReleaseSource(release: Command, context: Context): void {
  withIssueOptions(
    release
      .command('source')
      .summary('log the source that reviewers get')
      .description(
        'Log the root of a source tree: of a directory, or of a git revision, which is read without a checkout. Reviewers ' +
          'who are given the source compute the same root. Symbolic links are links, and .git is left out.',
      )
      .argument('<source>', 'a directory, or a revision of the git repository in the current directory')
      .requiredOption('--product <name>', 'the product: letters, digits, dots, underscores and hyphens')
      .requiredOption('--version <version>', 'its version, for people')
      .option(
        '--revision <revision>',
        'the revision in your version control: needed for a directory; of a git revision, its commit',
      )
      .option('--toolchain <text>', 'what it is built with')
      .option('--repo <dir>', 'the git repository that <source> is a revision of')
      .option('--confidential', 'salt each line of the tree, so that files can be disclosed one by one')
      .option('--secret <file>', 'with --confidential: the secret of the salts, made if it is not there; keep it'),
  )
    .addHelpText(
      'after',
      '\nWithout the secret nobody can recompute a confidential tree: give it to the reviewers with the source, and use\n' +
        'another one for each version.\n\nExamples:\n' +
        '  $ vitrine release source v5.2 --product acme-av --version 5.2 --log ./log --key vendor.key\n' +
        '  $ vitrine release source ./src --product acme-av --version 5.2 --revision r1234 --log ./log \\\n' +
        '      --key vendor.key --confidential --secret acme-av-5.2.secret\n',
    )
    .action((source: string, options: Options) => releaseSource(context, source, options));
}

async function releaseSource(context: Context, source: string, options: Options): Promise<void> {
  const { product, version, revision, toolchain, confidential, secret, repo } = options;
  if (confidential && secret === undefined) {
    throw new CliError('usage', 'name the file for the secret of a confidential tree with --secret');
  }
  if (!confidential && secret !== undefined) throw new CliError('usage', '--secret goes with --confidential');
  checkNotOut(options, secret, '--secret');
  const argument = await resolveSource(source, repo);
  checkRevision(argument, source, revision);
  if (secret !== undefined && argument.kind === 'directory') await checkOutside(argument.path, secret, '--secret');
  const common = { type: 'source', product, version, ...(toolchain !== undefined && { toolchain }) } as const;
  checkDraft({ ...common, revision: revision ?? 'commit', tree: { root: ANY_HASH, files: 1, size: 0 } });
  await issue(context, (issuer) => describeSource(context, issuer, { source: argument, common }, options), options);
}

function checkRevision({ kind }: SourceArgument, source: string, revision: string | undefined): void {
  if (kind === 'directory' && revision === undefined) {
    throw new CliError('usage', `name the revision that the directory ${source} holds with --revision`);
  }
  if (kind === 'revision' && revision !== undefined) {
    throw new CliError(
      'usage',
      `--revision goes with a directory, and ${source} is a git revision: its commit is logged`,
    );
  }
}

/** What is known of the statement before the tree is read. */
interface Described {
  readonly source: SourceArgument;
  readonly common: Pick<SourcePayload, 'type' | 'product' | 'version' | 'toolchain'>;
}

async function describeSource(
  context: Context,
  issuer: Issuer,
  { source, common }: Described,
  options: Options,
): Promise<SourcePayload> {
  const secret = options.confidential ? await secretFrom(context, options.secret!) : undefined;
  const { tree, commit } = await readSource(context, source, { secret: secret?.bytes, json: options.json });
  const { summary } = tree;
  // Before the statement is logged: without it, it would be of no use.
  if (secret?.isNew) await writeSecret(options.secret!, secret.bytes);
  // At once: it stays, and is used, even if the statement is not logged.
  if (secret?.isNew && !options.json) {
    context.output.note(`wrote ${options.secret!}: reviewers need it, and nobody else may have it`);
  }
  issuer.note(treeText(summary));
  return { ...common, revision: commit ?? options.revision!, tree: summary };
}

async function secretFrom({ random }: Context, path: string): Promise<{ bytes: Uint8Array; isNew: boolean }> {
  try {
    return { bytes: await readSecret(path, 'the secret of a source tree'), isNew: false };
  } catch (error) {
    if (!isMissing(error)) throw error;
    return { bytes: random(SECRET_SIZE), isNew: true };
  }
}
