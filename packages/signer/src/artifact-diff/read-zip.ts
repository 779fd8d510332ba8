import { type Entry, openPromise } from 'yauzl';
import type { ArchiveBudget, ArchiveMember, MemberType } from './archive-member.ts';
import { hashContent } from './hash-content.ts';

// Of "version made by": what the external attributes mean.
const MADE_ON_UNIX = 3;

const METHODS: ReadonlyMap<number, string> = new Map([
  [0, 'stored'],
  [8, 'deflate'],
]);

const FILE_TYPE = 0o170000;
const SYMLINK = 0o120000;
const PERMISSIONS = 0o7777;

/** The members of a zip file, in the order of its central directory. */
export async function* readZip(
  path: string,
  budget: ArchiveBudget,
  signal?: AbortSignal,
): AsyncGenerator<ArchiveMember, void, undefined> {
  // Names are only shown and compared, so one that would lead out of a directory is a name like any other.
  const zip = await openPromise(path, { decodeStrings: false, autoClose: false });
  try {
    for await (const entry of zip.eachEntry()) {
      const name = nameOf(entry);
      budget.member(name);
      // Not `true` otherwise, which yauzl 3.4.0 takes for false.
      const asItIs = entry.canDecodeFileData() ? {} : { decodeFileData: false };
      const content = await zip.openReadStreamPromise(entry, asItIs);
      const { size, sha256 } = await hashContent(content, { budget, signal });
      const unixMode = entry.versionMadeBy >> 8 === MADE_ON_UNIX ? entry.externalFileAttributes >>> 16 : undefined;
      const method = METHODS.get(entry.compressionMethod) ?? `method ${entry.compressionMethod}`;
      yield {
        path: name,
        type: typeOf(name, unixMode),
        size,
        sha256,
        ...(unixMode !== undefined && { mode: unixMode & PERMISSIONS }),
        mtime: Math.floor(entry.getLastModDate({ timezone: 'UTC' }).getTime() / 1000),
        compression: `${method}${entry.isEncrypted() ? ', encrypted' : ''}, ${entry.compressedSize} bytes`,
      };
    }
  } finally {
    zip.close();
  }
}

/** Names that are not UTF-8 are in code page 437, mostly: any text that keeps different ones apart does here. */
function nameOf({ fileName }: Entry): string {
  const bytes = Buffer.from(fileName as unknown as Uint8Array);
  const text = bytes.toString('utf8');
  return Buffer.from(text).equals(bytes) ? text : bytes.toString('latin1');
}

function typeOf(name: string, unixMode: number | undefined): MemberType {
  if (name.endsWith('/')) return 'directory';
  return unixMode !== undefined && (unixMode & FILE_TYPE) === SYMLINK ? 'symlink' : 'file';
}
