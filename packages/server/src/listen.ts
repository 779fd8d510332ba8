import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import type { Logger } from 'pino';
import { type Limits, withDefaults } from './limits.ts';

/** What answers requests: a `Hono` application is one. */
export interface App {
  fetch(request: Request, env: unknown): Response | Promise<Response>;
}

/** Where and how to listen. */
export interface ListenOptions {
  readonly host: string;
  /** 0 for any that is free. */
  readonly port: number;
  /** PEM: the certificate with those that lead to its authority, and its private key. Plain HTTP without. */
  readonly tls?: { readonly cert: string; readonly key: string } | undefined;
  /** Says what was asked and what went wrong. Silent without. */
  readonly logger?: Logger | undefined;
  readonly limits?: Partial<Limits> | undefined;
}

/** A server that answers. */
export interface Listener {
  /** Where it answers, without a slash at the end. */
  readonly url: string;
  /** Takes no more connections, answers what it was asked, and resolves once all of that is done. */
  close(): Promise<void>;
}

/** Serves an application over HTTP or HTTPS. @throws the system's error if the address cannot be had */
export async function listen(app: App, options: ListenOptions): Promise<Listener> {
  const { host, port, tls } = options;
  const limits = withDefaults(options.limits);
  const listener = getRequestListener(app.fetch);
  const server: Server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
  server.headersTimeout = limits.headersTimeout;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  const { port: bound, family, address } = server.address() as AddressInfo;
  return {
    url: `${tls === undefined ? 'http' : 'https'}://${family === 'IPv6' ? `[${address}]` : address}:${bound}`,
    close: () => new Promise((resolve, reject) => server.close((error) => (error ? reject(error) : resolve()))),
  };
}
