import type { ReviewPayload, Verdict } from '@vitrine/signer';
import { type Command, Option } from 'commander';
import type { Context } from './context.ts';
import { ANY_HASH, checkDraft } from './draft.ts';
import { checkFile, hashFiles, inputFile } from './hashed-file.ts';
import { checkIssueOptions, type IssueOptions, withIssueOptions } from './issue.ts';

/** What {@link withReviewOptions} leaves among a command's options. */
export interface ReviewOptions extends IssueOptions {
  readonly verdict?: Verdict;
  readonly method?: string;
  readonly evidence?: string;
}

/** Adds the options of every review to a command. */
export function withReviewOptions(command: Command, verdict: Option): Command {
  return withIssueOptions(
    command
      .addOption(verdict)
      .option('--method <text>', 'how it was reviewed, for people')
      .option('--evidence <file>', 'a report, whose SHA-256 is logged'),
  );
}

/** `--verdict` with these choices. */
export function verdictOption(description: string, choices: readonly Verdict[]): Option {
  return new Option('--verdict <verdict>', description).choices(choices);
}

/**
 * Refuses what can be known to be wrong before anything that takes long.
 *
 * @returns the origin of the log that the review is meant for
 * @throws CliError `usage` and `file-` codes
 */
export async function checkReviewOptions(context: Context, options: ReviewOptions): Promise<string> {
  const { method, evidence } = options;
  const audience = await checkIssueOptions(context, options);
  checkDraft({
    type: 'review',
    subject: ANY_HASH,
    verdict: 'rejected',
    ...(method !== undefined && { method }),
  });
  if (evidence !== undefined) await checkFile((await inputFile(evidence)).path);
  return audience;
}

/** The review of a subject, with the digest of the evidence. @throws CliError with `file-` codes */
export async function reviewPayload(
  context: Context,
  found: Pick<ReviewPayload, 'subject' | 'verdict' | 'normalizer'>,
  options: ReviewOptions,
): Promise<ReviewPayload> {
  const { method, evidence } = options;
  const [report] = evidence === undefined ? [] : await hashFiles(context, [await inputFile(evidence)], options);
  return {
    type: 'review',
    ...found,
    ...(method !== undefined && { method }),
    ...(report !== undefined && { evidence: report.sha256 }),
  };
}
