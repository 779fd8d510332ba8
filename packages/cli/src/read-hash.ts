import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';

/** What a file holds. */
export interface Content {
  readonly size: number;
  readonly sha256: Uint8Array;
}

/** How a file is hashed. */
export interface ReadHashOptions {
  readonly signal?: AbortSignal;
  /** Is told how many bytes were read since it was last told. */
  readonly onRead: (bytes: number) => void;
}

/** Hashes a file of any size in constant memory. @throws what reading it throws */
export async function readHash(path: string, { signal, onRead }: ReadHashOptions): Promise<Content> {
  const hash = createHash('sha256');
  let size = 0;
  // Or a pipe that has taken the file's place would be waited for, which no signal ends.
  await using file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  for await (const chunk of file.createReadStream({ highWaterMark: 1 << 20, ...(signal && { signal }) })) {
    hash.update(chunk);
    size += chunk.length;
    onRead(chunk.length);
  }
  return { size, sha256: new Uint8Array(hash.digest()) };
}
