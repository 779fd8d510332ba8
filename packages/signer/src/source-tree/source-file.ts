import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js';
import { displayOctets, MAX_ENTRY_SIZE, parseDecimal } from '@vitrine/core';
import { SignerError } from '../error.ts';

/** Bytes in the salt of a line of a confidential tree. */
export const SALT_SIZE = 16;

const DIGEST_SIZE = 32;
const SLASH = 0x2f;
const MODES: ReadonlySet<string> = new Set(['100644', '100755', '120000']);

// Mode, digest and the longest decimal number that is a safe integer, each with the space behind it.
const MAX_HEADER = 6 + 1 + 64 + 1 + 16 + 1;
const HEADER = /^(100644|100755|120000) ([0-9a-f]{64}) ([0-9]+) /;
const SALT = /^ ([0-9a-f]{32})$/;
const SALT_SUFFIX = 1 + 2 * SALT_SIZE;

/** Git's mode of a file: a file, a file that its owner may execute, a symbolic link. */
export type SourceMode = '100644' | '100755' | '120000';

/** A file of a source tree. */
export interface SourceFile {
  readonly mode: SourceMode;
  /** Of the content, 32 bytes. The content of a symbolic link is where it leads, as it says it. */
  readonly sha256: Uint8Array;
  /** Of the content, in bytes. */
  readonly size: number;
  /** From the top of the tree, names separated by `/`. Names are bytes and need not be text. */
  readonly path: Uint8Array;
  /** 16 bytes, there exactly if the tree is confidential. */
  readonly salt?: Uint8Array;
}

/** The path of a source file for people: as text where it is valid and visible, otherwise with `\xNN` escapes. */
export function displayPath(path: Uint8Array): string {
  const shown = displayOctets(octetsOf(path.subarray(0, MAX_SHOWN)));
  return path.length > MAX_SHOWN ? `${shown}…` : shown;
}

const MAX_SHOWN = 512;

/**
 * The line that stands for a file in its tree: `<git mode> <SHA-256 in hex> <size> <path>` and, if it has a salt, a space
 * and the salt in hex. Without a newline: a line is one leaf, and a path may contain newlines.
 *
 * @throws SignerError `source-unrepresentable` for a path that no file can have in a tree, or that makes a line of more
 * than 65,535 bytes; RangeError for another value that breaks its rule
 */
export function formatSourceLine({ mode, sha256, size, path, salt }: SourceFile): Uint8Array {
  if (!MODES.has(mode)) throw new RangeError(`mode must be 100644, 100755 or 120000, found ${mode}`);
  if (sha256.length !== DIGEST_SIZE) throw new RangeError('sha256 must have 32 bytes');
  if (!Number.isSafeInteger(size) || size < 0) throw new RangeError('size must be an integer from 0 to 2^53 - 1');
  if (salt !== undefined && salt.length !== SALT_SIZE) throw new RangeError(`salt must have ${SALT_SIZE} bytes`);
  const refusal = refusalOfPath(path);
  if (refusal !== undefined) throw unrepresentable(path, refusal);

  const header = asciiBytes(`${mode} ${bytesToHex(sha256)} ${size} `);
  const end = asciiBytes(salt === undefined ? '' : ` ${bytesToHex(salt)}`);
  const length = header.length + path.length + end.length;
  if (length > MAX_ENTRY_SIZE) {
    throw unrepresentable(path, `its line would have ${length} bytes, and at most ${MAX_ENTRY_SIZE} are possible`);
  }
  const line = new Uint8Array(length);
  line.set(header);
  line.set(path, header.length);
  line.set(end, header.length + path.length);
  return line;
}

/**
 * Reads what {@link formatSourceLine} writes, and nothing else.
 *
 * Nothing in a line says whether its end is a salt or a part of the path. The tree's summary does: `salted` has to come
 * from there.
 *
 * @throws SignerError `statement-proof-malformed`
 */
export function parseSourceLine(line: Uint8Array, { salted }: { readonly salted: boolean }): SourceFile {
  if (line.length > MAX_ENTRY_SIZE) {
    throw malformed(`has ${line.length} bytes, and at most ${MAX_ENTRY_SIZE} are possible`);
  }
  const header = HEADER.exec(octetsOf(line.subarray(0, MAX_HEADER)));
  if (header === null) throw malformed('does not begin with a git mode, a SHA-256 and a size');
  const [{ length: start }, mode, digest, digits] = header as unknown as [string, SourceMode, string, string];

  let end = line.length;
  let salt: string | undefined;
  if (salted) {
    end -= SALT_SUFFIX;
    salt = end > start ? SALT.exec(octetsOf(line.subarray(end)))?.[1] : undefined;
    if (salt === undefined) throw malformed('does not end with a salt, and its tree is salted');
  }
  const path = new Uint8Array(line.subarray(start, end));
  const refusal = refusalOfPath(path);
  if (refusal !== undefined) throw malformed(`names a path that no file has: ${displayPath(path)}: ${refusal}`);
  return {
    mode,
    sha256: hexToBytes(digest),
    size: parseSize(digits),
    path,
    ...(salt !== undefined && { salt: hexToBytes(salt) }),
  };
}

/** An error about a path that cannot be in a source tree. */
export function unrepresentable(path: Uint8Array, why: string): SignerError {
  return new SignerError('source-unrepresentable', `${displayPath(path)} cannot be in a source tree: ${why}`);
}

/** Why no file of a source tree has this path; undefined if one can. */
function refusalOfPath(path: Uint8Array): string | undefined {
  if (path.includes(0)) return 'it contains a zero byte';
  for (let start = 0; start <= path.length; ) {
    const slash = path.indexOf(SLASH, start);
    const end = slash === -1 ? path.length : slash;
    if (end === start) return 'it has an empty name in it';
    // Longer names are left as they are.
    const name = end - start <= 4 ? octetsOf(path.subarray(start, end)) : '';
    if (name === '.' || name === '..' || name === '.git') return `it has the name ${name} in it`;
    start = end + 1;
  }
  return undefined;
}

function parseSize(digits: string): number {
  try {
    return parseDecimal(digits, 'the size');
  } catch (error) {
    throw malformed('has a size that is no number', error);
  }
}

function malformed(what: string, cause?: unknown): SignerError {
  return new SignerError('statement-proof-malformed', `the line of a source file ${what}`, { cause });
}

const encoder = new TextEncoder();
const asciiBytes = (text: string): Uint8Array => encoder.encode(text);

/** Octets as a string with one character for each. */
const octetsOf = (bytes: Uint8Array): string => String.fromCharCode(...bytes);
