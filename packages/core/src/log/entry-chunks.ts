import { MAX_COMMIT_BYTES, MAX_COMMIT_ENTRIES } from './sequencer.ts';

/** Entries in arrays that each fit a commit. What precedes a failure comes first, then the failure. */
export async function* entryChunks(
  entries: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  check: (entry: Uint8Array) => void,
): AsyncGenerator<Uint8Array[], void, undefined> {
  let chunk: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const entry of entries) {
      check(entry);
      if (chunk.length === MAX_COMMIT_ENTRIES || bytes + entry.length > MAX_COMMIT_BYTES) {
        yield chunk;
        chunk = [];
        bytes = 0;
      }
      chunk.push(entry);
      bytes += entry.length;
    }
  } catch (error) {
    if (chunk.length > 0) yield chunk;
    throw error;
  }
  if (chunk.length > 0) yield chunk;
}
