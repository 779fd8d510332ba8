import { FaultStore, MemoryDisk, MemoryStore, ReferenceTree } from '@vitrine/testkit';
import { expect } from 'vitest';
import { CoreError } from '../../src/error.ts';
import { type CreateOptions, Log, type OpenOptions } from '../../src/log/log.ts';
import type { LogReading } from '../../src/log/log-reading.ts';
import { cosign } from '../../src/note/cosignature.ts';
import { cosignerOf } from '../../src/note/cosigner.ts';
import { ed25519Signer } from '../../src/note/ed25519.ts';
import { KEY_TYPE_ED25519, KEY_TYPE_ED25519_COSIGNATURE } from '../../src/note/key-type.ts';
import { openCheckpoint } from '../../src/note/open-checkpoint.ts';
import { privateKeyFromSeed } from '../../src/note/private-key.ts';
import { addSignatures, formatSignedNote, parseSignedNote } from '../../src/note/signed-note.ts';
import { formatVkey } from '../../src/note/vkey.ts';

export const ORIGIN = 'log.example/test';
export const KEY = privateKeyFromSeed(ORIGIN, KEY_TYPE_ED25519, new Uint8Array(32).fill(1));
export const SIGNER = ed25519Signer(KEY);
export const OPTIONS: CreateOptions = {
  origin: ORIGIN,
  vkeys: [formatVkey(KEY.vkey)],
  kind: 'raw',
  duplicates: false,
  signer: SIGNER,
};

export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

/** An entry that is like no other number's. */
export const entryOf = (i: number): Uint8Array => utf8(`entry ${i}`);

export const entriesOf = (count: number, from = 0): Uint8Array[] =>
  Array.from({ length: count }, (_, i) => entryOf(from + i));

/** A log in memory, and all that is below it. */
export interface MemoryLog {
  readonly disk: MemoryDisk;
  readonly store: FaultStore;
  readonly log: Log;
}

export async function createLog(options: Partial<CreateOptions> = {}): Promise<MemoryLog> {
  const disk = new MemoryDisk();
  let store!: FaultStore;
  const log = await Log.create(
    async (description) => {
      store = new FaultStore(await MemoryStore.create(disk, description));
      return store;
    },
    { ...OPTIONS, ...options },
  );
  return { disk, store, log };
}

/** What another process finds after this one is gone. */
export async function openLog(
  disk: MemoryDisk,
  plan: (store: FaultStore) => void = () => {},
  options: OpenOptions = {},
): Promise<MemoryLog> {
  const store = new FaultStore(await MemoryStore.open(disk));
  plan(store);
  return { disk, store, log: await Log.open(store, { signer: SIGNER, ...options }) };
}

const WITNESS = cosignerOf(
  privateKeyFromSeed('witness.example/w', KEY_TYPE_ED25519_COSIGNATURE, new Uint8Array(32).fill(9)),
);

/** A checkpoint with the cosignature of a witness. */
export async function cosigned(note: Uint8Array): Promise<Uint8Array> {
  const parsed = parseSignedNote(note);
  const signature = await cosign({ text: parsed.text, cosigner: WITNESS, time: 1_700_000_000 });
  return formatSignedNote(addSignatures(parsed, [signature]));
}

/** What `promise` rejects with, which must be an error. */
export async function errorOf(promise: Promise<unknown>): Promise<Error & { code?: unknown }> {
  try {
    await promise;
  } catch (error) {
    expect(error).toBeInstanceOf(Error);
    return error as Error;
  }
  throw new Error('expected a rejection');
}

export async function expectCode(promise: Promise<unknown>, code: string): Promise<CoreError> {
  const error = await errorOf(promise);
  expect(error).toBeInstanceOf(CoreError);
  expect(error.code, error.message).toBe(code);
  return error as CoreError;
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = [];
  for await (const item of items) collected.push(item);
  return collected;
}

/** Every checkpoint that a log showed to anybody, across crashes. No two may disagree. */
export class CheckpointHistory {
  readonly #notes = new Map<number, Uint8Array>();
  #largest = 0;

  get largest(): number {
    return this.#largest;
  }

  /** That `cosignable` is signed and that what the log signed before for its size, if anything, is the same byte for byte. */
  see(cosignable: Uint8Array): number {
    const { size } = openCheckpoint(cosignable, { origin: ORIGIN, keys: [KEY.vkey] }).checkpoint;
    const { text, signatures } = parseSignedNote(cosignable);
    const note = formatSignedNote({ text, signatures: signatures.filter(({ keyName }) => keyName === ORIGIN) });
    expect(this.#notes.get(size) ?? note).toEqual(note);
    this.#notes.set(size, note);
    this.#largest = Math.max(this.#largest, size);
    return size;
  }

  /** All that a store was asked to keep. */
  seeAll({ published }: FaultStore): void {
    for (const { signed } of published) if (signed !== undefined) this.see(signed);
  }

  /** That every checkpoint is of the tree over the first of `entries`. */
  expectOf(entries: readonly Uint8Array[]): void {
    const tree = new ReferenceTree(entries);
    for (const [size, note] of this.#notes) {
      expect(size).toBeLessThanOrEqual(entries.length);
      const { root } = openCheckpoint(note, { origin: ORIGIN, keys: [KEY.vkey] }).checkpoint;
      expect(root).toEqual(tree.root(size));
    }
  }
}

/** That a log has exactly `entries`, by every way of asking. */
export async function expectLog(log: LogReading, entries: readonly Uint8Array[]): Promise<void> {
  const tree = new ReferenceTree(entries);
  expect(log.size).toBe(entries.length);
  expect(log.root).toEqual(tree.root(entries.length));
  expect(await collect(log.entries())).toEqual(entries);
  for (let i = 0; i < entries.length; i++) {
    expect(await log.leafHash(i)).toEqual(tree.leafHash(i));
    if (!log.description.duplicates) expect(await log.indexOf(tree.leafHash(i))).toBe(i);
  }
}
