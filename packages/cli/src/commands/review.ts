import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { registerReviewDatabase } from './review-database.ts';
import { registerReviewRebuild } from './review-rebuild.ts';
import { registerReviewSource } from './review-source.ts';

/** `vitrine review source`, `vitrine review rebuild` and `vitrine review database` */
export function registerReview(program: Command, context: Context): void {
  const review = program
    .command('review')
    .helpCommand(false)
    .summary('check a release, sign your verdict and log it')
    .description(
      'Check what somebody else released, sign your verdict, and log it: on a source, on a build that you made again from ' +
        'its source, or on a signature database.',
    )
    .addHelpText(
      'after',
      '\nExample:\n  $ vitrine review rebuild 4 ./my-build/acme-av-5.2.deb --log ./log --key reviewer.key\n',
    );
  registerReviewSource(review, context);
  registerReviewRebuild(review, context);
  registerReviewDatabase(review, context);
}
