import { parentPort } from 'node:worker_threads';
import { type Content, readHash } from './read-hash.ts';

/** Of an error, what a message keeps. */
type Failure = Pick<NodeJS.ErrnoException, 'message' | 'code' | 'syscall'>;

/** What a worker says of the file that it was told to hash. */
export type HashMessage = { readonly read: number } | { readonly hashed: Content } | { readonly failed: Failure };

const port = parentPort!;
const say = (message: HashMessage): void => port.postMessage(message);

port.on('message', (path: string) => {
  readHash(path, { onRead: (read) => say({ read }) }).then(
    (hashed) => say({ hashed }),
    // An error that is sent loses its code.
    ({ message, code, syscall }: NodeJS.ErrnoException) => say({ failed: { message, code, syscall } as Failure }),
  );
});
