import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { writeDurably } from './generations.js';

/** A file of a directory or of a web server, piece by piece. */
export async function* download(from, file, signal) {
  if (!/^https?:/.test(from)) return yield* createReadStream(join(from, file), { signal });
  const url = new URL(encodeURIComponent(file), from.endsWith('/') ? from : `${from}/`);
  const response = await fetch(url, { signal, headers: { 'accept-encoding': 'identity' } }).catch((error) => {
    throw new Error(`${url}: ${error.cause?.message ?? error.message}`);
  });
  if (response.ok) return yield* response.body;
  // Or the connection would keep the process alive.
  await response.body?.cancel();
  throw new Error(`${url}: ${response.status} ${response.statusText}`);
}

/** Writes a file, and stops above a limit: the size is above it then too, so that no decision takes it. In constant memory. */
export async function save(source, path, limit) {
  const hash = createHash('sha256');
  let size = 0;
  async function* limited() {
    for await (const chunk of source) {
      size += chunk.length;
      if (size > limit) return;
      hash.update(chunk);
      yield chunk;
    }
  }
  await writeDurably(path, limited());
  return { size, sha256: hash.digest() };
}
