import {
  type Cosigner,
  cosignerOf,
  ed25519Signer,
  formatVkey,
  type IndexMapping,
  KEY_TYPE_ED25519_COSIGNATURE,
  KEY_TYPE_ML_DSA_44_COSIGNATURE,
} from '@vitrine/core';
import { Log } from '@vitrine/core/log';
import { MemoryDisk, MemoryStore } from '@vitrine/testkit';
import { onTestFinished } from 'vitest';
import { Mirror, type MirrorOptions } from '../../src/mirror/mirror.ts';
import { logSource, type PullSource } from '../../src/mirror/pull-source.ts';
import { temporaryDirectory } from '../support/directory.ts';
import { keyOf, ORIGIN, schemes, TIME, utf8 } from '../support/logs.ts';

const LOG_KEY = keyOf(ORIGIN, 0x01, 1);
export const LOG_VKEY: string = formatVkey(LOG_KEY.vkey);

/** The mirror's own keys, one of each type. */
export const MIRROR_KEYS: readonly Cosigner[] = [
  cosignerOf(keyOf('mirror.example/m', KEY_TYPE_ED25519_COSIGNATURE, 40)),
  cosignerOf(keyOf('mirror.example/m', KEY_TYPE_ML_DSA_44_COSIGNATURE, 41), { schemes }),
];

/** The key that says that the index was derived again. */
export const INDEX_KEYS: readonly Cosigner[] = [
  cosignerOf(keyOf('mirror.example/index', KEY_TYPE_ED25519_COSIGNATURE, 42)),
];

/** `stream <name> <n>` is a statement of a stream. */
export const MAPPING: IndexMapping = (entry) => {
  const [kind, stream] = new TextDecoder().decode(entry).split(' ');
  if (kind !== 'stream') return undefined;
  return { kind: 'stream', stream: { type: 'build', issuer: 'acme.example', stream: stream! } };
};

const entryOf = (i: number): Uint8Array => utf8(`entry ${i}`);
export const entriesOf = (count: number, from = 0): Uint8Array[] =>
  Array.from({ length: count }, (_, i) => entryOf(from + i));

/** A log in memory, all of whose tests have the same key. */
export async function createLog(entries: readonly Uint8Array[] = [], { indexed = false } = {}): Promise<Log> {
  const log = await Log.create((description) => MemoryStore.create(new MemoryDisk(), description), {
    origin: ORIGIN,
    vkeys: [LOG_VKEY],
    kind: indexed ? 'statements' : 'raw',
    duplicates: false,
    signer: ed25519Signer(LOG_KEY),
    ...(indexed && { admission: { admit: async () => [] }, mapping: MAPPING }),
  });
  onTestFinished(() => log[Symbol.asyncDispose]());
  await append(log, entries);
  return log;
}

export async function append(log: Log, entries: readonly Uint8Array[]): Promise<void> {
  for await (const _ of log.appendAll(entries)) {
    // All of them.
  }
}

/** A mirror in a directory of its own. */
export async function createMirror(
  options: Partial<MirrorOptions> = {},
  directory: string = temporaryDirectory(),
): Promise<Mirror> {
  const mirror = await Mirror.create(directory, {
    origin: ORIGIN,
    vkeys: [LOG_VKEY],
    now: () => TIME,
    ...options,
  });
  onTestFinished(() => mirror[Symbol.asyncDispose]());
  return mirror;
}

export async function openMirror(directory: string, options: Partial<MirrorOptions> = {}): Promise<Mirror> {
  const mirror = await Mirror.open(directory, { now: () => TIME, ...options });
  onTestFinished(() => mirror[Symbol.asyncDispose]());
  return mirror;
}

/** A source that counts what it is asked for, and answers as it is told to. */
export class TestSource {
  readonly asked: string[] = [];
  readonly #source: PullSource;
  answer: (path: string, bytes: Uint8Array | undefined) => Promise<Uint8Array | undefined> | Uint8Array | undefined = (
    _,
    bytes,
  ) => bytes;

  constructor(log: Log) {
    this.#source = logSource(log);
  }

  readonly fetch: PullSource = async (path) => {
    this.asked.push(path);
    return this.answer(path, await this.#source(path));
  };
}
