import { type AppendOptions, type LogAppOptions, listen, logApp } from '@vitrine/server';
import { onTestFinished } from 'vitest';
import { HttpClient, type HttpOptions } from '../../src/log/http-client.ts';
import type { HttpStoreOptions } from '../../src/log/http-store.ts';
import { RemoteLog } from '../../src/log/remote-log.ts';
import type { MemoryLog } from './fixtures.ts';

/** Changes what a server answers, or does not let it hear the request. */
export type Tamper = (path: string, answer: () => Promise<Response>) => Promise<Response>;

/** A log that is served, over a real socket, and what it is asked. */
export interface ServedLog {
  readonly url: string;
  /** Method and path of each request, in order. */
  readonly requests: string[];
  /** Between the server and whoever reads from it. */
  tamper: Tamper;
  client(options?: Partial<HttpOptions>): HttpClient;
  open(options?: HttpStoreOptions): Promise<RemoteLog>;
}

/** Serves a log until the test is done. Everybody may append to it. */
export async function serveLog(
  { log, store }: MemoryLog,
  options: Partial<LogAppOptions> & { readonly queue?: AppendOptions['queue'] } = {},
): Promise<ServedLog> {
  const { app } = logApp(log, {
    description: await store.description(),
    derived: store,
    append: { log, admitting: 'everybody' },
    ...options,
  });
  const listener = await listen(app, { host: '127.0.0.1', port: 0 });
  onTestFinished(() => listener.close());
  const requests: string[] = [];
  const served: ServedLog = {
    url: listener.url,
    requests,
    tamper: (_, answer) => answer(),
    client: (clientOptions = {}) => {
      const asked = (async (url: string, init: RequestInit) => {
        const path = url.slice(listener.url.length);
        requests.push(`${init.method} ${path}`);
        return served.tamper(path, () => fetch(url, init));
      }) as typeof fetch;
      return new HttpClient(listener.url, { fetch: asked, backoff: 1, ...clientOptions });
    },
    open: (storeOptions) => RemoteLog.open(served.client(), storeOptions),
  };
  return served;
}

/** An answer with other bytes. */
export async function changed(response: Response, change: (body: Uint8Array) => Uint8Array): Promise<Response> {
  const body = change(new Uint8Array(await response.arrayBuffer()));
  return new Response(body as Uint8Array<ArrayBuffer>, { status: response.status });
}

/** Another byte at a place, from the end if that is negative. */
export const flipped = (body: Uint8Array, at: number): Uint8Array => {
  const other = body.slice();
  other[at < 0 ? body.length + at : at]! ^= 1;
  return other;
};
