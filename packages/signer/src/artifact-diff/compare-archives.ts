import { equalBytes } from '@vitrine/core';
import { type ArchiveMember, ArchiveUnreadable } from './archive-member.ts';
import { type Archive, type ArchiveFormat, type ReadArchiveOptions, readArchive } from './read-archive.ts';

/** In what the two members of a path differ. */
export type MemberAspect = 'type' | 'content' | 'mode' | 'mtime' | 'owner' | 'target' | 'compression';

/** A member that is not the same in both archives: one side is missing, or they differ in some aspects. */
export interface MemberDifference {
  readonly path: string;
  readonly theirs?: ArchiveMember;
  readonly mine?: ArchiveMember;
  /** Of members that both have; not empty then. */
  readonly aspects: readonly MemberAspect[];
}

/** Something that an archive says about itself as a whole, and differently. */
export interface HeaderDifference {
  readonly field: string;
  readonly theirs: string;
  readonly mine: string;
}

/** What is different in two archives. */
export interface ArchiveComparison {
  readonly format: ArchiveFormat;
  /** Members of theirs, and of mine. */
  readonly members: readonly [theirs: number, mine: number];
  /** In the order of theirs, and then those that only mine has. */
  readonly differences: readonly MemberDifference[];
  /** The members that both have stand in another order. */
  readonly reordered: boolean;
  /** Of the gzip header. */
  readonly header: readonly HeaderDifference[];
}

/** Two files that cannot be compared by their members, and why not. */
export interface NotComparable {
  readonly reason: string;
}

/** How two archives are compared. */
export type CompareArchivesOptions = ReadArchiveOptions;

/**
 * Compares two zip, tar or gzip files by what is in them, to tell somebody whose rebuild differs where it does. It says
 * nothing about whether they are equal: compare their digests for that.
 *
 * @throws what the file system says; `signal.reason` once `signal` is aborted
 */
export async function compareArchives(
  theirs: string,
  mine: string,
  options: CompareArchivesOptions = {},
): Promise<ArchiveComparison | NotComparable> {
  const found: Archive[] = [];
  for (const [whose, path] of [
    ['theirs', theirs],
    ['mine', mine],
  ] as const) {
    const archive = await attempt(whose, path, options);
    if ('reason' in archive) return archive;
    found.push(archive);
  }
  const [a, b] = found as [Archive, Archive];
  if (a.format !== b.format) return { reason: `theirs is a ${a.format} file, mine a ${b.format} file` };
  return compare(a, b);
}

async function attempt(whose: string, path: string, options: ReadArchiveOptions): Promise<Archive | NotComparable> {
  try {
    return (await readArchive(path, options)) ?? { reason: `${whose} is not a zip, tar or gzip file` };
  } catch (error) {
    if (!(error instanceof ArchiveUnreadable)) throw error;
    return { reason: `${whose} cannot be read as an archive: ${error.message}` };
  }
}

function compare(theirs: Archive, mine: Archive): ArchiveComparison {
  const left = keyed(theirs.members);
  const right = keyed(mine.members);
  const differences: MemberDifference[] = [];
  for (const [key, member] of left) {
    const other = right.get(key);
    const { path } = member;
    if (other === undefined) {
      differences.push({ path, theirs: member, aspects: [] });
      continue;
    }
    const aspects = aspectsOf(member, other);
    if (aspects.length > 0) differences.push({ path, theirs: member, mine: other, aspects });
  }
  for (const [key, member] of right) {
    if (!left.has(key)) differences.push({ path: member.path, mine: member, aspects: [] });
  }
  const common = [...left.keys()].filter((key) => right.has(key));
  const commonOfMine = [...right.keys()].filter((key) => left.has(key));
  return {
    format: theirs.format,
    members: [theirs.members.length, mine.members.length],
    differences,
    reordered: common.some((key, i) => key !== commonOfMine[i]),
    header: headerDifferences(theirs, mine),
  };
}

/** Members by their path; one whose path comes again is told apart by how many came before it. */
function keyed(members: readonly ArchiveMember[]): Map<string, ArchiveMember> {
  const seen = new Map<string, number>();
  const result = new Map<string, ArchiveMember>();
  for (const member of members) {
    const before = seen.get(member.path) ?? 0;
    seen.set(member.path, before + 1);
    result.set(`${before} ${member.path}`, member);
  }
  return result;
}

function aspectsOf(a: ArchiveMember, b: ArchiveMember): MemberAspect[] {
  const same: Readonly<Record<MemberAspect, boolean>> = {
    type: a.type === b.type,
    content: a.size === b.size && equalBytes(a.sha256, b.sha256),
    mode: a.mode === b.mode,
    mtime: a.mtime === b.mtime,
    owner: a.owner === b.owner,
    target: a.target === b.target,
    compression: a.compression === b.compression,
  };
  const aspects = (Object.keys(same) as MemberAspect[]).filter((aspect) => !same[aspect]);
  // Other content is compressed to other sizes.
  return same.content ? aspects : aspects.filter((aspect) => aspect !== 'compression');
}

function headerDifferences({ gzip: theirs }: Archive, { gzip: mine }: Archive): HeaderDifference[] {
  if (theirs === undefined || mine === undefined) return [];
  return (['name', 'mtime', 'level', 'os'] as const)
    .filter((field) => theirs[field] !== mine[field])
    .map((field) => ({ field, theirs: String(theirs[field] ?? 'none'), mine: String(mine[field] ?? 'none') }));
}
