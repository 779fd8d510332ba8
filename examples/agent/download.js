import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { writeDurably } from './generations.js';

/** A file of a directory or of a web server, piece by piece. */
export async function* download(from, file, signal) {
  if (!/^https?:/.test(from)) {
    const path = join(from, file);
    // To open a pipe waits for a writer, and no signal ends that.
    if (!(await stat(path)).isFile()) throw new Error(`${path} is not a file`);
    return yield* createReadStream(path, { signal });
  }
  const url = new URL(encodeURIComponent(file), from.endsWith('/') ? from : `${from}/`);
  const response = await fetch(url, { signal, headers: { 'accept-encoding': 'identity' } }).catch((error) => {
    throw new Error(`${url}: ${error.cause?.message ?? error.message}`);
  });
  if (response.ok) return yield* response.body;
  // Or the connection would keep the process alive.
  await response.body?.cancel();
  throw new Error(`${url}: ${response.status} ${response.statusText}`);
}

/** Writes a file, and no more than one byte above a limit: enough for the decision to see that it is too large. */
export async function save(source, path, limit) {
  let left = limit + 1;
  async function* limited() {
    for await (const chunk of source) {
      const piece = chunk.subarray(0, left);
      left -= piece.length;
      yield piece;
      if (left === 0) return;
    }
  }
  await writeDurably(path, limited());
}
