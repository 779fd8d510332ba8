import { open } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import {
  ARCHIVE_LIMITS,
  ArchiveBudget,
  type ArchiveLimits,
  type ArchiveMember,
  ArchiveUnreadable,
} from './archive-member.ts';
import { type GzipHeader, MAX_GZIP_HEADER_SIZE, parseGzipHeader } from './gzip-header.ts';
import { hashContent } from './hash-content.ts';
import { readTar } from './read-tar.ts';
import { readZip } from './read-zip.ts';

/** The kinds of files whose members can be compared. `gzip`: anything other than a tar file, compressed. */
export type ArchiveFormat = 'zip' | 'tar' | 'tar.gz' | 'gzip';

/** How an archive is read. */
export interface ReadArchiveOptions {
  readonly limits?: ArchiveLimits;
  readonly signal?: AbortSignal;
}

/** What is in an archive. */
export interface Archive {
  readonly format: ArchiveFormat;
  /** In its order. A `gzip` file has one, whose path is empty. */
  readonly members: readonly ArchiveMember[];
  /** Of `tar.gz` and `gzip`. */
  readonly gzip?: GzipHeader;
}

const TAR_BLOCK = 512;
const TAR_MAGIC_OFFSET = 257;

const isZip = (head: Buffer): boolean => /^PK(?:\x03\x04|\x05\x06)/.test(head.toString('latin1', 0, 4));
const isGzip = (head: Buffer): boolean => head[0] === 0x1f && head[1] === 0x8b;
const isTar = (head: Buffer): boolean =>
  head.length >= TAR_BLOCK && head.toString('latin1', TAR_MAGIC_OFFSET, TAR_MAGIC_OFFSET + 5) === 'ustar';

/**
 * Reads a zip, tar or gzip file, which its first bytes tell, and hashes what is in it. Memory is for the list of members
 * only; nothing is written.
 *
 * @returns undefined for any other file
 * @throws ArchiveUnreadable if it is damaged, or beyond the limits
 */
export async function readArchive(
  path: string,
  { limits = ARCHIVE_LIMITS, signal }: ReadArchiveOptions = {},
): Promise<Archive | undefined> {
  const head = await readHead(path);
  const budget = new ArchiveBudget(limits);
  if (isZip(head)) return { format: 'zip', members: await collect(readZip(path, budget, signal), signal) };
  if (isTar(head)) return { format: 'tar', members: await collect(readTar(fileChunks(path, signal), budget), signal) };
  if (!isGzip(head)) return undefined;
  const header = parseGzipHeader(head);
  const gzip = header && { gzip: header };
  try {
    const { start, all } = await peek(gunzipped(path, signal), TAR_BLOCK);
    if (isTar(start)) return { format: 'tar.gz', members: await collect(readTar(all, budget), signal), ...gzip };
    const only: ArchiveMember = { path: '', type: 'file', ...(await hashContent(all, { budget })) };
    return { format: 'gzip', members: [only], ...gzip };
  } catch (error) {
    throw unreadable(error, signal);
  }
}

async function readHead(path: string): Promise<Buffer> {
  await using file = await open(path, 'r');
  const { bytesRead, buffer } = await file.read(Buffer.alloc(MAX_GZIP_HEADER_SIZE), 0, MAX_GZIP_HEADER_SIZE, 0);
  return buffer.subarray(0, bytesRead);
}

const CHUNK_SIZE = 1 << 16;

async function* fileChunks(path: string, signal?: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
  await using file = await open(path, 'r');
  for (;;) {
    signal?.throwIfAborted();
    // A new buffer each time: the last one may not have been looked at yet.
    const { bytesRead, buffer } = await file.read(Buffer.alloc(CHUNK_SIZE), 0, CHUNK_SIZE);
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
  }
}

async function* gunzipped(path: string, signal?: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
  const gunzip = createGunzip();
  const fed = pipeline(fileChunks(path, signal), gunzip);
  // What it fails with, the iteration fails with too.
  fed.catch(() => {});
  yield* gunzip as AsyncIterable<Uint8Array>;
}

async function collect(members: AsyncIterable<ArchiveMember>, signal?: AbortSignal): Promise<ArchiveMember[]> {
  const all: ArchiveMember[] = [];
  try {
    for await (const member of members) {
      signal?.throwIfAborted();
      all.push(member);
    }
  } catch (error) {
    throw unreadable(error, signal);
  }
  return all;
}

function unreadable(error: unknown, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted || error instanceof ArchiveUnreadable || !(error instanceof Error)) return error;
  // A failing disk is not the archive's fault.
  if ('syscall' in error) return error;
  return new ArchiveUnreadable(error.message, { cause: error });
}

/** The first bytes of a stream, and the whole of it. */
async function peek(
  content: AsyncIterable<Uint8Array>,
  size: number,
): Promise<{ start: Buffer; all: AsyncIterable<Uint8Array> }> {
  const iterator = content[Symbol.asyncIterator]();
  const chunks: Uint8Array[] = [];
  let length = 0;
  while (length < size) {
    const { value, done } = await iterator.next();
    if (done) break;
    chunks.push(value);
    length += value.length;
  }
  async function* all(): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      yield* chunks;
      for (let next = await iterator.next(); !next.done; next = await iterator.next()) yield next.value;
    } finally {
      await iterator.return?.();
    }
  }
  return { start: Buffer.concat(chunks), all: all() };
}
