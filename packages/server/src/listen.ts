import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import type { Hono } from 'hono';

/** Where and how to listen. */
export interface ListenOptions {
  readonly host: string;
  /** 0 for any that is free. */
  readonly port: number;
}

/** A server that answers. */
export interface Listener {
  /** Where it answers, without a slash at the end. */
  readonly url: string;
  /** Takes no more connections, answers what it was asked, and resolves once all of that is done. */
  close(): Promise<void>;
}

/** Serves an application over HTTP. @throws the system's error if the address cannot be had */
export async function listen(app: Hono, { host, port }: ListenOptions): Promise<Listener> {
  const server = createAdaptorServer({ fetch: app.fetch });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  const { port: bound, family, address } = server.address() as AddressInfo;
  return {
    url: `http://${family === 'IPv6' ? `[${address}]` : address}:${bound}`,
    close: () => new Promise((resolve, reject) => server.close((error) => (error ? reject(error) : resolve()))),
  };
}
