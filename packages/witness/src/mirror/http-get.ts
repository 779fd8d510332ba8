import { setTimeout as sleep } from 'node:timers/promises';
import { WitnessError } from '../error.ts';
import { parseRetryAfter } from './retry-after.ts';

/** How requests are made. */
export interface HttpOptions {
  readonly fetch: typeof globalThis.fetch;
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds without a byte after which a request has failed. */
  readonly idleTimeout?: number | undefined;
  /** How often something is asked for before that has failed, from 1. */
  readonly attempts?: number | undefined;
  /** Milliseconds before it is asked for again; twice as many before each further time. */
  readonly backoff?: number | undefined;
}

/** What is asked for. */
export interface HttpGet {
  /** Below the prefix of the log. */
  readonly path: string;
  /** Most bytes that the answer may have, once it is decompressed. */
  readonly limit: number;
}

const IDLE_TIMEOUT = 30_000;
const ATTEMPTS = 6;
const BACKOFF = 500;
/** Nobody is waited for longer than this at a time, in milliseconds. */
const MAX_WAIT = 5 * 60_000;
const MAX_REDIRECTS = 3;

/** Asks one server for what is below a prefix of its. It goes nowhere else, whatever the server says. */
export class HttpClient {
  /** With a slash at the end. */
  readonly prefix: string;
  readonly #options: HttpOptions;

  /** @throws WitnessError `fetch-failed` if `prefix` is no URL of HTTP or HTTPS without query and fragment */
  constructor(prefix: string, options: HttpOptions) {
    this.prefix = readPrefix(prefix);
    this.#options = options;
  }

  /**
   * What is at a path; undefined if nothing is (404 and 410). Asks again, each time after a longer while, where the server cannot
   * be reached, fails, or is busy (429, 503), and as late as it says then.
   *
   * @throws WitnessError `fetch-failed`; what aborted the signal
   */
  async get(request: HttpGet): Promise<Uint8Array | undefined> {
    const { signal, attempts = ATTEMPTS, backoff = BACKOFF } = this.#options;
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#getOnce(request);
      } catch (error) {
        signal?.throwIfAborted();
        if (!(error instanceof Failure) || !error.isWorthAgain || attempt >= attempts) {
          throw error instanceof Failure
            ? new WitnessError('fetch-failed', error.message, { cause: error.cause })
            : error;
        }
        const wait = Math.max(error.retryAfter ?? 0, backoff * 2 ** (attempt - 1));
        await sleep(Math.min(wait, MAX_WAIT), undefined, { ...(signal && { signal }) });
      }
    }
  }

  async #getOnce({ path, limit }: HttpGet): Promise<Uint8Array | undefined> {
    const { signal, idleTimeout = IDLE_TIMEOUT } = this.#options;
    const idle = new AbortController();
    const timer = setTimeout(() => idle.abort(new Error(`nothing came for ${idleTimeout / 1000} s`)), idleTimeout);
    try {
      const all = signal === undefined ? idle.signal : AbortSignal.any([signal, idle.signal]);
      const response = await this.#follow(`${this.prefix}${path}`, all);
      timer.refresh();
      const { status } = response;
      if (status === 404 || status === 410) {
        await response.body?.cancel();
        return undefined;
      }
      if (status !== 200) {
        await response.body?.cancel();
        throw new Failure(`${this.prefix}${path} answers with status ${status}`, {
          isWorthAgain: status >= 500 || status === 429 || status === 408,
          retryAfter: parseRetryAfter(response.headers.get('retry-after'), Date.now()),
        });
      }
      return await readBody(response, limit, () => timer.refresh());
    } catch (error) {
      if (error instanceof Failure || signal?.aborted) throw error;
      if (error instanceof TooLong) {
        throw new Failure(`${this.prefix}${path} is longer than the ${limit} bytes that it can have`);
      }
      throw new Failure(`${this.prefix}${path} cannot be fetched: ${reasonOf(error)}`, {
        isWorthAgain: true,
        cause: error,
      });
    } finally {
      clearTimeout(timer);
    }
  }

  async #follow(url: string, signal: AbortSignal): Promise<Response> {
    let at = url;
    for (let redirects = 0; ; redirects++) {
      const response = await this.#options.fetch(at, { redirect: 'manual', signal });
      if (![301, 302, 303, 307, 308].includes(response.status)) return response;
      await response.body?.cancel();
      const to = new URL(response.headers.get('location') ?? '', at).href;
      if (!to.startsWith(this.prefix) || redirects >= MAX_REDIRECTS) {
        throw new Failure(`${url} leads to ${to}, and not below ${this.prefix}`);
      }
      at = to;
    }
  }
}

/** Why a request failed. */
class Failure extends Error {
  readonly isWorthAgain: boolean;
  readonly retryAfter: number | undefined;

  constructor(
    message: string,
    {
      isWorthAgain = false,
      retryAfter,
      cause,
    }: { readonly isWorthAgain?: boolean; readonly retryAfter?: number | undefined; readonly cause?: unknown } = {},
  ) {
    super(message, { cause });
    this.isWorthAgain = isWorthAgain;
    this.retryAfter = retryAfter;
  }
}

class TooLong extends Error {}

/** The whole body, decompressed as it comes, so that what is too long is never in memory. */
async function readBody({ body }: Response, limit: number, onChunk: () => void): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  // Leaving the loop cancels the stream.
  for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) {
    onChunk();
    length += chunk.length;
    if (length > limit) throw new TooLong();
    chunks.push(chunk);
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

function readPrefix(text: string): string {
  let url: URL;
  try {
    url = new URL(text);
  } catch (cause) {
    throw new WitnessError('fetch-failed', `"${text}" is not a URL`, { cause });
  }
  if (!['http:', 'https:'].includes(url.protocol) || url.search !== '' || url.hash !== '') {
    throw new WitnessError('fetch-failed', `"${text}" is not the URL of a log: https://, and no query`);
  }
  return url.href.endsWith('/') ? url.href : `${url.href}/`;
}

/** What is below "fetch failed". */
function reasonOf(error: unknown): string {
  let reason = error;
  while (reason instanceof Error && reason.cause instanceof Error) reason = reason.cause;
  return reason instanceof Error ? reason.message || reason.name : String(reason);
}
