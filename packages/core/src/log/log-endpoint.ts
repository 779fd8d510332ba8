import { setTimeout as sleep } from 'node:timers/promises';
import { CoreError } from '../error.ts';
import { MAX_NOTE_SIZE } from '../note/signature-line.ts';
import { MAX_BUNDLE_SIZE } from '../tile/entry-bundle.ts';
import { parseTilePath, TILE_WIDTH } from '../tile/tile.ts';
import { HASH_SIZE } from '../tree/hash.ts';
import { HttpError, type Problem, parseProblem } from './http-error.ts';

/** How a log is asked over HTTP. */
export interface EndpointOptions {
  /** The log's URL prefix: https://c2sp.org/tlog-tiles#parameters. With or without a slash at the end. */
  readonly url: string;
  readonly fetch: typeof globalThis.fetch;
  /** Stops what is under way. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds in which an answer has to come. One that is long gets more, as long as it goes on. */
  readonly timeout?: number;
}

/** A request to a log. */
export interface EndpointRequest {
  /** Below the log's prefix, without a slash at its beginning. */
  readonly path: string;
  readonly method?: 'GET' | 'POST';
  readonly body?: Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
  /** Most bytes of an answer, decompressed. */
  readonly limit: number;
  /** Whether the same request again does nothing that the first one did not. */
  readonly repeatable: boolean;
}

/** An answer, of whatever status. */
export interface EndpointAnswer {
  readonly status: number;
  readonly body: Uint8Array;
  readonly problem: Problem | undefined;
}

const TIMEOUT = 30_000;
/** Bytes a millisecond that an answer has to come with once it takes longer than that. */
const MIN_RATE = 16;
const MAX_ATTEMPTS = 5;
const FIRST_WAIT = 200;
/** Milliseconds: a server that wants to be left alone for longer is not waited for. */
const MAX_WAIT = 20_000;
/** Requests under way at a time. */
const MAX_PARALLEL = 16;
const MAX_PROBLEM_SIZE = 64 * 1024;

const TOO_MANY_REQUESTS = 429;
const SERVICE_UNAVAILABLE = 503;
// A server, or a proxy in front of one, that may be there again soon.
const RETRIED: ReadonlySet<number> = new Set([TOO_MANY_REQUESTS, 502, SERVICE_UNAVAILABLE, 504]);
/** What a log says that did nothing with a request, and can be asked again. */
const UNTOUCHED: ReadonlySet<string> = new Set(['log-busy', 'log-stopping']);

// What Node and undici say of connections that broke, or that a server which starts again does not take yet.
const BROKEN: ReadonlySet<string> = new Set([
  'EAI_AGAIN',
  'ECONNABORTED',
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_SOCKET',
]);

/**
 * What a log serves below its URL prefix, as bytes that nobody has verified.
 *
 * Answers are bounded, in bytes after decompression and in time; connections are few; no redirect is followed, because what is
 * not below the prefix is not the log. A server that is too busy is asked again when it says, and so is one whose connection
 * broke if the request can be repeated; a few times each.
 */
export class LogEndpoint {
  /** The log's URL prefix, with a slash at its end. */
  readonly url: string;
  readonly #fetch: typeof globalThis.fetch;
  readonly #signal: AbortSignal | undefined;
  readonly #timeout: number;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  /** @throws RangeError for a URL that is no prefix: not of HTTP, or with a query, a fragment, a user or a password */
  constructor({ url, fetch, signal, timeout = TIMEOUT }: EndpointOptions) {
    const parsed = URL.canParse(url) ? new URL(url) : undefined;
    if (parsed === undefined || !/^https?:$/.test(parsed.protocol) || /[?#]/.test(url)) {
      throw new RangeError(`not the URL of a log: ${url}`);
    }
    if (parsed.username !== '' || parsed.password !== '') {
      throw new RangeError('the URL of a log has no user name and no password');
    }
    this.url = parsed.href.endsWith('/') ? parsed.href : `${parsed.href}/`;
    this.#fetch = fetch;
    this.#signal = signal;
    this.#timeout = timeout;
  }

  /**
   * What is at a path; undefined if nothing is (404).
   *
   * @throws HttpError; the reason of the signal once that is aborted
   */
  async get(
    path: string,
    limit: number,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Uint8Array | undefined> {
    const answer = await this.request({ path, limit, headers, repeatable: true });
    if (answer.status === 404) return undefined;
    if (answer.status !== 200) throw this.refused(path, answer);
    return answer.body;
  }

  /**
   * What is at the path of a tile or an entry bundle, or of a checkpoint; undefined if nothing is. A `FetchTile` for
   * `TileReader`.
   *
   * @throws as {@link get}
   */
  readonly fetchTile = (path: string): Promise<Uint8Array | undefined> => {
    if (path === 'checkpoint') return this.get(path, MAX_NOTE_SIZE);
    const { level } = parseTilePath(path);
    return this.get(path, level === 'entries' ? MAX_BUNDLE_SIZE : TILE_WIDTH * HASH_SIZE);
  };

  /**
   * Asks, a few times if need be, and resolves to an answer of any status but redirects.
   *
   * @throws as {@link get}
   */
  async request(request: EndpointRequest): Promise<EndpointAnswer> {
    await this.#enter();
    try {
      for (let attempt = 1; ; attempt++) {
        const outcome = await this.#attempt(request, attempt);
        if (outcome.wait === undefined) {
          if (outcome.error !== undefined) throw outcome.error;
          return outcome.answer!;
        }
        await sleep(outcome.wait, undefined, { ...(this.#signal && { signal: this.#signal }) });
      }
    } finally {
      this.#leave();
    }
  }

  /** The error for an answer with a status that is none of those that the request can have. */
  refused(path: string, { status, problem }: EndpointAnswer): HttpError {
    const said = problem === undefined ? '' : `: ${problem.code}: ${problem.detail}`;
    return new HttpError(`${this.url}${path} answered with status ${status}${said}`, { status, problem });
  }

  /** One attempt, and how long to wait for the next one if there is to be one. */
  async #attempt(
    request: EndpointRequest,
    attempt: number,
  ): Promise<{ answer?: EndpointAnswer; error?: unknown; wait?: number | undefined }> {
    const isLast = attempt >= MAX_ATTEMPTS;
    // Not in step with all others that were sent away at the same time.
    const backoff = FIRST_WAIT * 2 ** (attempt - 1) * (0.5 + Math.random());
    try {
      const { retryAfter, ...answer } = await this.#once(request);
      const isRetried = request.repeatable
        ? RETRIED.has(answer.status)
        : answer.status === TOO_MANY_REQUESTS || UNTOUCHED.has(answer.problem?.code ?? '');
      const wait = Math.max(backoff, retryAfter ?? 0);
      return { answer, wait: isRetried && !isLast && wait <= MAX_WAIT ? wait : undefined };
    } catch (error) {
      if (this.#signal?.aborted || error instanceof CoreError) throw error;
      const failure = new HttpError(`${this.url}${request.path}: ${reasonOf(error)}`, { cause: error });
      return { error: failure, wait: request.repeatable && !isLast && isBroken(error) ? backoff : undefined };
    }
  }

  async #once(request: EndpointRequest): Promise<EndpointAnswer & { readonly retryAfter: number | undefined }> {
    const { path, method = 'GET', body, headers, limit } = request;
    const url = `${this.url}${path}`;
    const controller = new AbortController();
    const stop = (): void => controller.abort(this.#signal?.reason);
    this.#signal?.throwIfAborted();
    this.#signal?.addEventListener('abort', stop);
    const begun = performance.now();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const extend = (received: number): void => {
      clearTimeout(timer);
      const left = begun + this.#timeout + received / MIN_RATE - performance.now();
      const late = (): void => {
        const what = received === 0 ? 'did not answer in time' : `sent ${received} bytes, and then no more in time`;
        controller.abort(new HttpError(`${url} ${what}`));
      };
      timer = setTimeout(late, Math.max(0, left));
    };
    try {
      extend(0);
      const response = await this.#fetch(url, {
        method,
        redirect: 'manual',
        signal: controller.signal,
        headers: { 'accept-encoding': 'gzip, identity', ...headers },
        ...(body && { body: body as Uint8Array<ArrayBuffer> }),
      });
      const { status } = response;
      if (status >= 300 && status < 400) {
        await response.body?.cancel();
        const to = response.headers.get('location');
        throw new HttpError(`${url} redirects${to === null ? '' : ` to ${to.slice(0, 1000)}`}, which is not followed`, {
          status,
        });
      }
      const bytes = await readBody(response, status === 200 ? limit : MAX_PROBLEM_SIZE, url, extend);
      return {
        status,
        body: bytes,
        problem: status === 200 ? undefined : parseProblem(response.headers.get('content-type'), bytes),
        retryAfter: parseRetryAfter(response.headers.get('retry-after')),
      };
    } finally {
      clearTimeout(timer);
      this.#signal?.removeEventListener('abort', stop);
    }
  }

  async #enter(): Promise<void> {
    if (this.#running < MAX_PARALLEL) this.#running++;
    // Whoever leaves hands its place on.
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#running--;
    else next();
  }
}

async function readBody(
  response: Response,
  limit: number,
  url: string,
  onReceived: (bytes: number) => void,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  const reader = response.body?.getReader();
  for (;;) {
    const read = await reader?.read();
    if (read === undefined || read.done) break;
    size += read.value.length;
    if (size > limit) {
      await reader?.cancel();
      // What a server says when it refuses something is for people, and can be done without.
      if (response.status !== 200) return new Uint8Array();
      throw new HttpError(`${url} has more than the ${limit} bytes that it can have`, { status: response.status });
    }
    chunks.push(read.value);
    onReceived(size);
  }
  if (chunks.length === 1) return chunks[0]!;
  const body = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    body.set(chunk, at);
    at += chunk.length;
  }
  return body;
}

/** Milliseconds. RFC 9110, section 10.2.3: seconds, or a date. */
function parseRetryAfter(value: string | null): number | undefined {
  if (value === null) return undefined;
  if (/^[0-9]{1,9}$/.test(value)) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - Date.now());
}

/** The errors below one another: `fetch` says that it failed, and below that why. */
function causesOf(error: unknown): (Error & { readonly code?: unknown })[] {
  const causes: Error[] = [];
  // Where several addresses were tried, all failed.
  for (let at = error; at instanceof Error; at = at instanceof AggregateError ? at.errors[0] : at.cause)
    causes.push(at);
  return causes;
}

const isBroken = (error: unknown): boolean => causesOf(error).some(({ code }) => BROKEN.has(String(code)));

function reasonOf(error: unknown): string {
  const last = causesOf(error).at(-1);
  return last?.message || String(last?.code ?? error);
}
