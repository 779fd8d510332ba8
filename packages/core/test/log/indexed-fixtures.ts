import type { MemoryDisk } from '@vitrine/testkit';
import type { Admission } from '../../src/log/admission.ts';
import type { CreateOptions, Log, OpenOptions } from '../../src/log/log.ts';
import type { StreamName } from '../../src/log-index/stream.ts';
import { MAPPING, statement as statementOf } from '../log-index/support.ts';
import { createLog, type MemoryLog, OPTIONS, openLog } from './fixtures.ts';

export { MAPPING, STREAM, word } from '../log-index/support.ts';

/** Takes everything. */
export const ADMIT_ALL: Admission = { admit: async () => [] };

export const statement = (stream: StreamName, n: number): Uint8Array => statementOf(n, stream);

const RULES = { admission: ADMIT_ALL, mapping: MAPPING };

export const INDEXED: CreateOptions = { ...OPTIONS, kind: 'statements', ...RULES };

/** A log with an index, in memory. */
export function createIndexed(options: Partial<CreateOptions> = {}): Promise<MemoryLog> {
  return createLog({ ...INDEXED, ...options });
}

/** What another process finds after this one is gone. */
export function openIndexed(disk: MemoryDisk, options: OpenOptions = {}): Promise<MemoryLog> {
  return openLog(disk, undefined, { ...RULES, ...options });
}

/** Appends entries in one commit. */
export async function commit(log: Log, entries: readonly Uint8Array[]): Promise<void> {
  await Promise.all(entries.map((entry) => log.append(entry)));
}
