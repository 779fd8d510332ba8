import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { gzip as gzipWithCallback } from 'node:zlib';
import { parseRetryAfter } from '@vitrine/core/log';
import { WitnessError } from '../error.ts';
import { askOnce, type HttpAnswer } from '../gather/http-answer.ts';

/** How a mirror is asked. */
export interface MirrorClientOptions {
  /** The mirror's submission prefix. */
  readonly url: string;
  readonly fetch: typeof globalThis.fetch;
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds in which an answer has to come. */
  readonly timeout?: number | undefined;
  /** How often a mirror that cannot be reached, fails or is busy is asked before that has failed, from 1. */
  readonly attempts?: number | undefined;
  /** Milliseconds before it is asked again; twice as many before each further time. */
  readonly backoff?: number | undefined;
}

const gzip = promisify(gzipWithCallback);

// A mirror checks and stores up to 8,192 entries before it answers.
const TIMEOUT = 120_000;
const ATTEMPTS = 5;
const BACKOFF = 500;
/** Nobody is waited for longer than this at a time, in milliseconds. */
const MAX_WAIT = 60_000;

/** Sends requests of https://c2sp.org/tlog-mirror to one mirror. Nothing that comes back is verified. */
export class MirrorClient {
  readonly #prefix: string;
  readonly #options: MirrorClientOptions;

  /** @throws RangeError if the URL is none of HTTP */
  constructor(options: MirrorClientOptions) {
    const { url } = options;
    if (!/^https?:$/.test(URL.canParse(url) ? new URL(url).protocol : '')) {
      throw new RangeError(`not the URL of a mirror: ${url}`);
    }
    this.#prefix = url.endsWith('/') ? url : `${url}/`;
    this.#options = options;
  }

  /** Adds a checkpoint. @throws WitnessError `witness-unreachable`, `witness-answer`; what aborted the signal */
  addCheckpoint(body: Uint8Array): Promise<HttpAnswer> {
    return this.#post('add-checkpoint', body);
  }

  /** Adds entries, compressed. @throws WitnessError `witness-unreachable`, `witness-answer`; what aborted the signal */
  async addEntries(body: Uint8Array): Promise<HttpAnswer> {
    const headers = { 'content-type': 'application/octet-stream', 'content-encoding': 'gzip' };
    return this.#post('add-entries', new Uint8Array(await gzip(body)), headers);
  }

  async #post(path: string, body: Uint8Array, headers?: Readonly<Record<string, string>>): Promise<HttpAnswer> {
    const { fetch, signal, timeout = TIMEOUT, attempts = ATTEMPTS, backoff = BACKOFF } = this.#options;
    const url = `${this.#prefix}${path}`;
    for (let attempt = 1; ; attempt++) {
      let wait = backoff * 2 ** (attempt - 1);
      try {
        const answer = await askOnce({ url, body, headers, fetch, timeout, signal });
        if (!isPassing(answer.status) || attempt >= attempts) return answer;
        wait = Math.max(wait, parseRetryAfter(answer.headers.get('retry-after'), Date.now()) ?? 0);
      } catch (error) {
        if (!isUnreachable(error)) throw error;
        if (attempt >= attempts) throw new WitnessError(error.code, `${url}: ${error.message}`, { cause: error.cause });
      }
      await sleep(Math.min(wait, MAX_WAIT), undefined, { ...(signal && { signal }) });
    }
  }
}

const isPassing = (status: number): boolean => status >= 500 || status === 408 || status === 429;

const isUnreachable = (error: unknown): error is WitnessError =>
  error instanceof WitnessError && error.code === 'witness-unreachable';
