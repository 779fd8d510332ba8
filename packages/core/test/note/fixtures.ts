import { sha256 } from '#sha256';
import { CoreError } from '../../src/error.ts';
import { mlDsa44 } from '../../src/ml-dsa.ts';
import { formatCheckpoint } from '../../src/note/checkpoint.ts';
import { cosign } from '../../src/note/cosignature.ts';
import { cosignerOf } from '../../src/note/cosigner.ts';
import { ed25519Signer } from '../../src/note/ed25519.ts';
import { type PrivateKey, privateKeyFromSeed } from '../../src/note/private-key.ts';
import type { NoteSignature } from '../../src/note/signature-line.ts';
import { addSignatures, formatSignedNote, type SignedNote, signNote } from '../../src/note/signed-note.ts';

export const RUNS = Number(process.env['FUZZ_RUNS'] ?? 300);
export const schemes = [mlDsa44];

export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
export const text = (bytes: Uint8Array): string =>
  new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** The code with which `run` was refused, or `accepted`. Anything but a CoreError passes on. */
export function codeOf(run: () => unknown): string {
  return errorOf(run)?.code ?? 'accepted';
}

export function errorOf(run: () => unknown): CoreError | undefined {
  try {
    run();
  } catch (error) {
    if (error instanceof CoreError) return error;
    throw error;
  }
  return undefined;
}

export async function codeOfAsync(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof CoreError) return error.code;
    throw error;
  }
  return 'accepted';
}

export const seedOf = (n: number): Uint8Array => new Uint8Array(32).fill(n);

export const keyOf = (keyName: string, type: number, n: number): PrivateKey =>
  privateKeyFromSeed(keyName, type, seedOf(n), { schemes });

export const ORIGIN = 'example.com/log';
export const ROOT = sha256(utf8('root'));
export const LOG = keyOf(ORIGIN, 1, 1);
export const LOG_ML_DSA = keyOf(ORIGIN, 6, 61);
export const CHECKPOINT = { origin: ORIGIN, size: 42, root: ROOT, extensions: [] };
export const CHECKPOINT_TEXT = formatCheckpoint(CHECKPOINT);
export const TIME = 1_700_000_000;

/** A checkpoint signed by the log and cosigned by others, each with its time. */
export async function checkpointNote(
  cosigners: readonly (readonly [PrivateKey, number])[],
  { log = [LOG], content = CHECKPOINT_TEXT }: { log?: readonly PrivateKey[]; content?: string } = {},
): Promise<Uint8Array> {
  const lines: NoteSignature[] = await Promise.all(
    cosigners.map(([key, time]) => cosign({ text: content, cosigner: cosignerOf(key, { schemes }), time })),
  );
  const signed: SignedNote =
    log.length > 0 ? await signNote(content, log.map(ed25519Signer)) : { text: content, signatures: [] };
  return formatSignedNote(addSignatures(signed, lines));
}

/** A line with its first signature byte changed. */
export function spoil(line: NoteSignature): NoteSignature {
  const signature = line.signature.slice();
  signature[signature.length - 1]! ^= 1;
  return { ...line, signature };
}
