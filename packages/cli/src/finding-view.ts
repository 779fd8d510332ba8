import { displayOctets, quorumSize } from '@vitrine/core';
import { type Finding, findingJson, type Trust } from '@vitrine/verifier';
import { aligned, printable } from './text.ts';
import { formatTime } from './time.ts';

/** What was established of a release, as `--json` shows it. */
export function verifiedReleaseJson(file: string, finding: Finding): object {
  return { verified: 'release', file, ...findingJson(finding) };
}

/** The same for people. */
export function findingText(file: string, finding: Finding, { policy }: Trust, now: number): string {
  const { release, log, witnesses, reviews } = finding;
  const { stream, version, sequence, signer, issuedAt, leaf } = release;
  const number = sequence ?? version;
  const rows: [string, string][] = [
    [
      'release',
      `${printable(stream)} ${printable(String(number))}, signed by ${displayOctets(signer)} ${formatTime(issuedAt)}`,
    ],
    ['logged', `leaf ${grouped(leaf)} of ${printable(log.origin)}, tree size ${grouped(log.size)}`],
    [
      'witnessed',
      witnesses.length === 0
        ? 'unwitnessed'
        : `${witnesses.length} of ${policy.witnesses.length}, needed ${quorumSize(policy)}: ${witnesses.map(({ name, time }) => `${displayOctets(name)} (${ago(time, now)})`).join(', ')}`,
    ],
    ['reviewed', reviews.length === 0 ? 'by nobody whom the trust file names' : reviews.map(reviewText).join(', ')],
    ['latest', latestText(finding)],
    ...(finding.consistency === 'unproven'
      ? [['growth', 'not shown from the tree that was seen before'] as [string, string]]
      : []),
  ];
  const indented = aligned(rows).replace(/^/gm, '  ').trimEnd();
  return `${printable(file)}  OK\n${indented}\n`;
}

function reviewText({ reviewer, of, verdict }: Finding['reviews'][number]): string {
  return `${of === 'source' ? 'source ' : ''}${verdict} by ${displayOctets(reviewer)}`;
}

function latestText({ latest, index }: Finding): string {
  const whose =
    index.checkedBy.length === 0
      ? "by the log's own index"
      : `index checked by ${index.checkedBy.map(displayOctets).join(', ')}`;
  return `${latest ? 'yes' : 'no, there is a newer release'} (${whose})`;
}

// Not toLocaleString: it reads the data of all languages first, which takes longer than the whole decision.
const grouped = (n: number): string => String(n).replace(/\B(?=(?:\d{3})+$)/g, ',');

const UNITS = [
  { seconds: 172_800, one: 86_400, name: 'days' },
  { seconds: 5400, one: 3600, name: 'h' },
  { seconds: 120, one: 60, name: 'min' },
] as const;

/** How long ago a time was, in the unit that people would say. */
export function ago(time: number, now: number): string {
  if (time === 0) return 'no time';
  const age = now - time;
  if (age < 0) return formatTime(time);
  const unit = UNITS.find(({ seconds }) => age >= seconds);
  return unit === undefined ? `${age} s ago` : `${Math.floor(age / unit.one)} ${unit.name} ago`;
}
