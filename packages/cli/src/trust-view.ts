import { describeQuorum, displayOctets, formatKeyId, formatVkey, NO_QUORUM, type VerifierKey } from '@vitrine/core';
import { formatDuration, quorumOverlap, type ReleaseRule, type Trust, type TrustedIssuer } from '@vitrine/verifier';
import { hex } from './hex.ts';
import { keyTypeName } from './keys.ts';
import { count, printable } from './text.ts';
import { formatTime } from './time.ts';

/** What a trust file accepts, in sentences. */
export function trustSentences({ policy, signers, reviewers, releases, serial, expires }: Trust): string[] {
  return [
    ...policy.logs.map(
      ({ key }) => `A checkpoint of ${printable(key.keyName)} counts with its ${keyTypeName(key.type)} key.`,
    ),
    quorumSentence(policy),
    ...signers.map((issuer) => issuerSentence('Releases', issuer)),
    ...reviewers.map((issuer) => issuerSentence('Reviews', issuer)),
    ...releases.map((rule) => ruleSentence(rule)),
    ...(serial === undefined ? [] : [`An agent that has used this file takes none with a serial below ${serial}.`]),
    ...(expires === undefined ? [] : [`The file is of use until ${formatTime(expires)}.`]),
  ];
}

function quorumSentence(policy: Trust['policy']): string {
  if (policy.quorum === NO_QUORUM) return 'No witness has to have cosigned it.';
  const overlap = quorumOverlap(policy);
  const lies =
    overlap === 0
      ? 'two trees can be cosigned without any lie'
      : `${overlap - 1 || 'none'} of them may lie without harm`;
  return `It has to be cosigned by ${describeQuorum(policy)}: ${lies}.`;
}

function issuerSentence(what: string, { name, issuer, keys }: TrustedIssuer): string {
  const bounds = keys.flatMap(({ below }) => (below === undefined ? [] : [below]));
  const ended =
    bounds.length === 0 ? '' : `, of which ${count(bounds.length, 'key')} below leaf ${bounds.join(' and ')} only`;
  return `${what} of ${displayOctets(name)} are signed as ${printable(issuer)}, by ${count(keys.length, 'key')}${ended}.`;
}

function ruleSentence(rule: ReleaseRule): string {
  const { line, pattern, origin, signedBy, maxAge, latest, indexedBy } = rule;
  const by = (name: string | undefined, what: string): string[] =>
    name === undefined ? [] : [`${what} ${displayOctets(name)}`];
  const wanted = [
    `logged in ${printable(origin)}`,
    `signed by ${displayOctets(signedBy)}`,
    maxAge === undefined
      ? 'shown by a checkpoint of any age'
      : `shown by a checkpoint of the last ${formatDuration(maxAge)}`,
    ...(latest ? ['the newest of its stream'] : []),
    ...by(indexedBy, 'by an index that was checked by'),
    ...by(rule.sourceReviewedBy, 'of a source that was reviewed by'),
    ...by(rule.reviewedBy, 'approved by'),
    ...by(rule.reproducedBy, 'reproduced by'),
    ...by(rule.equivalentBy, 'reproduced, or found equivalent, by'),
  ];
  return `Line ${line}: a release of ${pattern} has to be ${wanted.join('; ')}. Nobody may have withdrawn or rejected it.`;
}

/** What a trust file says, as `--json` shows it. */
export function trustJson(trust: Trust): object {
  const { policy, indexed, reviewerGroups, releases, serial, expires, digest } = trust;
  const issuerJson = ({ name, issuer, keys }: TrustedIssuer): object => ({
    name: displayOctets(name),
    issuer,
    keys: keys.map(({ key, below }) => ({ vkey: formatVkey(key), ...(below !== undefined && { below }) })),
  });
  const named = (demands: ReleaseRule): object =>
    Object.fromEntries(
      (['indexedBy', 'sourceReviewedBy', 'reviewedBy', 'reproducedBy', 'equivalentBy'] as const).flatMap((name) => {
        const value = demands[name];
        return value === undefined ? [] : [[name, displayOctets(value)]];
      }),
    );
  return {
    sha256: hex(digest),
    logs: policy.logs.map(({ key }) => ({
      origin: key.keyName,
      vkey: formatVkey(key),
      indexed: indexed.includes(key.keyName),
    })),
    witnesses: policy.witnesses.map(({ name, key }) => ({ name: displayOctets(name), vkey: formatVkey(key) })),
    groups: [...policy.groups, ...reviewerGroups].map(({ name, threshold, members }) => ({
      name: displayOctets(name),
      threshold,
      members: members.map(displayOctets),
    })),
    quorum: displayOctets(policy.quorum),
    signers: trust.signers.map(issuerJson),
    reviewers: trust.reviewers.map(issuerJson),
    releases: releases.map((rule) => ({
      line: rule.line,
      pattern: rule.pattern,
      origin: rule.origin,
      signedBy: displayOctets(rule.signedBy),
      latest: rule.latest,
      ...(rule.maxAge !== undefined && { maxAge: rule.maxAge }),
      ...named(rule),
    })),
    ...(serial !== undefined && { serial }),
    ...(expires !== undefined && { expires }),
  };
}

const keyText = ({ keyName, keyId, type }: VerifierKey): string =>
  `${printable(keyName)} ${formatKeyId(keyId)} (${keyTypeName(type)})`;

/** The same for people, as rows of a label and a value. */
export function trustRows(trust: Trust): [string, string][] {
  const { policy, indexed, serial, expires, digest } = trust;
  const issuerRows = (label: string, { name, keys }: TrustedIssuer): [string, string][] =>
    keys.map(({ key, below }) => [
      label,
      `${displayOctets(name)}  ${keyText(key)}${below === undefined ? '' : `  below leaf ${below}`}`,
    ]);
  return [
    ['SHA-256', hex(digest)],
    ...policy.logs.map(({ key }): [string, string] => [
      'log',
      `${keyText(key)}${indexed.includes(key.keyName) ? '  indexed' : ''}`,
    ]),
    ...policy.witnesses.map(({ name, key }): [string, string] => [
      'witness',
      `${displayOctets(name)}  ${keyText(key)}`,
    ]),
    ['quorum', policy.quorum === NO_QUORUM ? 'none' : describeQuorum(policy)],
    ...trust.signers.flatMap((issuer) => issuerRows('signer', issuer)),
    ...trust.reviewers.flatMap((issuer) => issuerRows('reviewer', issuer)),
    ...trust.reviewerGroups.map(({ name, threshold, members }): [string, string] => [
      'reviewer group',
      `${displayOctets(name)}  ${threshold} of (${members.map(displayOctets).join(', ')})`,
    ]),
    ...trust.releases.map(({ line, pattern }): [string, string] => ['release', `${pattern}  (line ${line})`]),
    ...(serial === undefined ? [] : [['serial', String(serial)] as [string, string]]),
    ...(expires === undefined ? [] : [['expires', formatTime(expires)] as [string, string]]),
  ];
}
