import { join } from 'node:path';
import {
  CoreError,
  cosignatureTime,
  isLineOf,
  KEY_TYPE_ED25519,
  loadSchemes,
  type NoteSignature,
  openCheckpoint,
  type VerifierKey,
} from '@vitrine/core';
import { makeDirectoryDurably, removeUnfinishedFiles, writeFileDurably } from '@vitrine/core/log';
import { WitnessError } from '../error.ts';
import { originHash } from './origin-hash.ts';
import { attempt, readIfThere } from './state-directory.ts';

/** A line of a key whose type is known. */
export interface TypedLine extends NoteSignature {
  readonly type: number;
}

/** A checkpoint with the cosignatures that a witness returned for it. */
export interface CosignedNote {
  /** The signed note: the log's signatures, then the cosignatures. */
  readonly note: Uint8Array;
  readonly text: string;
  readonly size: number;
  /** One line of each key of the log that signed it. */
  readonly logSignatures: readonly TypedLine[];
  /** The newest line of each of the witness's keys of today. */
  readonly cosignatures: readonly TypedLine[];
  /** The greatest time in them, in seconds since the Epoch: 0 if there are none. */
  readonly time: number;
}

/** The keys that a cosigned note is verified with. */
export interface CosignedNoteKeys {
  readonly origin: string;
  readonly logKeys: readonly VerifierKey[];
  /** The witness's own. */
  readonly cosigners: readonly VerifierKey[];
}

/** The monitoring prefix of a witness, as a directory: https://c2sp.org/tlog-witness#monitor-retrieval-mechanism */
const MONITORING = 'monitoring';
const CHECKPOINT = 'checkpoint';

/** Where the cosigned note of a log is in a state's directory. */
export function cosignedNotePath(stateDirectory: string, hash: string): string {
  return join(stateDirectory, MONITORING, hash, CHECKPOINT);
}

/**
 * Verifies a cosigned note: its log's signature, and those of the witness's keys of today. Lines of keys that the witness had
 * earlier are passed over.
 *
 * @throws CoreError as `openCheckpoint`
 */
export async function openCosignedNote(
  bytes: Uint8Array,
  { origin, logKeys, cosigners }: CosignedNoteKeys,
): Promise<CosignedNote> {
  const schemes = await loadSchemes([...logKeys, ...cosigners].map(({ type }) => type));
  const { note, checkpoint } = openCheckpoint(bytes, { origin, keys: logKeys, cosigners, schemes });
  const lines = note.verified.map(({ verifier: { keyName, keyId, type }, signatures }): TypedLine => {
    // The log's own have a time too if they are of type 0x06.
    const signature = type === KEY_TYPE_ED25519 ? signatures[0]! : newestOf(signatures);
    return { keyName, keyId, type, signature };
  });
  const isOwn = (line: TypedLine): boolean => cosigners.some((key) => isLineOf(line, key));
  const cosignatures = lines.filter(isOwn);
  const logSignatures = lines.filter((line) => !isOwn(line));
  const time = Math.max(0, ...cosignatures.map(({ signature }) => cosignatureTime(signature)));
  return { note: bytes, text: note.text, size: checkpoint.size, logSignatures, cosignatures, time };
}

const newestOf = (signatures: readonly Uint8Array[]): Uint8Array =>
  signatures.reduce((a, b) => (cosignatureTime(b) > cosignatureTime(a) ? b : a));

/** Whether there is a cosigned note of a log, be it valid or not. @throws WitnessError `state-io` */
export async function hasCosignedNote(stateDirectory: string, origin: string): Promise<boolean> {
  const path = cosignedNotePath(stateDirectory, originHash(origin));
  return (await attempt(path, () => readIfThere(path))) !== undefined;
}

/** Reads the cosigned note of a log; undefined if there is none. @throws WitnessError `state-corrupt`, `state-io` */
export async function readCosignedNote(
  stateDirectory: string,
  keys: CosignedNoteKeys,
): Promise<CosignedNote | undefined> {
  const path = cosignedNotePath(stateDirectory, originHash(keys.origin));
  const bytes = await attempt(path, () => readIfThere(path));
  if (bytes === undefined) return undefined;
  try {
    return await openCosignedNote(bytes, keys);
  } catch (cause) {
    if (!(cause instanceof CoreError)) throw cause;
    throw new WitnessError('state-corrupt', `${path}: ${cause.message}`, { cause });
  }
}

/** Puts the cosigned note of a log in the place of the one before. Once this resolves it survives a power cut. */
export async function writeCosignedNote(stateDirectory: string, origin: string, note: Uint8Array): Promise<void> {
  const path = cosignedNotePath(stateDirectory, originHash(origin));
  await attempt(path, async () => {
    const directory = join(path, '..');
    await makeDirectoryDurably(directory);
    await removeUnfinishedFiles(directory);
    await writeFileDurably(path, note);
  });
}
