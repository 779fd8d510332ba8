import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { quote } from '@vitrine/core';
import { extract, type Header } from 'tar-stream';
import { type ArchiveBudget, type ArchiveMember, ArchiveUnreadable, type MemberType } from './archive-member.ts';
import { hashContent } from './hash-content.ts';

const PERMISSIONS = 0o7777;

const TYPES: ReadonlyMap<string, MemberType> = new Map([
  ['file', 'file'],
  ['contiguous-file', 'file'],
  ['directory', 'directory'],
  ['symlink', 'symlink'],
  ['link', 'hardlink'],
]);

/** The members of a tar file, in its order. */
export async function* readTar(
  content: AsyncIterable<Uint8Array>,
  budget: ArchiveBudget,
): AsyncGenerator<ArchiveMember, void, undefined> {
  const tar = extract();
  const fed = pipeline(Readable.from(counted(content, budget)), tar);
  // Whatever went wrong comes out of the iteration too, or is awaited below.
  fed.catch(() => {});
  for await (const entry of tar) {
    const { header } = entry;
    budget.member(header.name, header.linkname ?? undefined);
    // tar-stream 3.2.2 would never end its content.
    if (header.type === 'directory' && header.size !== 0) {
      throw new ArchiveUnreadable(`its directory ${quote(header.name)} has a size`);
    }
    yield memberOf(header, await hashContent(entry as AsyncIterable<Uint8Array>));
  }
  await fed;
}

/** Headers count too: they are bytes that somebody has to expand. */
async function* counted(
  content: AsyncIterable<Uint8Array>,
  budget: ArchiveBudget,
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const chunk of content) {
    budget.bytes(chunk.length);
    yield chunk;
  }
}

function memberOf(header: Header, content: Pick<ArchiveMember, 'size' | 'sha256'>): ArchiveMember {
  const { name, type, mode, mtime, uid, gid, uname, gname, linkname } = header;
  return {
    path: name,
    type: TYPES.get(type ?? '') ?? 'other',
    ...content,
    ...(mode !== undefined && { mode: mode & PERMISSIONS }),
    ...(mtime !== undefined && { mtime: secondsOf(header.pax, mtime) }),
    owner: `${uid ?? 0}:${gid ?? 0}${uname || gname ? ` (${uname ?? ''}:${gname ?? ''})` : ''}`,
    ...(linkname && { target: linkname }),
  };
}

/** An extended header has fractions of a second. */
function secondsOf(extended: unknown, mtime: Date): number {
  const seconds = Number.parseFloat((extended as { mtime?: string } | undefined)?.mtime ?? '');
  return Number.isFinite(seconds) ? seconds : mtime.getTime() / 1000;
}
