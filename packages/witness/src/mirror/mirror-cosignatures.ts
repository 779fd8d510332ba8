import {
  CoreError,
  type Cosigner,
  equalBytes,
  fitsCosignedMessage,
  formatSignatureLines,
  formatSignedNote,
  isLineOf,
  isSameLine,
  KEY_TYPE_ML_DSA_44_COSIGNATURE,
  type LineKey,
  MAX_NOTE_SIGNATURES,
  MAX_NOTE_SIZE,
  type NoteSignature,
  openNote,
  parseSignedNote,
  quote,
  type SignatureScheme,
  type VerifierKey,
  verifierOf,
} from '@vitrine/core';
import { WitnessError } from '../error.ts';

/** The keys of a mirror. */
export interface MirrorKeys {
  /** What they sign is stored, and can be had. */
  readonly keys?: readonly Cosigner[] | undefined;
  /** What they sign also has an index that was derived again. */
  readonly indexKeys?: readonly Cosigner[] | undefined;
}

/**
 * Each statement has a cosigner of its own, with its own name and keys: who says that the index is right is not the one who says
 * that the tree is stored, and neither is the log. https://c2sp.org/tlog-mirror#add-checkpoint
 *
 * @throws WitnessError `mirror-key`
 */
export function checkCosigners(logKeys: readonly VerifierKey[], { keys = [], indexKeys = [] }: MirrorKeys): void {
  const origin = logKeys[0]?.keyName ?? '';
  for (const { type } of vkeysOf({ keys, indexKeys })) {
    if (type === KEY_TYPE_ML_DSA_44_COSIGNATURE && !fitsCosignedMessage(origin)) {
      throw new WitnessError(
        'mirror-key',
        `an ML-DSA-44 cosignature has no room for an origin as long as ${quote(origin)}`,
      );
    }
  }
  const roles = [logKeys, keys.map(({ vkey }) => vkey), indexKeys.map(({ vkey }) => vkey)];
  roles.forEach((own, i) => {
    for (const key of own) {
      for (const other of roles.slice(i + 1).flat()) {
        if (key.keyName === other.keyName || equalBytes(key.publicKey, other.publicKey)) {
          throw new WitnessError(
            'mirror-key',
            `${quote(other.keyName)} stands for two: the log, the mirror and who checks the index each have keys and a name of ` +
              'their own',
          );
        }
      }
      if (own.some((other) => other !== key && equalBytes(key.publicKey, other.publicKey))) {
        throw new WitnessError('mirror-key', `one key of ${quote(key.keyName)} is there twice`);
      }
    }
  });
}

/** The public keys of both kinds. */
export function vkeysOf({ keys = [], indexKeys = [] }: MirrorKeys): VerifierKey[] {
  return [...keys, ...indexKeys].map(({ vkey }) => vkey);
}

/** The lines of a note that are by some keys. */
export function linesBy(note: Uint8Array, keys: readonly LineKey[]): NoteSignature[] {
  return parseSignedNote(note).signatures.filter((line) => isBy(line, keys));
}

/** A note with no other lines than those by some keys. @throws CoreError `note-malformed` if there are none */
export function onlyLinesBy(note: Uint8Array, keys: readonly LineKey[]): Uint8Array {
  return formatSignedNote({ text: parseSignedNote(note).text, signatures: linesBy(note, keys) });
}

/** Whether a line is among others, byte for byte. */
export const isOneOf = (line: NoteSignature, lines: readonly NoteSignature[]): boolean =>
  lines.some((other) => isSameLine(line, other));

/**
 * The lines of a note that have the name and the ID of a key and are not by it. Whoever passes signatures on that nobody has
 * verified can have such a line, from before the key was its own.
 *
 * @throws CoreError `key-type` for a key whose scheme was not passed in; `key-malformed`
 */
export function falseLines(
  note: Uint8Array,
  keys: readonly VerifierKey[],
  schemes: readonly SignatureScheme[],
): NoteSignature[] {
  const { text } = parseSignedNote(note);
  return keys.flatMap((key) => {
    const verifier = verifierOf(key, { schemes });
    return linesBy(note, [key]).filter((line) => {
      try {
        openNote({ text, signatures: [line] }, [verifier]);
        return false;
      } catch (error) {
        if (error instanceof CoreError && error.code === 'note-signature') return true;
        throw error;
      }
    });
  });
}

function isBy(line: NoteSignature, keys: readonly LineKey[]): boolean {
  return keys.some((key) => isLineOf(line, key));
}

/** What a checkpoint of a mirror is made of. */
export interface PublishedNoteParts {
  /** With the log's signatures, and no others. */
  readonly signed: Uint8Array;
  /** The mirror's own. */
  readonly own: readonly NoteSignature[];
  /** Those of others that came with the checkpoint, of whom the mirror knows nothing. They have room before earlier ones. */
  readonly others: readonly NoteSignature[];
  /** What the mirror has published before. */
  readonly before: Uint8Array | undefined;
}

/** The log's signatures, the mirror's, and those of others for the same text for which there is room, the newest of each key. */
export function publishedNote({ signed, own, others, before }: PublishedNoteParts): Uint8Array {
  const { text, signatures } = parseSignedNote(signed);
  const earlier = before === undefined ? undefined : parseSignedNote(before);
  const kept = earlier?.text === text ? earlier.signatures : [];
  const mine = [...signatures, ...own];
  // Nobody speaks for the log or for the mirror.
  const theirs = [...others, ...kept].filter((line, i, all) => {
    const first = all.findIndex((other) => isLineOf(other, line));
    return first === i && !isBy(line, mine);
  });
  let room = MAX_NOTE_SIZE - new TextEncoder().encode(`${text}\n`).length - sizeOf(mine);
  const fitting = theirs.slice(0, Math.max(0, MAX_NOTE_SIGNATURES - mine.length)).filter((line) => {
    const size = sizeOf([line]);
    if (size > room) return false;
    room -= size;
    return true;
  });
  return formatSignedNote({ text, signatures: [...mine, ...fitting] });
}

/** Bytes of lines, of which there is one at least. */
const sizeOf = (lines: readonly NoteSignature[]): number => formatSignatureLines(lines).length;
