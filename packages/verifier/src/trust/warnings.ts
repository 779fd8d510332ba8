import { displayOctets, NO_QUORUM } from '@vitrine/core';
import { quorumOverlap } from './quorum-overlap.ts';
import { matchesPattern } from './stream-pattern.ts';
import type { Trust } from './trust.ts';

/** Something that a trust file allows and its owner may not have meant. Codes are stable, messages are for people. */
export interface TrustWarning {
  readonly code:
    | 'quorum-none'
    | 'quorum-tolerates-none'
    | 'quorum-disjoint'
    | 'witness-keys'
    | 'line-unreachable'
    | 'any-age'
    | 'unreviewed'
    | 'index-unchecked'
    | 'serial-missing'
    | 'expired'
    | 'releases-none';
  readonly message: string;
}

/**
 * What a trust file allows and its owner may not have meant. docs/trust.md
 *
 * @param now seconds since the Epoch
 */
export function trustWarnings(trust: Trust, now: number): TrustWarning[] {
  return [...quorumWarnings(trust), ...witnessWarnings(trust), ...ruleWarnings(trust), ...fileWarnings(trust, now)];
}

function quorumWarnings({ policy }: Trust): TrustWarning[] {
  if (policy.quorum === NO_QUORUM) {
    return [{ code: 'quorum-none', message: 'no witness is asked for: the log can show each agent another tree' }];
  }
  const overlap = quorumOverlap(policy);
  if (overlap === 0) {
    const message =
      'two sets of witnesses can satisfy the quorum and share none: two trees can be cosigned without any lie';
    return [{ code: 'quorum-disjoint', message }];
  }
  if (overlap > 1) return [];
  const message = 'the quorum tolerates no lying witness: one that cosigns two trees is enough';
  return [{ code: 'quorum-tolerates-none', message }];
}

/** Two keys of one witness are one party, and count as two unless a group takes any of them. */
function witnessWarnings({ policy: { witnesses, groups } }: Trust): TrustWarning[] {
  const namesOf = new Map<string, string[]>();
  for (const { name, key } of witnesses) namesOf.set(key.keyName, [...(namesOf.get(key.keyName) ?? []), name]);
  const isShared = (names: readonly string[]): boolean =>
    groups.some(({ threshold, members }) => threshold === 1 && names.every((name) => members.includes(name)));
  return [...namesOf]
    .filter(([, names]) => names.length > 1 && !isShared(names))
    .map(([keyName, names]) => {
      const message = `${names.map(displayOctets).join(' and ')} are keys of one witness, ${keyName}, and can count as several: put them into a group with any`;
      return { code: 'witness-keys', message };
    });
}

function ruleWarnings({ releases }: Trust): TrustWarning[] {
  if (releases.length === 0) {
    return [{ code: 'releases-none', message: 'there is no release line: every release is refused' }];
  }
  return releases.flatMap((rule, i) => {
    const warnings: TrustWarning[] = [];
    const warn = (code: TrustWarning['code'], message: string): void => {
      warnings.push({ code, message: `line ${rule.line}: ${message}` });
    };
    const before = releases.slice(0, i).find(({ pattern }) => matchesPattern(pattern, rule.pattern));
    if (before !== undefined) {
      warn('line-unreachable', `line ${before.line} decides about all of these streams, and this line never does`);
    }
    if (rule.maxAge === undefined)
      warn('any-age', 'an old bundle is accepted, from before a newer release or a withdrawal');
    const { sourceReviewedBy, reviewedBy, reproducedBy, equivalentBy } = rule;
    if ([sourceReviewedBy, reviewedBy, reproducedBy, equivalentBy].every((name) => name === undefined)) {
      warn('unreviewed', 'nobody but the vendor has to approve of a release');
    }
    if (rule.indexedBy === undefined) {
      warn(
        'index-unchecked',
        'that a release is the newest and not withdrawn is the word of the log: nobody has to have checked its index',
      );
    }
    return warnings;
  });
}

function fileWarnings({ serial, expires }: Trust, now: number): TrustWarning[] {
  const warnings: TrustWarning[] = [];
  if (serial === undefined) {
    warnings.push({
      code: 'serial-missing',
      message: 'without a serial line an agent cannot tell an older file of yours',
    });
  }
  if (expires !== undefined && expires <= now) {
    warnings.push({ code: 'expired', message: 'the file has expired: every release is refused' });
  }
  return warnings;
}
