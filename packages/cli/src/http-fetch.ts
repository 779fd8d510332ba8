import { readFile } from 'node:fs/promises';
import { type Context, variable } from './context.ts';
import { fileError } from './errors.ts';
import { VERSION } from './version.ts';

/** To one server: no more are under way at a time. */
const CONNECTIONS = 16;

/**
 * How this command makes requests: through the proxies that `http_proxy`, `https_proxy`, `all_proxy` and `no_proxy` name, and
 * trusting the authorities in the file of `CURL_CA_BUNDLE` or `SSL_CERT_FILE`, as curl does.
 *
 * @throws CliError `file-missing`, `file-io` for a file of authorities that cannot be read
 */
export async function httpFetch(context: Context): Promise<typeof globalThis.fetch> {
  const { EnvHttpProxyAgent, fetch } = await import('undici');
  const ca = await authorities(context);
  const named = (name: string): string | undefined =>
    variable(context, name) ?? variable(context, name.toUpperCase()) ?? undefined;
  const all = named('all_proxy');
  const dispatcher = new EnvHttpProxyAgent({
    // An empty one is none, whatever the process's own environment says.
    httpProxy: named('http_proxy') ?? all ?? '',
    httpsProxy: named('https_proxy') ?? all ?? '',
    noProxy: named('no_proxy') ?? '',
    // A tunnel only where it is needed: many proxies allow none to port 80.
    proxyTunnel: false,
    connections: CONNECTIONS,
    ...(ca !== undefined && { connect: { ca }, requestTls: { ca }, proxyTls: { ca } }),
  });
  const request: unknown = (url: string, options: RequestInit = {}) => {
    const headers = { 'user-agent': `vitrine/${VERSION}`, ...(options.headers as Record<string, string>) };
    return fetch(url, { ...(options as object), headers, dispatcher });
  };
  return request as typeof globalThis.fetch;
}

async function authorities(context: Context): Promise<string | undefined> {
  const path = variable(context, 'CURL_CA_BUNDLE') ?? variable(context, 'SSL_CERT_FILE');
  if (path === undefined) return undefined;
  return readFile(path, 'utf8').catch((error: unknown) => {
    throw fileError(path, error);
  });
}
