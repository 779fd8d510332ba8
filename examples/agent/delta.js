import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { PassThrough, pipeline } from 'node:stream';
import { save } from './download.js';

/** Applies a delta that anybody may have written: it gets no more memory and disk than the release accounts for. */
export async function applyDelta({ oldPath, delta, path, size, signal }) {
  const deltaPath = `${path}.delta`;
  try {
    await save(delta, deltaPath, size);
    // Its window is no larger than the file, or than the next power of two.
    const args = ['-dcq', `--memory=${2 * size + (8 << 20)}`, `--patch-from=${oldPath}`, deltaPath];
    const zstd = spawn('zstd', args, { stdio: ['ignore', 'pipe', 'ignore'], signal, killSignal: 'SIGKILL' });
    // Read from now on: what a child has written, and nobody reads when it ends, Node throws away.
    const output = pipeline(zstd.stdout, new PassThrough(), () => {});
    const saving = save(output, path, size);
    // Nothing is to write there any more when the whole file is fetched instead.
    const [[status]] = await Promise.all([once(zstd, 'close'), saving]).finally(() => saving.catch(() => {}));
    if (status !== 0) throw new Error('zstd cannot apply it');
  } finally {
    await rm(deltaPath, { force: true });
  }
}
