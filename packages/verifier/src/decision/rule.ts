import { quorumSatisfied, type VerifiedCheckpoint } from '@vitrine/core';
import { Refusal } from '../refusal.ts';
import { matchesPattern } from '../trust/stream-pattern.ts';
import type { ReleaseRule, Trust } from '../trust/trust.ts';
import type { FoundStatement } from './statements.ts';

/** The first rule that a stream fits: nothing in a bundle chooses it. @throws Refusal `no-rule` */
export function ruleFor(stream: string, { releases }: Trust): ReleaseRule {
  const rule = releases.find(({ pattern }) => matchesPattern(pattern, stream));
  if (rule === undefined) throw new Refusal('no-rule', `the trust file has no release line for the stream ${stream}`);
  return rule;
}

/** @throws Refusal `log-other`, `signer-other`, `index-unchecked` */
export function checkRule(
  rule: ReleaseRule,
  release: FoundStatement,
  verified: VerifiedCheckpoint,
  trust: Trust,
): void {
  const { origin } = verified.checkpoint;
  if (rule.origin !== origin) {
    throw new Refusal(
      'log-other',
      `line ${rule.line} of the trust file wants the log ${rule.origin}, and this is ${origin}`,
    );
  }
  if (rule.signedBy !== release.issuer.name) {
    throw new Refusal(
      'signer-other',
      `line ${rule.line} of the trust file wants another signer than ${release.statement.issuer}`,
    );
  }
  if (rule.indexedBy !== undefined && checkers(rule, verified, trust).length === 0) {
    throw new Refusal(
      'index-unchecked',
      `nobody of those whom line ${rule.line} of the trust file wants has checked the index`,
    );
  }
}

/** Who of those whom a rule asks to have checked the index has; none if they are not enough. */
export function checkers(
  { indexedBy }: ReleaseRule,
  { cosignatures }: VerifiedCheckpoint,
  { policy }: Trust,
): string[] {
  if (indexedBy === undefined) return [];
  const witnesses = new Set(cosignatures.map(({ witness }) => witness));
  if (!quorumSatisfied({ ...policy, quorum: indexedBy }, witnesses)) return [];
  const named = new Set<string>([indexedBy]);
  // Groups refer to earlier ones only.
  for (const { name, members } of policy.groups.toReversed()) {
    if (named.has(name)) for (const member of members) named.add(member);
  }
  return [...witnesses].filter((witness) => named.has(witness));
}
