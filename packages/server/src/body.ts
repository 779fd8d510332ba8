import type { IncomingMessage } from 'node:http';
import type { Context } from 'hono';
import { ServerError } from './error.ts';
import type { ServerEnv } from './observed.ts';

/** Counts the bytes of bodies that are kept. */
export interface BodyBudget {
  /** @throws ServerError `log-busy` if they are too many: nothing was taken then */
  take(bytes: number): void;
  give(bytes: number): void;
}

/** How a body is read. */
export interface BodyOptions {
  /** Bytes that it may have. */
  readonly limit: number;
  /** Of all bodies at one time. What was taken of it is the caller's to give back once the body is not needed any more. */
  readonly budget?: BodyBudget | undefined;
}

/**
 * The body of a request. What is too long is refused as soon as that shows, by its header or by its bytes.
 *
 * @throws ServerError `http-too-large`; `http-encoding` for a body that is compressed; `http-malformed` if the client went
 * away before its end; `log-busy`. The budget is as it was then.
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
  } catch (error) {
    budget?.give(kept.size);
    throw error;
  }
  return kept.bytes();
}

class KeptBody {
  size = 0;
  readonly #chunks: Uint8Array[] = [];
  readonly #limit: number;
  readonly #budget: BodyBudget | undefined;

  constructor(limit: number, budget: BodyBudget | undefined) {
    this.#limit = limit;
    this.#budget = budget;
  }

  add(chunk: Uint8Array): void {
    if (this.size + chunk.length > this.#limit) throw tooLarge(this.#limit);
    this.#budget?.take(chunk.length);
    this.#chunks.push(chunk);
    this.size += chunk.length;
  }

  bytes(): Uint8Array {
    const [first, ...more] = this.#chunks;
    const bytes = more.length === 0 && first !== undefined ? first : Buffer.concat(this.#chunks);
    return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
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
