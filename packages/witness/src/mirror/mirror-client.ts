import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { gzip as gzipWithCallback } from 'node:zlib';
import { parseRetryAfter } from '@vitrine/core/log';
import { WitnessError } from '../error.ts';
import { MAX_MIRROR_INFO_SIZE } from './mirror-info.ts';

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

/** An answer, of a status that says something about the request. */
export interface MirrorAnswer {
  readonly status: number;
  readonly body: Uint8Array;
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

  /** Adds a checkpoint. @throws WitnessError `mirror-unreachable`; what aborted the signal */
  addCheckpoint(body: Uint8Array): Promise<MirrorAnswer> {
    return this.#post('add-checkpoint', body, { 'content-type': 'text/plain; charset=utf-8' });
  }

  /** Adds entries, compressed. @throws WitnessError `mirror-unreachable`; what aborted the signal */
  async addEntries(body: Uint8Array): Promise<MirrorAnswer> {
    const headers = { 'content-type': 'application/octet-stream', 'content-encoding': 'gzip' };
    return this.#post('add-entries', new Uint8Array(await gzip(body)), headers);
  }

  async #post(path: string, body: Uint8Array, headers: Readonly<Record<string, string>>): Promise<MirrorAnswer> {
    const { signal, attempts = ATTEMPTS, backoff = BACKOFF } = this.#options;
    for (let attempt = 1; ; attempt++) {
      const { answer, reason, retryAfter } = await this.#once(`${this.#prefix}${path}`, body, headers);
      if (answer !== undefined) return answer;
      if (attempt >= attempts) throw new WitnessError('mirror-unreachable', `${this.#prefix}${path}: ${reason}`);
      const wait = Math.min(MAX_WAIT, Math.max(retryAfter ?? 0, backoff * 2 ** (attempt - 1)));
      await sleep(wait, undefined, { ...(signal && { signal }) });
    }
  }

  async #once(
    url: string,
    body: Uint8Array,
    headers: Readonly<Record<string, string>>,
  ): Promise<{ readonly answer?: MirrorAnswer; readonly reason?: string; readonly retryAfter?: number | undefined }> {
    const { fetch, signal, timeout = TIMEOUT } = this.#options;
    try {
      const timer = AbortSignal.timeout(timeout);
      const response = await fetch(url, {
        method: 'POST',
        headers,
        body: body as Uint8Array<ArrayBuffer>,
        redirect: 'manual',
        signal: signal === undefined ? timer : AbortSignal.any([signal, timer]),
      });
      const { status } = response;
      const answer = { status, body: await readBody(response) };
      if (status < 500 && status !== 408 && status !== 429) return { answer };
      const retryAfter = parseRetryAfter(response.headers.get('retry-after'), Date.now());
      return { reason: `it answers with status ${status}`, retryAfter };
    } catch (error) {
      signal?.throwIfAborted();
      let reason = error;
      while (reason instanceof Error && reason.cause instanceof Error) reason = reason.cause;
      return { reason: reason instanceof Error ? reason.message || reason.name : String(reason) };
    }
  }
}

/** At most as long as the longest answer that there is. */
async function readBody({ body }: Response): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > MAX_MIRROR_INFO_SIZE) throw new RangeError('its answer is too long');
    chunks.push(chunk);
  }
  return new Uint8Array(Buffer.concat(chunks));
}
