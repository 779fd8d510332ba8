import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js';
import { CoreError, compareText, parseDecimal } from '@vitrine/core';
import { SignerError } from '../error.ts';
import type { Artifact } from './payload.ts';

/** Largest manifest, in bytes. */
export const MAX_MANIFEST_SIZE: number = 64 * 1024 * 1024;

const LINE = /^([0-9a-f]{64}) (0|[1-9][0-9]*) (.+)$/s;
const NAME = /^[^/\\\p{Cc}]+(?:\/[^/\\\p{Cc}]+)*$/u;

/**
 * A manifest of a release: a line `<sha256> <size> <name>` for each file, in the order of the bytes of their names. Names of
 * files in directories are paths.
 */
export function formatManifest(artifacts: readonly Artifact[]): Uint8Array {
  const lines = artifacts.map(({ name, size, sha256 }) => `${bytesToHex(sha256)} ${size} ${name}\n`);
  return new TextEncoder().encode(lines.join(''));
}

/**
 * Reads what {@link formatManifest} writes of files in the order of the bytes of their names, and nothing else. No name leads
 * out of the directory that it is looked for in.
 *
 * @param shown names the manifest in errors
 * @throws SignerError `manifest-malformed`
 */
export function parseManifest(bytes: Uint8Array, shown: string): Artifact[] {
  const text = textOf(bytes, shown);
  if (!text.endsWith('\n')) throw malformed(shown, 'does not end with a newline');
  const artifacts = text
    .slice(0, -1)
    .split('\n')
    .map((line, i) => parseLine(line, `${shown}: line ${i + 1}`));
  for (const [i, { name }] of artifacts.entries()) {
    if (i > 0 && compareText(artifacts[i - 1]!.name, name) >= 0) {
      throw malformed(`${shown}: line ${i + 1}`, 'is out of order, or names a file again');
    }
  }
  return artifacts;
}

function textOf(bytes: Uint8Array, shown: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new SignerError('manifest-malformed', `${shown} is not UTF-8`, { cause });
  }
}

function parseLine(line: string, where: string): Artifact {
  const [, digest, size, name] = LINE.exec(line) ?? [];
  if (digest === undefined || size === undefined || name === undefined) {
    throw malformed(where, 'is not "<sha256> <size> <name>"');
  }
  if (!NAME.test(name) || name.split('/').some((part) => part === '.' || part === '..')) {
    throw malformed(where, 'has a name that is not one of a file below a directory');
  }
  return { name, size: parseSize(size, where), sha256: hexToBytes(digest) };
}

function parseSize(digits: string, where: string): number {
  try {
    return parseDecimal(digits, 'the size');
  } catch (error) {
    if (error instanceof CoreError) throw malformed(where, 'has a size beyond 2^53 - 1');
    throw error;
  }
}

function malformed(where: string, what: string): SignerError {
  return new SignerError('manifest-malformed', `${where} ${what}`);
}
