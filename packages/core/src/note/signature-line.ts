import { formatBase64, parseBase64 } from '../bytes/base64.ts';
import { equalBytes } from '../bytes/equal.ts';
import { CoreError } from '../error.ts';
import { isKeyName, KEY_NAME_RULE } from './key-name.ts';
import { reading } from './reading.ts';
import { decodeUtf8, encodeUtf8 } from './text.ts';

/** Largest note and largest list of signature lines, in bytes. Sixteen post-quantum signatures take less than 100 KiB. */
export const MAX_NOTE_SIZE: number = 1 << 20;

/** Most signature lines of one note. The specification demands at least 16. https://c2sp.org/signed-note#format */
export const MAX_NOTE_SIGNATURES = 64;

/** One signature line of a note. Nothing is known about the signature until it is verified. */
export interface NoteSignature {
  readonly keyName: string;
  /** The four-byte key ID as an unsigned integer. */
  readonly keyId: number;
  /** What follows the key ID: at least one byte. */
  readonly signature: Uint8Array;
}

const PREFIX = '\u2014 ';
const KEY_ID_SIZE = 4;

export const malformedNote = (message: string, cause?: unknown): CoreError =>
  new CoreError('note-malformed', message, { cause });

/** @throws CoreError `note-too-large` beyond {@link MAX_NOTE_SIZE} */
export function checkNoteSize(size: number): void {
  if (size > MAX_NOTE_SIZE) {
    throw new CoreError('note-too-large', `a note has at most ${MAX_NOTE_SIZE} bytes, found ${size}`);
  }
}

function parseLine(line: string): NoteSignature {
  const [keyName, base64, ...rest] = line.slice(PREFIX.length).split(' ');
  if (!line.startsWith(PREFIX) || keyName === undefined || base64 === undefined || rest.length > 0) {
    throw malformedNote(
      'a signature line is an em dash, the key name and the base64 signature, with one space between',
    );
  }
  if (!isKeyName(keyName)) throw malformedNote(KEY_NAME_RULE);
  const bytes = reading(malformedNote, () => parseBase64(base64, 'a signature'));
  if (bytes.length <= KEY_ID_SIZE)
    throw malformedNote(`a signature has more than the ${KEY_ID_SIZE} bytes of a key ID`);
  return {
    keyName,
    keyId: new DataView(bytes.buffer, bytes.byteOffset).getUint32(0),
    signature: new Uint8Array(bytes.subarray(KEY_ID_SIZE)),
  };
}

function formatLine({ keyName, keyId, signature }: NoteSignature): string {
  if (!isKeyName(keyName)) throw malformedNote(KEY_NAME_RULE);
  if (!Number.isInteger(keyId) || keyId < 0 || keyId > 0xffffffff) {
    throw malformedNote('a key ID is an unsigned 32-bit integer');
  }
  if (signature.length === 0) throw malformedNote('a signature is empty');
  const bytes = new Uint8Array(KEY_ID_SIZE + signature.length);
  new DataView(bytes.buffer).setUint32(0, keyId);
  bytes.set(signature, KEY_ID_SIZE);
  return `${PREFIX}${keyName} ${formatBase64(bytes)}\n`;
}

function checkCount(count: number): void {
  if (count === 0) throw malformedNote('there is no signature line');
  if (count > MAX_NOTE_SIGNATURES) throw malformedNote(`a note has at most ${MAX_NOTE_SIGNATURES} signature lines`);
}

/** Signature lines that are already text; {@link parseSignatureLines} for those that are bytes. */
export function readSignatureLines(text: string): NoteSignature[] {
  if (!text.endsWith('\n')) throw malformedNote('the last signature line does not end in a newline');
  const lines = text.slice(0, -1).split('\n', MAX_NOTE_SIGNATURES + 1);
  checkCount(lines.length);
  return lines.map(parseLine);
}

/** As {@link formatSignatureLines}, to text. */
export function writeSignatureLines(signatures: readonly NoteSignature[]): string {
  checkCount(signatures.length);
  return signatures.map(formatLine).join('');
}

/**
 * Reads signature lines without a note: a witness's answer. Unverified.
 * https://c2sp.org/tlog-witness#add-checkpoint
 *
 * @throws CoreError `note-too-large` beyond {@link MAX_NOTE_SIZE}, `note-malformed`
 */
export function parseSignatureLines(bytes: Uint8Array): NoteSignature[] {
  checkNoteSize(bytes.length);
  const text = decodeUtf8(bytes);
  if (text === undefined) throw malformedNote('signature lines are UTF-8');
  return readSignatureLines(text);
}

/**
 * Writes signature lines without a note, 1 to {@link MAX_NOTE_SIGNATURES} of them.
 *
 * @throws CoreError `note-too-large` beyond {@link MAX_NOTE_SIZE}, `note-malformed`
 */
export function formatSignatureLines(signatures: readonly NoteSignature[]): Uint8Array {
  const bytes = encodeUtf8(writeSignatureLines(signatures));
  checkNoteSize(bytes.length);
  return bytes;
}

/** A key as signature lines name it. */
export type LineKey = Pick<NoteSignature, 'keyName' | 'keyId'>;

/** Whether a line has the name and the ID of a key, which says nothing of whether it is by it. */
export function isLineOf(line: LineKey, { keyName, keyId }: LineKey): boolean {
  return line.keyName === keyName && line.keyId === keyId;
}

/** Whether two lines are the same, byte for byte. */
export function isSameLine(a: NoteSignature, b: NoteSignature): boolean {
  return isLineOf(a, b) && equalBytes(a.signature, b.signature);
}
