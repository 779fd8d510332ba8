import { formatBase64, parseBase64 } from '../bytes/base64.ts';
import { CoreError, ProofError } from '../error.ts';
import { HASH_SIZE } from '../tree/hash.ts';
import { MAX_PROOF_LENGTH } from '../tree/proof.ts';
import { readCheckpoint } from './checkpoint.ts';
import { reading } from './reading.ts';
import { parseSignedNote } from './signed-note.ts';
import { decodeUtf8, encodeUtf8 } from './text.ts';

/** What tlog-proof files and add-checkpoint requests have in common: lines, an empty line, a checkpoint. */
export interface ProofFile {
  /** Each without its newline; none is empty. */
  readonly lines: readonly string[];
  /** The signed note, unverified. */
  readonly checkpoint: Uint8Array;
}

const NEWLINE = 0x0a;

export const malformedProof = (message: string, cause?: unknown): ProofError =>
  new ProofError('proof-malformed', message, { cause });

function checkNote(bytes: Uint8Array): void {
  try {
    readCheckpoint(parseSignedNote(bytes).text);
  } catch (error) {
    throw error instanceof CoreError ? malformedProof(`the checkpoint: ${error.message}`, error) : error;
  }
}

/** Where the first two newlines in a row begin, or -1. */
function firstEmptyLine(bytes: Uint8Array): number {
  let at = bytes.indexOf(NEWLINE);
  while (at >= 0 && bytes[at + 1] !== NEWLINE) at = bytes.indexOf(NEWLINE, at + 1);
  return at;
}

/**
 * @param maxSize in bytes, checked before anything else
 * @throws ProofError `proof-malformed`
 */
export function readProofFile(bytes: Uint8Array, maxSize: number): ProofFile {
  if (bytes.length > maxSize) throw malformedProof(`at most ${maxSize} bytes, found ${bytes.length}`);
  const end = firstEmptyLine(bytes);
  if (end < 0) throw malformedProof('no empty line comes before the checkpoint');
  const head = decodeUtf8(bytes.subarray(0, end));
  if (head === undefined) throw malformedProof('the lines before the checkpoint are not UTF-8');
  const checkpoint = new Uint8Array(bytes.subarray(end + 2));
  checkNote(checkpoint);
  return { lines: head.split('\n'), checkpoint };
}

/** @throws ProofError `proof-malformed` */
export function writeProofFile({ lines, checkpoint }: ProofFile): Uint8Array {
  checkNote(checkpoint);
  const head = encodeUtf8(`${lines.join('\n')}\n\n`);
  const bytes = new Uint8Array(head.length + checkpoint.length);
  bytes.set(head);
  bytes.set(checkpoint, head.length);
  return bytes;
}

/** What follows `<keyword> ` on a line. @throws ProofError `proof-malformed` */
export function readKeyword(line: string | undefined, keyword: string): string {
  if (!line?.startsWith(`${keyword} `)) throw malformedProof(`expected a line "${keyword} ..."`);
  return line.slice(keyword.length + 1);
}

/** @throws ProofError `proof-length` for more than `MAX_PROOF_LENGTH` hashes, `proof-malformed` */
export function readHashes(lines: readonly string[]): Uint8Array[] {
  checkLength(lines.length);
  return lines.map((line) => checkHash(reading(malformedProof, () => parseBase64(line, 'a proof hash'))));
}

/** @throws ProofError `proof-length` for more than `MAX_PROOF_LENGTH` hashes, `proof-malformed` */
export function writeHashes(hashes: readonly Uint8Array[]): string[] {
  checkLength(hashes.length);
  return hashes.map((hash) => formatBase64(checkHash(hash)));
}

function checkLength(length: number): void {
  if (length > MAX_PROOF_LENGTH) {
    throw new ProofError('proof-length', `a proof has at most ${MAX_PROOF_LENGTH} hashes, found ${length}`);
  }
}

function checkHash(hash: Uint8Array): Uint8Array {
  if (hash.length !== HASH_SIZE) throw malformedProof(`a proof hash is ${HASH_SIZE} bytes, found ${hash.length}`);
  return hash;
}
