import { equalBytes, type SubjectRecord } from '@vitrine/core';
import type { ReviewPayload } from '@vitrine/signer';
import { Refusal } from '../refusal.ts';
import type { ReleaseRule, Trust, TrustedIssuer } from '../trust/trust.ts';
import type { FoundReview } from './finding.ts';
import { type HashedBundle, openBundled, statementIn } from './statements.ts';

/** What was released, and is reviewed. */
export interface ReviewedSubject {
  readonly of: 'release' | 'source';
  readonly leafHash: Uint8Array;
  /** What the index says of it. */
  readonly record: SubjectRecord | null;
}

/** Names of the reviewers in a demand: one, or the members of a group, and how many of them have to agree. */
function members(trust: Trust, name: string): { readonly threshold: number; readonly names: readonly string[] } {
  const group = trust.reviewerGroups.find((one) => one.name === name);
  return group === undefined ? { threshold: 1, names: [name] } : { threshold: group.threshold, names: group.members };
}

/** The reviewers that a rule speaks of. */
function reviewersOf(rule: ReleaseRule, trust: Trust): TrustedIssuer[] {
  const demands = [rule.sourceReviewedBy, rule.reviewedBy, rule.reproducedBy, rule.equivalentBy];
  const names = new Set(demands.flatMap((name) => (name === undefined ? [] : members(trust, name).names)));
  return trust.reviewers.filter(({ name }) => names.has(name));
}

/**
 * The newest verdict of each of the rule's reviewers on a subject, by the index. One that rejects it refuses, and so does one
 * that the bundle lacks or that is no good: it could be a rejection.
 *
 * @throws Refusal `review-missing`, `review-invalid`, `rejected`
 */
export function verdictsOn(
  subject: ReviewedSubject,
  rule: ReleaseRule,
  { bundle, trust, origin }: { readonly bundle: HashedBundle; readonly trust: Trust; readonly origin: string },
): FoundReview[] {
  return reviewersOf(rule, trust).flatMap((reviewer) => {
    const { issuer } = reviewer;
    const newest = subject.record?.find((element) => element.type === 'review' && element.issuer === issuer)?.newest;
    if (newest === undefined) return [];
    const bundled = statementIn(bundle, { leafHash: newest });
    if (bundled === undefined) {
      throw new Refusal('review-missing', `the bundle lacks the newest review of the ${subject.of} by ${issuer}`);
    }
    const { payload, leaf } = openReview(bundled, reviewer, origin);
    if (!equalBytes(payload.subject, subject.leafHash)) {
      throw new Refusal('review-invalid', `the review at leaf ${leaf} is of something else than the ${subject.of}`);
    }
    const { verdict } = payload;
    if (verdict === 'rejected') {
      throw new Refusal('rejected', `${issuer} has rejected the ${subject.of}, at leaf ${leaf}`);
    }
    return [{ reviewer: reviewer.name, issuer, of: subject.of, verdict, leaf }];
  });
}

function openReview(
  bundled: Parameters<typeof openBundled>[0],
  reviewer: TrustedIssuer,
  origin: string,
): { readonly payload: ReviewPayload; readonly leaf: number } {
  try {
    const { statement, leaf } = openBundled(bundled, [reviewer], origin);
    if (statement.payload.type !== 'review') {
      throw new Refusal('review-invalid', `the statement at leaf ${leaf}, which the index calls a review, is none`);
    }
    return { payload: statement.payload, leaf };
  } catch (error) {
    if (!(error instanceof Refusal) || error.code === 'review-invalid') throw error;
    throw new Refusal('review-invalid', `the newest review by ${reviewer.issuer} is not valid: ${error.message}`, {
      cause: error,
    });
  }
}

const POSITIVE: ReadonlySet<string> = new Set(['reviewed', 'reproduced', 'equivalent']);
const EQUIVALENT: ReadonlySet<string> = new Set(['reproduced', 'equivalent']);

/**
 * Checks that the reviewers whom a rule names have said what it asks for.
 *
 * @throws Refusal `source-unreviewed`, `unreviewed`, `unreproduced`
 */
export function checkDemands(rule: ReleaseRule, trust: Trust, reviews: readonly FoundReview[]): void {
  const check = (
    name: string | undefined,
    code: 'source-unreviewed' | 'unreviewed' | 'unreproduced',
    what: string,
    counts: (review: FoundReview) => boolean,
  ): void => {
    if (name === undefined) return;
    const { threshold, names } = members(trust, name);
    // Each name once, however many reviews it has given.
    const agreeing = names.filter((one) => reviews.some((review) => review.reviewer === one && counts(review)));
    if (agreeing.length >= threshold) return;
    throw new Refusal(code, `${threshold} of ${names.length} reviewers must have ${what}, and ${agreeing.length} have`);
  };
  check(
    rule.sourceReviewedBy,
    'source-unreviewed',
    'reviewed the source',
    ({ of, verdict }) => of === 'source' && verdict === 'reviewed',
  );
  check(
    rule.reviewedBy,
    'unreviewed',
    'reviewed the release',
    ({ of, verdict }) => of === 'release' && POSITIVE.has(verdict),
  );
  check(
    rule.reproducedBy,
    'unreproduced',
    'reproduced the build',
    ({ of, verdict }) => of === 'release' && verdict === 'reproduced',
  );
  check(
    rule.equivalentBy,
    'unreproduced',
    'rebuilt it to the same or an equivalent',
    ({ of, verdict }) => of === 'release' && EQUIVALENT.has(verdict),
  );
}
