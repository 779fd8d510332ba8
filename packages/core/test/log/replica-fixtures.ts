import { FaultStore, MemoryDisk, MemoryStore, ReferenceTree } from '@vitrine/testkit';
import type { LogCheckpoint } from '../../src/log/checkpoint-keeper.ts';
import { type CreateReplicaOptions, type OpenReplicaOptions, Replica } from '../../src/log/replica.ts';
import { formatCheckpoint } from '../../src/note/checkpoint.ts';
import { formatSignedNote, signNote } from '../../src/note/signed-note.ts';
import { OPTIONS, ORIGIN, SIGNER } from './fixtures.ts';

/** A replica in memory, and all that is below it. */
export interface MemoryReplica {
  readonly disk: MemoryDisk;
  readonly store: FaultStore;
  readonly replica: Replica;
}

export async function createReplica(options: Partial<CreateReplicaOptions> = {}): Promise<MemoryReplica> {
  const disk = new MemoryDisk();
  let store!: FaultStore;
  const replica = await Replica.create(
    async (description) => {
      store = new FaultStore(await MemoryStore.create(disk, description));
      return store;
    },
    { origin: ORIGIN, vkeys: OPTIONS.vkeys, ...options },
  );
  return { disk, store, replica };
}

/** What another process finds after this one is gone. */
export async function openReplica(disk: MemoryDisk, options: OpenReplicaOptions = {}): Promise<MemoryReplica> {
  const store = new FaultStore(await MemoryStore.open(disk));
  return { disk, store, replica: await Replica.open(store, options) };
}

/** The checkpoint that the log would sign of the first entries of a list, whatever they are. */
export async function signedOf(
  entries: readonly Uint8Array[],
  size: number = entries.length,
  extensions: readonly string[] = [],
): Promise<LogCheckpoint> {
  const root = new ReferenceTree(entries).root(size);
  const text = formatCheckpoint({ origin: ORIGIN, size, root, extensions });
  return { size, root, note: formatSignedNote(await signNote(text, [SIGNER])) };
}
