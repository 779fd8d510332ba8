import { displayOctets, formatBase64 } from '@vitrine/core';
import type { Finding } from './finding.ts';

/** A finding as JSON has it, in `vitrine verify --json` and wherever verifiers are compared: docs/json/finding.schema.json. */
export function findingJson(finding: Finding): object {
  const { release, artifact, source, log, witnesses, time, reviews, latest, count, index, consistency, trust } =
    finding;
  return {
    release: { ...release, signer: displayOctets(release.signer), leafHash: formatBase64(release.leafHash) },
    artifact: { ...artifact, sha256: hex(artifact.sha256) },
    ...(source !== undefined && { source: { leaf: source.leaf, leafHash: formatBase64(source.leafHash) } }),
    log: { ...log, root: formatBase64(log.root) },
    witnesses: witnesses.map(({ name, time: seen }) => ({ name: displayOctets(name), time: seen })),
    ...(time !== undefined && { time }),
    reviews: reviews.map((review) => ({ ...review, reviewer: displayOctets(review.reviewer) })),
    latest,
    count,
    index: { root: formatBase64(index.root), checkedBy: index.checkedBy.map(displayOctets) },
    consistency,
    trust: { sha256: hex(trust.digest), line: trust.line },
    unwitnessed: witnesses.length === 0,
  };
}

const hex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
