import { FaultStore, MemoryDisk, MemoryStore } from '@vitrine/testkit';
import type { Admission } from '../../src/log/admission.ts';
import { type CreateOptions, Log, type OpenOptions } from '../../src/log/log.ts';
import type { IndexMapping } from '../../src/log-index/index-mapping.ts';
import type { StreamName } from '../../src/log-index/stream.ts';
import { type MemoryLog, OPTIONS, SIGNER, utf8 } from './fixtures.ts';

/** Takes everything. */
export const ADMIT_ALL: Admission = { admit: async () => [] };

/**
 * Entries are lines: `stream <type> <issuer> <stream> <n>`, or `review` or `withdrawal <issuer> <subject in hex> <n>`.
 * Whatever else is nothing to the index.
 */
export const MAPPING: IndexMapping = (entry) => {
  const [kind, ...words] = new TextDecoder().decode(entry).split(' ');
  if (kind === 'stream') {
    const [type, issuer, stream] = words as [string, string, string];
    return { kind, stream: { type, issuer, stream } };
  }
  if (kind !== 'review' && kind !== 'withdrawal') return undefined;
  const [issuer, subject] = words as [string, string];
  return { kind: 'subject', subject: new Uint8Array(Buffer.from(subject, 'hex')), word: { issuer, type: kind } };
};

export const statement = ({ type, issuer, stream }: StreamName, n: number): Uint8Array =>
  utf8(`stream ${type} ${issuer} ${stream} ${n}`);

export const word = (type: 'review' | 'withdrawal', issuer: string, subject: Uint8Array, n = 0): Uint8Array =>
  utf8(`${type} ${issuer} ${Buffer.from(subject).toString('hex')} ${n}`);

export const STREAM: StreamName = { type: 'build', issuer: 'acme.example', stream: 'tool/stable' };

export const INDEXED: CreateOptions = { ...OPTIONS, kind: 'statements', admission: ADMIT_ALL, mapping: MAPPING };
const OPEN: OpenOptions = { signer: SIGNER, admission: ADMIT_ALL, mapping: MAPPING };

/** A log with an index, in memory. */
export async function createIndexed(options: Partial<CreateOptions> = {}): Promise<MemoryLog> {
  const disk = new MemoryDisk();
  let store!: FaultStore;
  const log = await Log.create(
    async (description) => {
      store = new FaultStore(await MemoryStore.create(disk, description));
      return store;
    },
    { ...INDEXED, ...options },
  );
  return { disk, store, log };
}

/** What another process finds after this one is gone. */
export async function openIndexed(disk: MemoryDisk, options: OpenOptions = {}): Promise<MemoryLog> {
  const store = new FaultStore(await MemoryStore.open(disk));
  return { disk, store, log: await Log.open(store, { ...OPEN, ...options }) };
}

/** Appends entries in one commit. */
export async function commit(log: Log, entries: readonly Uint8Array[]): Promise<void> {
  await Promise.all(entries.map((entry) => log.append(entry)));
}
