import { ENTRY_PREFIX_SIZE } from '../tile/entry-bundle.ts';
import { EntryPacker, type PackedEntries } from './packed-entries.ts';
import { MAX_COMMIT_BYTES, MAX_COMMIT_ENTRIES } from './sequencer.ts';

/**
 * Entries in parts that each fit a commit, copied as they come, so that an iterable can use one buffer for all of them.
 * What precedes a failure comes first, then the failure.
 */
export async function* entryChunks(
  entries: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  check: (entry: Uint8Array) => void,
): AsyncGenerator<PackedEntries, void, undefined> {
  let packer = new EntryPacker(MAX_COMMIT_ENTRIES, 1024);
  try {
    for await (const entry of entries) {
      check(entry);
      if (packer.count === MAX_COMMIT_ENTRIES || packer.size + ENTRY_PREFIX_SIZE + entry.length > MAX_COMMIT_BYTES) {
        yield packer.finish();
        // The next part is probably as large as this one.
        packer = new EntryPacker(MAX_COMMIT_ENTRIES, packer.size);
      }
      packer.add(entry);
    }
  } catch (error) {
    if (packer.count > 0) yield packer.finish();
    throw error;
  }
  if (packer.count > 0) yield packer.finish();
}
