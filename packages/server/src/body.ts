import type { IncomingMessage } from 'node:http';
import { BodyBudget, type BodyRefusals, KeptBody } from '@vitrine/core/log';
import type { Context } from 'hono';
import { ServerError } from './error.ts';
import type { ServerEnv } from './observed.ts';

const busy = (): ServerError =>
  new ServerError('log-busy', 'too much is sent to this server at once: try again in a second');

const REFUSALS: BodyRefusals = {
  tooLarge: (limit) => new ServerError('http-too-large', `the body has more than ${limit} bytes`),
  cutShort: (cause) => new ServerError('http-malformed', 'the body ended before its length', { cause }),
  crowded: busy,
  gaveWay: busy,
};

/** The memory for bodies, of so many bytes. */
export const bodyBudget = (max: number): BodyBudget => new BodyBudget(max, REFUSALS);

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
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    throw new ServerError('http-encoding', `a body has no content encoding here, and this one has "${encoding}"`);
  }
  const announced = Number(req.header('content-length') ?? 0);
  if (announced > limit) throw REFUSALS.tooLarge(limit);
  const kept = new KeptBody(limit, budget);
  // Without a web stream between, because that costs more than all the rest.
  if (env?.incoming !== undefined) return kept.whole(readIncoming(env.incoming, kept));
  return kept.whole(kept.read(req.raw.body));
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
    const onClose = (): void => done(REFUSALS.cutShort());
    kept.onDrop = done;
    // It may have gone away while nobody was looking.
    if (incoming.destroyed && !incoming.readableEnded) onClose();
    else incoming.on('data', onData).on('end', onEnd).on('error', onClose).on('close', onClose);
  });
}
