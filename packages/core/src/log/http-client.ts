import { setTimeout as sleep } from 'node:timers/promises';
import { CoreError } from '../error.ts';
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
  /** Sent along with what is posted, and with nothing else. */
  readonly token?: string | undefined;
}

/** What is asked for. */
export interface HttpGet {
  /** Below the prefix of the log. */
  readonly path: string;
  /** Most bytes that the answer may have, once it is decompressed. */
  readonly limit: number;
}

/** What is sent. */
export interface HttpPost extends HttpGet {
  readonly type: string;
  readonly body: Uint8Array;
  /** Whether it can be sent again although nobody knows what became of it the first time. */
  readonly again: boolean;
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

  /** @throws CoreError `fetch-failed` if `prefix` is no URL of HTTP or HTTPS without query and fragment */
  constructor(prefix: string, options: HttpOptions) {
    this.prefix = readPrefix(prefix);
    this.#options = options;
  }

  /**
   * What is at a path; undefined if nothing is (404 and 410). Asks again, each time after a longer while, where the server cannot
   * be reached, fails, or is busy (429, 503), and as late as it says then.
   *
   * @throws CoreError `fetch-failed`; what aborted the signal
   */
  get({ path, limit }: HttpGet): Promise<Uint8Array | undefined> {
    return this.#retrying(() => this.#once(path, limit, (url, signal) => this.#follow(url, signal)));
  }

  /**
   * Sends something, and gives the answer; undefined if nothing takes it (404, 405 and 410). Sends it again as {@link get} asks
   * again, but only if that does no harm.
   *
   * @throws HttpProblem if the server refuses it and says why; CoreError `fetch-failed`; what aborted the signal
   */
  post({ path, limit, type, body, again }: HttpPost): Promise<Uint8Array | undefined> {
    const { fetch, token } = this.#options;
    const headers = { 'content-type': type, ...(token !== undefined && { authorization: `Bearer ${token}` }) };
    const send = (url: string, signal: AbortSignal): Promise<Response> =>
      fetch(url, { method: 'POST', headers, body: body as Uint8Array<ArrayBuffer>, redirect: 'manual', signal });
    return this.#retrying(() => this.#once(path, limit, send), { again });
  }

  async #retrying<T>(act: () => Promise<T>, { again = true } = {}): Promise<T> {
    const { signal, attempts = ATTEMPTS, backoff = BACKOFF } = this.#options;
    for (let attempt = 1; ; attempt++) {
      try {
        return await act();
      } catch (error) {
        signal?.throwIfAborted();
        if (!(error instanceof Failure)) throw error;
        // Whoever is busy has not begun.
        const isWorthAgain = error.isWorthAgain && (again || error.isBusy);
        if (!isWorthAgain || attempt >= attempts) {
          const unknown = !again && error.isWorthAgain && !error.isBusy;
          const end = unknown ? '; whether the server took what was sent is not known' : '';
          throw new CoreError('fetch-failed', `${error.message}${end}`, { cause: error.cause });
        }
        const wait = Math.max(error.retryAfter ?? 0, backoff * 2 ** (attempt - 1));
        await sleep(Math.min(wait, MAX_WAIT), undefined, { ...(signal && { signal }) });
      }
    }
  }

  async #once(
    path: string,
    limit: number,
    send: (url: string, signal: AbortSignal) => Promise<Response>,
  ): Promise<Uint8Array | undefined> {
    const { signal, idleTimeout = IDLE_TIMEOUT } = this.#options;
    const url = `${this.prefix}${path}`;
    const idle = new AbortController();
    const timer = setTimeout(() => idle.abort(new Error(`nothing came for ${idleTimeout / 1000} s`)), idleTimeout);
    const refresh = (): void => void timer.refresh();
    try {
      const response = await send(url, signal === undefined ? idle.signal : AbortSignal.any([signal, idle.signal]));
      refresh();
      if (response.status === 200) return await readBody(response, limit, refresh);
      return await refused(response, url, refresh);
    } catch (error) {
      if (error instanceof Failure || error instanceof HttpProblem || signal?.aborted) throw error;
      if (error instanceof TooLong) throw new Failure(`${url} is longer than the ${limit} bytes that it can have`);
      throw new Failure(`${url} cannot be fetched: ${reasonOf(error)}`, { isWorthAgain: true, cause: error });
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

/** A server's answer other than what was asked for. @returns undefined where there is nothing */
async function refused(response: Response, url: string, onChunk: () => void): Promise<undefined> {
  const { status, headers } = response;
  if ([404, 405, 410].includes(status)) {
    await response.body?.cancel();
    return undefined;
  }
  const problem = await readProblem(response, onChunk);
  if (problem === undefined) await response.body?.cancel();
  const isBusy = status === 429 || status === 503;
  const isWorthAgain = status >= 500 || isBusy || status === 408;
  if (problem !== undefined && !isWorthAgain) throw problem;
  const retryAfter = parseRetryAfter(headers.get('retry-after'), Date.now());
  const why = problem === undefined ? '' : `, ${problem.problem}: ${problem.detail}`;
  throw new Failure(`${url} answers with status ${status}${why}`, { isWorthAgain, isBusy, retryAfter });
}

/**
 * A server's refusal in its own words: https://www.rfc-editor.org/rfc/rfc9457, with one of this project's codes. Neither is
 * verified: they are what the server says.
 */
export class HttpProblem extends CoreError {
  override readonly name: string = 'HttpProblem';
  readonly status: number;
  /** The code that the server gives; one that this program may not know. */
  readonly problem: string;
  readonly detail: string;

  constructor({
    status,
    problem,
    detail,
  }: { readonly status: number; readonly problem: string; readonly detail: string }) {
    super('fetch-failed', `the server refuses it with status ${status}, ${problem}: ${detail}`);
    this.status = status;
    this.problem = problem;
    this.detail = detail;
  }
}

const MAX_PROBLEM_SIZE = 16_384;
const MAX_DETAIL = 1000;

async function readProblem(response: Response, onChunk: () => void): Promise<HttpProblem | undefined> {
  const { status, headers } = response;
  if (status < 400 || !headers.get('content-type')?.startsWith('application/problem+json')) return undefined;
  const body = await readBody(response, MAX_PROBLEM_SIZE, onChunk);
  try {
    const { code, detail } = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
    if (typeof code !== 'string' || !/^[a-z-]{1,64}$/.test(code) || typeof detail !== 'string') return undefined;
    return new HttpProblem({ status, problem: code, detail: detail.slice(0, MAX_DETAIL) });
  } catch {
    return undefined;
  }
}

/** Why a request failed. */
class Failure extends Error {
  readonly isWorthAgain: boolean;
  /** Whether the server did not begin. */
  readonly isBusy: boolean;
  readonly retryAfter: number | undefined;

  constructor(
    message: string,
    {
      isWorthAgain = false,
      isBusy = false,
      retryAfter,
      cause,
    }: Partial<Pick<Failure, 'isWorthAgain' | 'isBusy' | 'retryAfter' | 'cause'>> = {},
  ) {
    super(message, { cause });
    this.isWorthAgain = isWorthAgain;
    this.isBusy = isBusy;
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
    throw new CoreError('fetch-failed', `"${text}" is not a URL`, { cause });
  }
  if (!['http:', 'https:'].includes(url.protocol) || url.search !== '' || url.hash !== '') {
    throw new CoreError('fetch-failed', `"${text}" is not the URL of a log: https://, and no query`);
  }
  return url.href.endsWith('/') ? url.href : `${url.href}/`;
}

/** What is below "fetch failed". */
function reasonOf(error: unknown): string {
  let reason = error;
  while (reason instanceof Error && reason.cause instanceof Error) reason = reason.cause;
  return reason instanceof Error ? reason.message || reason.name : String(reason);
}
