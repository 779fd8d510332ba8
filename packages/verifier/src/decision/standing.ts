import type { BundledSubject } from '../bundle/bundle.ts';
import { Refusal } from '../refusal.ts';
import type { ReleaseRule, Trust } from '../trust/trust.ts';
import type { FoundReview } from './finding.ts';
import { subjectRecord } from './index-records.ts';
import type { FoundRelease } from './release.ts';
import { checkDemands, verdictsOn } from './reviews.ts';
import { type FoundStatement, type HashedBundle, openBundled, statementIn } from './statements.ts';

interface Standing {
  readonly bundle: HashedBundle;
  readonly trust: Trust;
  readonly origin: string;
  readonly rule: ReleaseRule;
  readonly release: FoundRelease;
}

/**
 * What others say of the release and of its source, and its own vendor since.
 *
 * @throws Refusal: steps 9 to 13 of docs/verifying.md
 */
export function standing({ bundle, trust, origin, rule, release }: Standing): {
  readonly reviews: readonly FoundReview[];
  readonly source: FoundStatement | undefined;
} {
  const by = { bundle, trust, origin };
  const record = subjectRecord(bundle, release.leafHash, bundle.subject);
  checkNotWithdrawn('release', release, record);
  const source = openSource(bundle, trust, origin, release);
  const sourceRecord = source === undefined ? null : subjectRecord(bundle, source.leafHash, bundle.source!);
  if (source !== undefined) checkNotWithdrawn('source', source, sourceRecord);
  const reviews = verdictsOn({ of: 'release', leafHash: release.leafHash, record }, rule, by);
  if (source !== undefined) {
    reviews.push(...verdictsOn({ of: 'source', leafHash: source.leafHash, record: sourceRecord }, rule, by));
  }
  checkDemands(rule, trust, reviews);
  return { reviews, source };
}

/** The source that a build names. @throws Refusal `source-unknown`, `source-other`, and as openBundled */
function openSource(
  bundle: HashedBundle,
  trust: Trust,
  origin: string,
  release: FoundRelease,
): FoundStatement | undefined {
  const { payload, issuer } = release.statement;
  if (payload.type !== 'build' || payload.source === undefined) {
    if (bundle.source !== undefined)
      throw new Refusal('source-other', 'the bundle has a source, and the release names none');
    return undefined;
  }
  const bundled = statementIn(bundle, { leafHash: payload.source });
  if (bundled === undefined || bundle.source === undefined) {
    throw new Refusal(
      'source-unknown',
      'the bundle lacks the source that the build names, or what the index says of it',
    );
  }
  const source = openBundled(bundled, trust.signers, origin);
  const of = source.statement.payload;
  const fits =
    of.type === 'source' &&
    of.product === payload.product &&
    source.statement.issuer === issuer &&
    source.leaf < release.leaf;
  if (!fits) {
    throw new Refusal(
      'source-other',
      `leaf ${source.leaf}, which the build names as its source, is not one of its product and vendor`,
    );
  }
  return source;
}

function checkNotWithdrawn(
  what: 'release' | 'source',
  { statement: { issuer }, leaf }: FoundStatement,
  record: BundledSubject['record'],
): void {
  if (!record?.some((element) => element.type === 'withdrawal' && element.issuer === issuer)) return;
  throw new Refusal('withdrawn', `${issuer} has withdrawn the ${what} at leaf ${leaf}`);
}
