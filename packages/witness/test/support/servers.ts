import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { onTestFinished } from 'vitest';
import type { TestWitness } from './witnesses.ts';

/** A server on a real socket, which can be stopped and come back at the same port. */
export interface TestServer {
  readonly url: string;
  /** What it was asked for: method and path. */
  readonly requests: string[];
  /** The most requests that it had at one time. */
  readonly most: () => number;
  stop(): Promise<void>;
  start(): Promise<void>;
}

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

export async function serve(handler: Handler): Promise<TestServer> {
  const requests: string[] = [];
  let now = 0;
  let most = 0;
  let server: Server | undefined;
  let port = 0;
  const start = async (): Promise<void> => {
    server = createServer((request, response) => {
      requests.push(`${request.method} ${request.url}`);
      most = Math.max(most, ++now);
      response.once('close', () => now--);
      handler(request, response);
    });
    await new Promise<void>((resolve) => server!.listen(port, '127.0.0.1', resolve));
    port = (server.address() as AddressInfo).port;
  };
  const stop = async (): Promise<void> => {
    if (server === undefined) return;
    const closed = new Promise((resolve) => server!.close(resolve));
    server.closeAllConnections();
    server = undefined;
    await closed;
  };
  await start();
  onTestFinished(stop);
  return { url: `http://127.0.0.1:${port}`, requests, most: () => most, stop, start };
}

/** Serves a witness. */
export function serveWitness(w: Pick<TestWitness, 'app'>): Promise<TestServer> {
  return serve(getRequestListener(w.app.fetch));
}

/** Reads a body to its end. */
export async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of request) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks).toString();
}
