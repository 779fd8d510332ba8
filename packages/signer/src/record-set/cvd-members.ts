import type { FileHandle } from 'node:fs/promises';
import { PassThrough } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { quote } from '@vitrine/core';
import { extract, type Header } from 'tar-stream';
import { SignerError } from '../error.ts';
import type { LineSource } from './record-lines.ts';
import { openRegular } from './regular-file.ts';

// https://docs.clamav.net/manual/Signatures.html: a header of 512 bytes, fields between colons, filled up with spaces;
// then a tar file, compressed in a CVD or CUD.
const HEADER_SIZE = 512;
const HEADER_START = 'ClamAV-VDB:';
const GZIP_MAGIC: readonly number[] = [0x1f, 0x8b];

// ClamAV writes headers of the time before ustar. The option is not in tar-stream's types.
const TAR_OPTIONS: object = { allowUnknownFormat: true };

const BLOCK_SIZE = 512;

/** A header, and where its content begins in the tar file, which is not in tar-stream's types. */
type PlacedHeader = Header & { readonly byteOffset: number };

/** What is in a container besides its databases: the licence, and the digests of the other members. */
const isNoDatabase = (name: string): boolean => name === 'COPYING' || name.endsWith('.info');

/**
 * The databases in a ClamAV container (.cvd, .cud, .cld). Each must be read before the next one is asked for. Nothing is
 * written, and memory does not grow with what the container expands to.
 *
 * The signature in the header is not looked at. An uncompressed container that ends between two members is whole: the
 * format has no mark of its end.
 *
 * Its members stand one behind the other, so that there is none that ClamAV does not come to.
 *
 * @throws SignerError `records-malformed` if the file is no such container, is cut off or damaged
 */
export async function* cvdMembers(path: string): AsyncGenerator<LineSource, void, undefined> {
  await using file = await openRegular(path, { follow: true });
  const isCompressed = await readHeader(file, path);
  const tar = extract(TAR_OPTIONS);
  const fed = pipeline(
    file.createReadStream({ start: HEADER_SIZE, autoClose: false }),
    isCompressed ? createGunzip() : new PassThrough(),
    tar,
  );
  // What goes wrong comes out of the iteration as well.
  fed.catch(() => {});
  let members = 0;
  let end = 0;
  try {
    for await (const entry of tar) {
      const { name, type, size = 0, byteOffset } = entry.header as PlacedHeader;
      if (type !== 'file') throw malformed(path, `its member ${quote(name)} is not a regular file`);
      // ClamAV reads no extended headers, and nothing behind a block of zeros or a name that is empty, and refuses slashes.
      if (!/^[^/]+$/.test(name)) throw malformed(path, `its member ${quote(name)} is not a plain name`);
      if (byteOffset !== end + BLOCK_SIZE) throw malformed(path, `something stands before its member ${quote(name)}`);
      end = byteOffset + Math.ceil(size / BLOCK_SIZE) * BLOCK_SIZE;
      members++;
      if (isNoDatabase(name)) entry.resume();
      else yield { name: `${path}: ${quote(name)}`, chunks: readable(entry as AsyncIterable<Uint8Array>, path) };
    }
    await fed;
  } catch (error) {
    throw translated(error, path);
  } finally {
    // The file may only be closed when nothing reads it.
    await fed.catch(() => {});
  }
  if (members === 0) throw malformed(path, 'it has no members');
}

/** @returns whether the rest is compressed */
async function readHeader(file: FileHandle, path: string): Promise<boolean> {
  const head = Buffer.alloc(HEADER_SIZE + GZIP_MAGIC.length);
  const { bytesRead } = await file.read(head, 0, head.length, 0);
  if (bytesRead < head.length || !head.toString('latin1').startsWith(HEADER_START)) {
    throw malformed(path, `it does not begin with a header of ${HEADER_SIZE} bytes that says ${HEADER_START}`);
  }
  return GZIP_MAGIC.every((byte, i) => head[HEADER_SIZE + i] === byte);
}

async function* readable(entry: AsyncIterable<Uint8Array>, path: string): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* entry;
  } catch (error) {
    throw translated(error, path);
  }
}

/** What the disk says stays as it is; what zlib and tar-stream say is about the container. */
function translated(error: unknown, path: string): unknown {
  if (error instanceof SignerError || (error instanceof Error && 'syscall' in error)) return error;
  return malformed(path, error instanceof Error ? error.message : 'it is damaged', error);
}

function malformed(path: string, why: string, cause?: unknown): SignerError {
  return new SignerError('records-malformed', `${path} is no ClamAV container: ${why}`, { cause });
}
