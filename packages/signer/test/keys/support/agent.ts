import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { directory } from './fixtures.ts';

/** What an agent does with a request; a return value is the whole answer, behind the length that it is given. */
export type Answer = (request: Buffer, connection: Socket) => Uint8Array | undefined;

/** The requests as RFC 9987 numbers them. */
export const REQUEST_IDENTITIES = 11;
export const SIGN_REQUEST = 13;

/** A string of RFC 4251, section 5, written once more here. */
export function string(content: Uint8Array | string): Buffer {
  const bytes = Buffer.from(content);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** The encoding of a key: its type and its fields. */
export function blob(type: string, ...fields: (Uint8Array | string)[]): Buffer {
  return Buffer.concat([string(type), ...fields.map(string)]);
}

/** The answer that lists keys. */
export function identities(...keys: readonly (readonly [blob: Uint8Array, comment: string])[]): Buffer {
  const count = Buffer.alloc(4);
  count.writeUInt32BE(keys.length);
  return Buffer.concat([Buffer.of(12), count, ...keys.flatMap(([key, comment]) => [string(key), string(comment)])]);
}

/** The answer that holds a signature. */
export function signResponse(signature: Uint8Array, type = 'ssh-ed25519'): Buffer {
  return Buffer.concat([Buffer.of(14), string(blob(type, signature))]);
}

/** Starts an agent that is not one, until the test is done. Returns the path of its socket. */
export async function startAgent(answer: Answer): Promise<string> {
  const socket = join(directory(), 'agent');
  const server = createServer((connection) => {
    let received = Buffer.alloc(0);
    connection.on('error', () => {});
    connection.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      if (received.length < 4 || received.length < 4 + received.readUInt32BE(0)) return;
      const reply = answer(received.subarray(4), connection);
      if (reply !== undefined) connection.write(string(reply));
    });
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  onTestFinished(() => void server.close());
  return socket;
}
