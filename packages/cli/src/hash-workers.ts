import { Worker } from 'node:worker_threads';
import { fileError } from './errors.ts';
import type { HashMessage } from './hash-worker.ts';
import type { Content, ReadHashOptions } from './read-hash.ts';

/**
 * As `readHash`, of several files at once: each thread takes the next one. The first failure stops them all.
 *
 * @param threads at least one
 */
export async function readHashes(
  paths: readonly string[],
  threads: number,
  { signal, onRead }: ReadHashOptions,
): Promise<Content[]> {
  const stop = new AbortController();
  const stopped = signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]);
  const hashed: Content[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    const worker = new Worker(new URL('./hash-worker.js', import.meta.url));
    // One that comes when nobody waits any more.
    worker.on('error', () => {});
    try {
      for (let i = next++; i < paths.length; i = next++) {
        hashed[i] = await hashIn(worker, paths[i]!, { signal: stopped, onRead });
      }
    } catch (error) {
      stop.abort();
      throw error;
    } finally {
      await worker.terminate();
    }
  };
  const results = await Promise.allSettled(Array.from({ length: threads }, work));
  signal?.throwIfAborted();
  // The others were only stopped.
  const failures = results.filter((result) => result.status === 'rejected').map(({ reason }) => reason as unknown);
  const failure = failures.find((one) => !(one instanceof Error) || one.name !== 'AbortError') ?? failures[0];
  if (failure !== undefined) throw failure;
  return hashed;
}

function hashIn(
  worker: Worker,
  path: string,
  { signal, onRead }: ReadHashOptions & { readonly signal: AbortSignal },
): Promise<Content> {
  return new Promise<Content>((resolve, reject) => {
    const onMessage = (message: HashMessage): void => {
      if ('read' in message) {
        onRead(message.read);
        return;
      }
      stopListening();
      if ('hashed' in message) resolve(message.hashed);
      else reject(Object.assign(new Error(message.failed.message), message.failed));
    };
    const onError = (error: unknown): void => {
      stopListening();
      reject(error);
    };
    const onAbort = (): void => onError(signal.reason);
    const onExit = (): void => onError(new Error('the thread that hashed it has ended'));
    const stopListening = (): void => {
      worker.off('message', onMessage).off('error', onError).off('exit', onExit);
      signal.removeEventListener('abort', onAbort);
    };
    signal.throwIfAborted();
    worker.on('message', onMessage).on('error', onError).on('exit', onExit);
    signal.addEventListener('abort', onAbort);
    worker.postMessage(path);
  }).catch((error: unknown) => {
    throw fileError(path, error);
  });
}
