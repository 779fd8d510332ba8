import { setTimeout as sleep } from 'node:timers/promises';
import { CoreError } from '../error.ts';
import { Deadline } from './http-deadline.ts';
import { type HttpProblem, MAX_PROBLEM_SIZE, parseProblem } from './http-problem.ts';
import { parseRetryAfter } from './retry-after.ts';

/** How requests are made. */
export interface HttpOptions {
  readonly fetch: typeof globalThis.fetch;
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds in which an answer has to come. One that is long gets more, as long as it goes on. */
  readonly timeout?: number | undefined;
  /** How often something is asked for before that has failed, from 1. */
  readonly attempts?: number | undefined;
  /** Milliseconds before it is asked for again, about; twice as many before each further time. */
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

interface Request {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly limit: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
}

const ATTEMPTS = 5;
const BACKOFF = 200;
/** Milliseconds: a server that wants to be left alone for longer is not waited for. */
const MAX_WAIT = 60_000;
const MAX_REDIRECTS = 3;
/** Requests under way at a time. */
const MAX_PARALLEL = 16;

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
const TOO_MANY_REQUESTS = 429;
// Of a server, or of a proxy in front of it, that can answer otherwise in a while.
const PASSING: ReadonlySet<number> = new Set([408, TOO_MANY_REQUESTS, 502, 503, 504]);
/** What a log says that has not touched a request. */
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
 * Asks one server for what is below a prefix of its, and goes nowhere else, whatever the server says. What it answers is not
 * verified.
 *
 * Answers are bounded, in bytes and in time. A few requests are under way at a time, and the others wait. A server that is busy is
 * asked again when it says, and one whose connection broke after a while, a few times each.
 */
export class HttpClient {
  /** With a slash at the end. */
  readonly prefix: string;
  readonly #options: HttpOptions;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  /** @throws CoreError `fetch-failed` if `prefix` is no URL of HTTP or HTTPS without query, fragment, user and password */
  constructor(prefix: string, options: HttpOptions) {
    this.prefix = readPrefix(prefix);
    this.#options = options;
  }

  /**
   * What is at a path; undefined if nothing is (404 and 410). Asks again where the connection breaks or the server is busy.
   *
   * @throws HttpProblem if the server refuses it and says why; CoreError `fetch-failed`; what aborted the signal
   */
  async get({ path, limit }: HttpGet): Promise<Uint8Array | undefined> {
    // https://c2sp.org/tlog-tiles#log-entries: clients should take both.
    const headers = { 'accept-encoding': 'gzip, identity' };
    return this.#ask({ method: 'GET', path, limit, headers }, { again: true, nothing: [404, 410] });
  }

  /**
   * Sends something, and gives the answer; undefined if nothing takes it (404, 405, 410 and 501). Sends it again as {@link get} asks
   * again, but only if that does no harm.
   *
   * @throws as {@link get}; the message says so if it is not known what became of it
   */
  async post({ path, limit, type, body, again }: HttpPost): Promise<Uint8Array | undefined> {
    const { token } = this.#options;
    const headers = { 'content-type': type, ...(token !== undefined && { authorization: `Bearer ${token}` }) };
    return this.#ask({ method: 'POST', path, limit, headers, body }, { again, nothing: [404, 405, 410, 501] });
  }

  async #ask(
    request: Request,
    { again, nothing }: { readonly again: boolean; readonly nothing: readonly number[] },
  ): Promise<Uint8Array | undefined> {
    const { signal, attempts = ATTEMPTS, backoff = BACKOFF } = this.#options;
    await this.#enter();
    try {
      for (let attempt = 1; ; attempt++) {
        try {
          return await this.#once(request, nothing);
        } catch (error) {
          signal?.throwIfAborted();
          if (!(error instanceof Failure)) throw error;
          // Not in step with all others that were sent away at the same time.
          const wait = Math.max(error.retryAfter ?? 0, backoff * 2 ** (attempt - 1) * (0.5 + Math.random()));
          const isWorthAgain = error.isPassing && (again || error.isUntouched);
          if (!isWorthAgain || attempt >= attempts || wait > MAX_WAIT) throw ended(error, { again });
          await sleep(wait, undefined, { ...(signal && { signal }) });
        }
      }
    } finally {
      this.#leave();
    }
  }

  async #once(request: Request, nothing: readonly number[]): Promise<Uint8Array | undefined> {
    const { path, limit } = request;
    const url = `${this.prefix}${path}`;
    const deadline = new Deadline(this.#options);
    try {
      const response = await this.#follow(request, url, deadline.signal);
      const { status } = response;
      if (status === 200) return await readBody(response, limit, deadline);
      if (nothing.includes(status)) {
        await response.body?.cancel();
        return undefined;
      }
      const problem = parseProblem(response, await readStart(response, MAX_PROBLEM_SIZE, deadline));
      throw new Failure(`${url} answers with status ${status}`, {
        problem,
        isPassing: PASSING.has(status),
        isUntouched: status === TOO_MANY_REQUESTS || UNTOUCHED.has(problem?.problem ?? ''),
        retryAfter: parseRetryAfter(response.headers.get('retry-after'), Date.now()),
      });
    } catch (error) {
      if (error instanceof Failure || this.#options.signal?.aborted) throw error;
      if (error instanceof TooLong) throw new Failure(`${url} is longer than the ${limit} bytes that it can have`);
      throw new Failure(`${url} cannot be fetched: ${reasonOf(error)}`, { isPassing: isBroken(error), cause: error });
    } finally {
      deadline.end();
    }
  }

  async #follow({ method, headers, body }: Request, url: string, signal: AbortSignal): Promise<Response> {
    let at = url;
    for (let redirects = 0; ; redirects++) {
      const response = await this.#options.fetch(at, {
        method,
        headers,
        redirect: 'manual',
        signal,
        ...(body && { body: body as Uint8Array<ArrayBuffer> }),
      });
      if (!REDIRECTS.has(response.status)) return response;
      await response.body?.cancel();
      const location = response.headers.get('location') ?? '';
      const to = URL.canParse(location, at) ? new URL(location, at).href : location;
      // What is sent is meant for whom it was sent to.
      if (method !== 'GET' || !to.startsWith(this.prefix) || redirects >= MAX_REDIRECTS) {
        throw new Failure(`${url} redirects to ${to.slice(0, 1000)}, which is not followed`);
      }
      at = to;
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

/** Why a request failed. */
class Failure extends Error {
  readonly problem: HttpProblem | undefined;
  /** Whether it may be otherwise in a while. */
  readonly isPassing: boolean;
  /** Whether the server did nothing with it. */
  readonly isUntouched: boolean;
  readonly retryAfter: number | undefined;

  constructor(
    message: string,
    {
      problem,
      isPassing = false,
      isUntouched = false,
      retryAfter,
      cause,
    }: Partial<Pick<Failure, 'problem' | 'isPassing' | 'isUntouched' | 'retryAfter' | 'cause'>> = {},
  ) {
    super(message, { cause });
    this.problem = problem;
    this.isPassing = isPassing;
    this.isUntouched = isUntouched;
    this.retryAfter = retryAfter;
  }
}

function ended(failure: Failure, { again }: { readonly again: boolean }): CoreError {
  const { message, problem, cause } = failure;
  if (problem !== undefined) return problem;
  // A server that answered otherwise refused it.
  const isUnknown = !again && !failure.isUntouched && (failure.isPassing || cause !== undefined);
  const end = isUnknown ? '; whether the server took what was sent is not known' : '';
  return new CoreError('fetch-failed', `${message}${end}`, { cause });
}

class TooLong extends Error {}

/** The whole body, decompressed as it comes, so that what is too long is never in memory. */
async function readBody({ body }: Response, limit: number, deadline: Deadline): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  // Leaving the loop cancels the stream.
  for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) {
    length += chunk.length;
    deadline.received(length);
    if (length > limit) throw new TooLong();
    chunks.push(chunk);
  }
  if (chunks.length === 1) return chunks[0]!;
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

/** As {@link readBody}; nothing of a body that is too long. */
async function readStart(response: Response, limit: number, deadline: Deadline): Promise<Uint8Array> {
  try {
    return await readBody(response, limit, deadline);
  } catch (error) {
    if (error instanceof TooLong) return new Uint8Array(0);
    throw error;
  }
}

function readPrefix(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined) throw new CoreError('fetch-failed', `"${text}" is not a URL`);
  if (!['http:', 'https:'].includes(url.protocol) || /[?#]/.test(text)) {
    throw new CoreError('fetch-failed', `"${text}" is not the URL of a log: https://, and no query`);
  }
  if (url.username !== '' || url.password !== '') {
    throw new CoreError(
      'fetch-failed',
      `the URL of the log at ${url.host} has a user or a password, which no log asks for`,
    );
  }
  return url.href.endsWith('/') ? url.href : `${url.href}/`;
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
