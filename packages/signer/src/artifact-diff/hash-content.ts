import { createHash } from 'node:crypto';
import type { ArchiveBudget } from './archive-member.ts';

/** Size and digest of a stream, within a budget, unless `signal` is aborted. */
export async function hashContent(
  content: AsyncIterable<Uint8Array>,
  { budget, signal }: { readonly budget?: ArchiveBudget; readonly signal?: AbortSignal | undefined } = {},
): Promise<{ size: number; sha256: Uint8Array }> {
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of content) {
    signal?.throwIfAborted();
    budget?.bytes(chunk.length);
    size += chunk.length;
    hash.update(chunk);
  }
  return { size, sha256: new Uint8Array(hash.digest()) };
}
