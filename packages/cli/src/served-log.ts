import { CoreError, parseVkey } from '@vitrine/core';
import type { RemoteLog } from '@vitrine/core/log';
import { type Context, variable } from './context.ts';
import { CliError, naming } from './errors.ts';
import { readInput } from './files.ts';
import { httpUrl } from './text.ts';

/** How a log is opened that is served. */
export interface ServedLogOptions {
  /** As the user wrote it. */
  readonly url: string;
  /** The key that it has to have. */
  readonly logVkey?: string | undefined;
  readonly tokenFile?: string | undefined;
  /** Reads it as of the checkpoint that it shows to everybody, and not as of the newest one. */
  readonly published?: boolean | undefined;
}

const MAX_TOKEN_SIZE = 4096;

// A command may open its log several times: it asks over the same connections, reads no tile twice, and notices if the log is
// another one each time.
const opened = new WeakMap<Context, Map<string, Promise<RemoteLog>>>();

/**
 * Opens a log that is served, as it is now. It need not be closed.
 *
 * @throws CliError `log-url` for what is no URL of a log, `usage` for a token that is none, `file-` codes; CoreError
 * `key-malformed`; what `RemoteLog.open` throws
 */
export async function openServed(context: Context, options: ServedLogOptions): Promise<RemoteLog> {
  const logs = opened.get(context) ?? new Map<string, Promise<RemoteLog>>();
  opened.set(context, logs);
  const name = JSON.stringify(options);
  const known = await logs.get(name);
  if (known === undefined) {
    const opening = open(context, options);
    logs.set(name, opening);
    opening.catch(() => logs.delete(name));
    return opening;
  }
  await known.refresh().catch((error: unknown) => {
    // From a copy of the log that is behind. What was read stays true.
    if (!(error instanceof CoreError) || error.code !== 'checkpoint-older') throw error;
  });
  return known;
}

async function open(context: Context, { url, published, ...options }: ServedLogOptions): Promise<RemoteLog> {
  const vkey = options.logVkey ?? variable(context, 'VITRINE_LOG_VKEY');
  const key = vkey === undefined ? undefined : naming('the key of the log', () => parseVkey(vkey));
  const token = await readToken(context, options.tokenFile);
  const { HttpClient, RemoteLog } = await import('@vitrine/core/log');
  const { httpFetch } = await import('./http-fetch.ts');
  const client = new HttpClient(checked(url), { fetch: await httpFetch(context), signal: context.signal, token });
  return RemoteLog.open(client, { key, published });
}

function checked(url: string): string {
  const parsed = httpUrl(url);
  if (parsed === undefined) {
    throw new CliError('log-url', `a log is read over https or http, and not from ${url}`);
  }
  if (parsed.username !== '' || parsed.password !== '' || /[?#]/.test(url)) {
    throw new CliError('log-url', `the URL of a log has no user, no password, no query and no fragment`);
  }
  return url;
}

async function readToken(context: Context, tokenFile: string | undefined): Promise<string | undefined> {
  const text =
    tokenFile === undefined
      ? variable(context, 'VITRINE_TOKEN')
      : new TextDecoder().decode(await readInput(tokenFile, MAX_TOKEN_SIZE, context.stdin));
  const token = text?.trim();
  if (token === undefined || /^[\x21-\x7e]{1,256}$/.test(token)) return token;
  throw new CliError('usage', `${tokenFile ?? 'VITRINE_TOKEN'} has no token`);
}
