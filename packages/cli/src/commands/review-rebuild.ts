import type { ReviewPayload } from '@vitrine/signer';
import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { CliError } from '../errors.ts';
import { hex } from '../hex.ts';
import { issue } from '../issue.ts';
import { LEAF_ARGUMENT } from '../leaf-reference.ts';
import { loadNormalizer, type Normalizer } from '../normalizer.ts';
import { type ArtifactComparison, artifactsOf, compareRebuild, findRebuilt } from '../rebuild.ts';
import { comparisonJson, comparisonText } from '../rebuild-view.ts';
import {
  checkReviewOptions,
  type ReviewOptions,
  reviewPayload,
  verdictOption,
  withReviewOptions,
} from '../review-options.ts';
import { resolveSubject, type Subject } from '../subject.ts';
import { count } from '../text.ts';

interface Options extends ReviewOptions {
  readonly verdict?: 'rejected';
  readonly against?: string;
  readonly normalize?: string;
}

/** `vitrine review rebuild` */
export function registerReviewRebuild(review: Command, context: Context): void {
  const command = review
    .command('rebuild')
    .summary('log that you could rebuild a build, or not')
    .description(
      'Compare what you built with a build that was logged, and log the verdict: "reproduced" if every artifact is the ' +
        'same, "equivalent" if they are what your normalizer makes the same. Otherwise print what differs, and log nothing.',
    )
    .argument('<leaf>', `the build statement: ${LEAF_ARGUMENT}`)
    .argument('<rebuild...>', 'the files that you built, under the names of the artifacts, or directories with them')
    .option('--against <dir>', "the vendor's artifacts: shows which members of zip, tar and gzip files differ")
    .option(
      '--normalize <program>',
      'with --against: a program that reads an artifact on its input and prints it without what no rebuild can have, a code ' +
        'signature for instance; its SHA-256 is logged',
    );
  withReviewOptions(command, verdictOption('log that the build is rejected, whatever differs', ['rejected']))
    .addHelpText(
      'after',
      '\nExamples:\n  $ vitrine review rebuild 4 ./out/acme-av-5.2.deb --log ./log --key reviewer.key\n' +
        '  $ vitrine review rebuild 4 ./out --against ./downloads --normalize ./strip-signature --log ./log \\\n' +
        '      --key reviewer.key\n',
    )
    .action((leaf: string, paths: string[], options: Options) => reviewRebuild(context, leaf, paths, options));
}

async function reviewRebuild(
  context: Context,
  leaf: string,
  paths: readonly string[],
  options: Options,
): Promise<void> {
  const { against, normalize, json, verdict } = options;
  if (normalize !== undefined && against === undefined) {
    throw new CliError('usage', "--normalize runs on the vendor's artifacts too: name their directory with --against");
  }
  const audience = await checkReviewOptions(context, options);
  const subject = await resolveSubject(context, leaf, options, { types: ['build'], audience });
  const artifacts = await artifactsOf(context, subject.statement.payload, against);
  const rebuilt = await findRebuilt(paths, artifacts);
  const missing = artifacts.filter(({ name }) => !rebuilt.has(name)).map(({ name }) => name);
  if (missing.length > 0 && verdict !== 'rejected') {
    const more = missing.length > 5 ? ` and ${missing.length - 5} more` : '';
    throw new CliError('usage', `the rebuild lacks ${missing.slice(0, 5).join(', ')}${more}: name every artifact`);
  }
  const normalizer = normalize === undefined ? undefined : await loadNormalizer(context, normalize);
  await issue(
    context,
    async () => {
      const comparisons = await compareRebuild(context, artifacts, rebuilt, { against, normalizer, json });
      const found = await judge(context, comparisons, normalizer, { subject, options });
      return reviewPayload(context, { subject: subject.leafHash, ...found }, options);
    },
    options,
  );
}

/** The verdict. What differs is printed, and refused unless the user rejects the build. */
async function judge(
  context: Context,
  comparisons: readonly ArtifactComparison[],
  normalizer: Normalizer | undefined,
  { subject, options }: { readonly subject: Subject; readonly options: Options },
): Promise<Pick<ReviewPayload, 'verdict' | 'normalizer'>> {
  const { output } = context;
  const { json, verdict, against } = options;
  const of = (result: ArtifactComparison['result']): number =>
    comparisons.filter((comparison) => comparison.result === result).length;
  const differing = of('different') + of('missing');
  const total = count(comparisons.length, 'artifact');
  if (!json)
    output.note(`${of('same')} of ${total} the same${of('equivalent') > 0 ? `, ${of('equivalent')} equivalent` : ''}`);
  if (verdict === 'rejected') {
    if (!json && differing > 0) await output.text(comparisonText(comparisons));
    return { verdict };
  }
  if (differing > 0) {
    if (json) {
      const subjectHash = hex(subject.leafHash);
      await output.json({ subject: subjectHash, artifacts: comparisonJson(comparisons) });
    } else await output.text(comparisonText(comparisons));
    const hint = against === undefined ? '; --against <dir> shows where, with the artifacts of the vendor' : '';
    throw new CliError('rebuild-differs', `${differing} of ${total} differ, and nothing was logged${hint}`);
  }
  if (of('equivalent') === 0) return { verdict: 'reproduced' };
  const { name, sha256 } = normalizer!;
  return { verdict: 'equivalent', normalizer: { name, sha256 } };
}
