import { createServer, type IncomingMessage, type Server, type ServerOptions } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, type ListenOptions as NetListenOptions, Server as NetServer, type Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { getRequestListener, type HttpBindings } from '@hono/node-server';
import type { Env, Hono } from 'hono';
import { Connections } from './connections.ts';
import { ServerError } from './error.ts';
import { IdentifiedResponse } from './identified-response.ts';
import { type Limits, withDefaults } from './limits.ts';
import { malformedRequest, type ObservedOptions, observed } from './observed.ts';

/** Where and how to listen. */
export interface ListenOptions extends ObservedOptions {
  readonly host: string;
  /** 0 for any that is free. */
  readonly port: number;
  /** PEM: the certificate with those that lead to its authority, and its private key. Plain HTTP without. */
  readonly tls?: { readonly cert: string | Uint8Array; readonly key: string | Uint8Array } | undefined;
  readonly limits?: Partial<Limits> | undefined;
}

/** A server that answers. */
export interface Listener {
  /** Where it answers, without a slash at the end. */
  readonly url: string;
  /**
   * Takes no more connections, answers what it was asked, and resolves once all of that is done: connections that wait for
   * nothing end at once, those that do not end in time are dropped.
   */
  close(): Promise<void>;
}

/** Milliseconds between two looks for requests that take too long. */
const CHECK_INTERVAL = 1000;

/**
 * Serves an application over HTTP or HTTPS, with what every server has around it: see {@link observed}.
 *
 * @throws ServerError `address-unavailable`, `tls-malformed`
 */
export async function listen<E extends Env>(app: Hono<E>, options: ListenOptions): Promise<Listener> {
  const { host, port, tls, metrics, logger } = options;
  const limits = withDefaults(options.limits);
  const { fetch } = observed(app, options);
  // There is no HTTP/2 here.
  const answer = getRequestListener((request, env) => fetch(request, env as HttpBindings), {
    errorHandler: malformedRequest,
  });
  const settings: ServerOptions<typeof IncomingMessage, typeof IdentifiedResponse> = {
    ServerResponse: IdentifiedResponse,
    headersTimeout: limits.headersTimeout,
    requestTimeout: limits.requestTimeout,
    keepAliveTimeout: limits.keepAliveTimeout,
    connectionsCheckingInterval: Math.min(CHECK_INTERVAL, limits.headersTimeout),
    maxHeaderSize: limits.maxHeaderSize,
    noDelay: true,
  };
  let server: Server;
  try {
    if (tls !== undefined && (tls.cert.length === 0 || tls.key.length === 0)) throw new Error('one of them is empty');
    const { headersTimeout: handshakeTimeout } = limits;
    server =
      tls === undefined
        ? createServer(settings)
        : createTlsServer({ ...settings, handshakeTimeout, cert: plainPem(tls.cert), key: plainPem(tls.key) });
  } catch (cause) {
    throw new ServerError('tls-malformed', `the certificate and its key cannot be used: ${(cause as Error).message}`, {
      cause,
    });
  }
  // One more, because Node drops what is beyond it and says nothing.
  server.maxHeadersCount = limits.maxHeadersCount + 1;
  server.timeout = limits.idleTimeout;
  const connections = new Connections(server, limits.maxConnections);
  metrics?.gauge('vitrine_http_connections', 'Open connections.', () => connections.size);
  server.on('request', (request, response) => {
    if (request.rawHeaders.length <= 2 * limits.maxHeadersCount) return answer(request, response);
    response.writeHead(431, { connection: 'close', 'content-length': 0 }).end();
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    logger?.debug({ code: error.code }, 'a connection was refused');
    refuseConnection(error, socket as Socket, connections);
  });
  // Node's own backlog is 511: when more connect at once, a lost handshake is tried again only after seconds. The system has its own limit too.
  await bind(server, { host, port, backlog: limits.maxConnections });
  const { port: bound, family, address } = server.address() as AddressInfo;
  const url = `${tls === undefined ? 'http' : 'https'}://${family === 'IPv6' ? `[${address}]` : address}:${bound}`;
  let closing: Promise<void> | undefined;
  return { url, close: () => (closing ??= close(server, connections, limits.closeTimeout)) };
}

type Bound = Required<Pick<NetListenOptions, 'host' | 'port' | 'backlog'>>;

async function bind(server: Server, bound: Bound): Promise<void> {
  const { host, port } = bound;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(bound, () => {
      server.off('error', reject);
      resolve();
    });
  }).catch((cause: NodeJS.ErrnoException) => {
    const why = REASONS[cause.code ?? ''] ?? cause.message;
    throw new ServerError('address-unavailable', `cannot listen at ${host}, port ${port}: ${why}`, { cause });
  });
}

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program does',
  EADDRNOTAVAIL: 'this machine has no such address',
  EACCES: 'this user may not use that port',
  ENOTFOUND: 'there is no such name',
};

async function close(server: Server, connections: Connections, closeTimeout: number): Promise<void> {
  // That of HTTP servers would also drop connections on which a request has arrived, and was not read yet.
  const closed = new Promise<void>((resolve) => NetServer.prototype.close.call(server, () => resolve()));
  await setImmediate();
  await setImmediate();
  connections.finish();
  server.close();
  const timer = setTimeout(() => server.closeAllConnections(), closeTimeout);
  await closed;
  clearTimeout(timer);
}

const STATUS_OF_ERROR: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
};

/** A request that is none, or does not come to its end. https://nodejs.org/api/http.html#event-clienterror */
function refuseConnection({ code = '' }: NodeJS.ErrnoException, socket: Socket, connections: Connections): void {
  const underWay = connections.underWay(socket);
  const asked = underWay.filter(({ req }) => req.complete);
  if (asked.length > 0 && socket.writable) {
    // What was asked in full before it is answered.
    for (const response of asked) response.shouldKeepAlive = false;
    return;
  }
  if (!socket.writable || !connections.has(socket) || underWay.some(({ headersSent }) => headersSent)) {
    socket.destroy();
    return;
  }
  const status = STATUS_OF_ERROR[code] ?? '400 Bad Request';
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, () => socket.destroy());
}

/** Node takes strings and Buffers. */
function plainPem(pem: string | Uint8Array): string {
  return typeof pem === 'string' ? pem : new TextDecoder().decode(pem);
}
