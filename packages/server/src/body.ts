import type { IncomingMessage } from 'node:http';
import type { Context } from 'hono';
import type { BodyBudget, UnfinishedBody } from './body-budget.ts';
import { ServerError } from './error.ts';
import type { ServerEnv } from './observed.ts';

/** How a body is read. */
export interface BodyOptions {
  /** Bytes that it may have. */
  readonly limit: number;
  /** Of all bodies at one time. The length of what was read is the caller's to give back once the body is not needed any more. */
  readonly budget: BodyBudget;
}

/**
 * The body of a request. What is too long is refused as soon as that shows, by its header or by its bytes. However it is cut into
 * chunks, it takes at most twice its length of memory.
 *
 * @throws ServerError `http-too-large`; `http-encoding` for a body that is compressed; `http-malformed` if the client went
 * away before its end; `log-busy`, also while it is read, if it gives way to others. The budget is as it was then.
 */
export async function readBody({ req, env }: Context<ServerEnv>, { limit, budget }: BodyOptions): Promise<Uint8Array> {
  const encoding = req.header('content-encoding');
  if (encoding !== undefined && encoding !== 'identity') {
    throw new ServerError('http-encoding', `a body has no content encoding here, and this one has "${encoding}"`);
  }
  const announced = Number(req.header('content-length') ?? 0);
  if (announced > limit) throw tooLarge(limit);
  const kept = new KeptBody(limit, budget);
  try {
    // Without a web stream between, because that costs more than all the rest.
    if (env?.incoming !== undefined) await readIncoming(env.incoming, kept);
    else await readStream(req.raw.body, kept);
    return kept.finish();
  } catch (error) {
    kept.abandon();
    throw error;
  }
}

/** What has come of a body. Nothing of a chunk is kept but its bytes: its object is far larger than what a client may put into it. */
class KeptBody implements UnfinishedBody {
  size = 0;
  /** Called when the body gives way to others. */
  onDrop: ((reason: ServerError) => void) | undefined;
  /** The first chunk, or an array with room for more. */
  #bytes: Uint8Array = new Uint8Array(0);
  #dropped: ServerError | undefined;
  readonly #limit: number;
  readonly #budget: BodyBudget;

  constructor(limit: number, budget: BodyBudget) {
    this.#limit = limit;
    this.#budget = budget;
  }

  add(chunk: Uint8Array): void {
    if (this.#dropped !== undefined) throw this.#dropped;
    const size = this.size + chunk.length;
    if (size > this.#limit) throw tooLarge(this.#limit);
    this.#budget.take(chunk.length, this);
    // What comes in one piece, as most do, is not copied.
    if (this.size === 0) this.#bytes = chunk;
    else {
      if (size > this.#bytes.length) this.#grow(size);
      this.#bytes.set(chunk, this.size);
    }
    this.size = size;
  }

  #grow(size: number): void {
    const grown = new Uint8Array(Math.max(size, Math.min(this.#limit, 2 * this.#bytes.length)));
    grown.set(this.#bytes);
    this.#bytes = grown;
  }

  drop(reason: ServerError): void {
    this.#dropped = reason;
    this.#bytes = new Uint8Array(0);
    this.onDrop?.(reason);
  }

  /** The whole body. @throws ServerError if it had to give way before this */
  finish(): Uint8Array {
    if (this.#dropped !== undefined) throw this.#dropped;
    this.#budget.finish(this);
    const { buffer, byteOffset } = this.#bytes;
    // A small part of something large would keep all of that.
    if (buffer.byteLength > 2 * this.size) return this.#bytes.slice(0, this.size);
    return new Uint8Array(buffer, byteOffset, this.size);
  }

  /** It is not read to its end. */
  abandon(): void {
    if (this.#dropped !== undefined) return;
    this.#budget.finish(this);
    this.#budget.give(this.size);
  }
}

function readIncoming(incoming: IncomingMessage, kept: KeptBody): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (error?: unknown): void => {
      incoming.off('data', onData).off('end', onEnd).off('error', onClose).off('close', onClose);
      if (error === undefined) resolve();
      else reject(error);
    };
    const onData = (chunk: Uint8Array): void => {
      try {
        kept.add(chunk);
      } catch (error) {
        done(error);
      }
    };
    const onEnd = (): void => done();
    const onClose = (): void => done(new ServerError('http-malformed', 'the body ended before its length'));
    kept.onDrop = done;
    // It may have gone away while nobody was looking.
    if (incoming.destroyed && !incoming.readableEnded) onClose();
    else incoming.on('data', onData).on('end', onEnd).on('error', onClose).on('close', onClose);
  });
}

async function readStream(body: ReadableStream<Uint8Array> | null, kept: KeptBody): Promise<void> {
  if (body === null) return;
  for await (const chunk of body) kept.add(chunk);
}

function tooLarge(limit: number): ServerError {
  return new ServerError('http-too-large', `the body has more than ${limit} bytes`);
}
