/** What a gzip file says before its content. https://www.rfc-editor.org/rfc/rfc1952#section-2.3.1 */
export interface GzipHeader {
  /** Seconds since the Epoch, 0 for none. */
  readonly mtime: number;
  /** XFL: how hard the compressor tried. */
  readonly level: number;
  /** OS: where it ran. */
  readonly os: number;
  /** The name that the file had, if there is one. */
  readonly name?: string;
}

const FIXED_SIZE = 10;
const FLAG_EXTRA = 4;
const FLAG_NAME = 8;

/** How much of a file its header can take, as far as it is read here. */
export const MAX_GZIP_HEADER_SIZE = 70_000;

/** The header at the start of a gzip file; undefined if it is cut off. */
export function parseGzipHeader(bytes: Uint8Array): GzipHeader | undefined {
  if (bytes.length < FIXED_SIZE) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const flags = bytes[3]!;
  let at = FIXED_SIZE;
  if ((flags & FLAG_EXTRA) !== 0) {
    if (bytes.length < at + 2) return undefined;
    at += 2 + view.getUint16(at, true);
  }
  const fixed = { mtime: view.getUint32(4, true), level: bytes[8]!, os: bytes[9]! };
  if ((flags & FLAG_NAME) === 0) return fixed;
  const end = bytes.indexOf(0, at);
  if (end < 0) return undefined;
  return { ...fixed, name: Buffer.from(bytes.subarray(at, end)).toString('latin1') };
}
