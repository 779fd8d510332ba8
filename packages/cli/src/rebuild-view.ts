import type { Artifact } from '@vitrine/signer';
import type {
  ArchiveComparison,
  ArchiveMember,
  MemberAspect,
  MemberDifference,
  NotComparable,
} from '@vitrine/signer/node';
import { hex } from './hex.ts';
import type { ArtifactComparison } from './rebuild.ts';
import { count, printable } from './text.ts';
import { formatTime } from './time.ts';

const MAX_MEMBERS = 100;
const INDENT = '  ';

/** A comparison for people, as lines. */
export function comparisonText(comparisons: readonly ArtifactComparison[]): string {
  return comparisons.flatMap(artifactLines).join('\n').concat('\n');
}

function artifactLines({ theirs, mine, result, normalized, archive }: ArtifactComparison): string[] {
  const head = `${result.padEnd(10)}  ${printable(theirs.name)}`;
  if (result === 'same') return [head];
  return [
    head,
    `${INDENT}theirs  ${fileText(theirs)}`,
    `${INDENT}mine    ${mine === undefined ? 'not in the rebuild' : fileText(mine)}`,
    ...(normalized === undefined
      ? []
      : [
          `${INDENT}theirs, normalized  ${hex(normalized.theirs)}`,
          `${INDENT}mine, normalized    ${hex(normalized.mine)}`,
        ]),
    ...(archive === undefined ? [] : archiveLines(archive).map((line) => INDENT + line)),
  ];
}

function fileText({ size, sha256 }: Pick<Artifact, 'size' | 'sha256'>): string {
  return `${hex(sha256)}  ${count(size, 'byte')}`;
}

function archiveLines(archive: ArchiveComparison | NotComparable): string[] {
  if ('reason' in archive) return [`members are not compared: ${printable(archive.reason)}`];
  const { format, members, differences, reordered, header } = archive;
  const [theirs, mine] = members;
  const lines = [
    ...header.map((row) => `gzip header: ${row.field}  ${printable(row.theirs)} / ${printable(row.mine)}`),
    ...differences.slice(0, MAX_MEMBERS).flatMap(memberLines),
  ];
  if (differences.length > MAX_MEMBERS) {
    lines.push(`and ${count(differences.length - MAX_MEMBERS, 'member')} more, which --json lists`);
  }
  if (reordered) lines.push('the members stand in another order');
  if (lines.length === 0) lines.push(format === 'gzip' ? 'only the compression differs' : 'the members do not differ');
  return [
    format === 'gzip' ? 'gzip, theirs / mine:' : `${format}, ${count(theirs, 'member')} / ${mine}, theirs / mine:`,
    ...lines.map((line) => INDENT + line),
  ];
}

function memberLines({ path, theirs, mine, aspects }: MemberDifference): string[] {
  const shown = path === '' ? 'the content' : printable(path);
  if (theirs === undefined) return [`only mine    ${shown}  ${count(mine!.size, 'byte')}`];
  if (mine === undefined) return [`only theirs  ${shown}  ${count(theirs.size, 'byte')}`];
  return [
    `different    ${shown}`,
    ...aspects.map((aspect) => `${INDENT}${aspect}  ${aspectText(theirs, aspect)} / ${aspectText(mine, aspect)}`),
  ];
}

// Enough to tell two digests apart.
const SHORT_DIGEST = 16;

function aspectText(member: ArchiveMember, aspect: MemberAspect): string {
  switch (aspect) {
    case 'content':
      return `${count(member.size, 'byte')} ${hex(member.sha256).slice(0, SHORT_DIGEST)}`;
    case 'mode':
      return member.mode === undefined ? 'none' : member.mode.toString(8).padStart(4, '0');
    case 'mtime':
      return member.mtime === undefined ? 'none' : formatTime(member.mtime);
    default:
      return printable(member[aspect] ?? 'none');
  }
}

/** A comparison for `--json`: digests in hex. */
export function comparisonJson(comparisons: readonly ArtifactComparison[]): unknown[] {
  return comparisons.map(({ theirs, mine, result, normalized, archive }) => ({
    name: theirs.name,
    result,
    theirs: fileJson(theirs),
    ...(mine !== undefined && { mine: fileJson(mine) }),
    ...(normalized !== undefined && {
      normalized: { theirs: hex(normalized.theirs), mine: hex(normalized.mine) },
    }),
    ...(archive !== undefined && { archive: archiveJson(archive) }),
  }));
}

function fileJson({ size, sha256 }: Pick<Artifact, 'size' | 'sha256'>): Record<string, unknown> {
  return { size, sha256: hex(sha256) };
}

function archiveJson(archive: ArchiveComparison | NotComparable): Record<string, unknown> {
  if ('reason' in archive) return { reason: archive.reason };
  const { format, differences, reordered, header } = archive;
  return {
    format,
    header,
    reordered,
    members: differences.map(({ path, theirs, mine, aspects }) => ({
      path,
      aspects,
      ...(theirs !== undefined && { theirs: memberJson(theirs) }),
      ...(mine !== undefined && { mine: memberJson(mine) }),
    })),
  };
}

function memberJson({ path: _, sha256, ...member }: ArchiveMember): Record<string, unknown> {
  return { ...member, sha256: hex(sha256) };
}
