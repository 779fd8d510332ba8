import { WitnessError } from '../error.ts';

/** How many bytes of bodies a server keeps at a time. */
export class BodyBudget {
  #left: number;

  constructor(bytes: number) {
    this.#left = bytes;
  }

  /** @throws WitnessError `witness-limit` if there are too many: nothing was taken then */
  take(bytes: number): void {
    if (bytes > this.#left) throw new WitnessError('witness-limit', 'too many requests at one time', { retryAfter: 1 });
    this.#left -= bytes;
  }

  give(bytes: number): void {
    this.#left += bytes;
  }
}

/**
 * What `use` makes of the body of a request. Its bytes are taken from the budget as they come, until that is done.
 *
 * @throws WitnessError `witness-too-large` beyond `limit` bytes, as soon as that shows; `witness-request` for a body that is
 * compressed or does not come to its end; `witness-limit`; what `use` throws
 */
export async function withBody<T>(
  request: Request,
  { limit, budget }: { readonly limit: number; readonly budget: BodyBudget },
  use: (body: Uint8Array) => Promise<T>,
): Promise<T> {
  if (request.headers.has('content-encoding')) {
    throw new WitnessError('witness-request', 'a request has no content encoding here');
  }
  const tooLarge = (): WitnessError => new WitnessError('witness-too-large', `a request has at most ${limit} bytes`);
  if (Number(request.headers.get('content-length') ?? 0) > limit) throw tooLarge();
  const chunks: Uint8Array[] = [];
  let size = 0;
  let taken = 0;
  try {
    for await (const chunk of streamOf(request)) {
      size += chunk.length;
      if (size > limit) throw tooLarge();
      budget.take(chunk.length);
      taken = size;
      chunks.push(chunk);
    }
    const body = new Uint8Array(size);
    let at = 0;
    for (const chunk of chunks) {
      body.set(chunk, at);
      at += chunk.length;
    }
    return await use(body);
  } finally {
    budget.give(taken);
  }
}

async function* streamOf({ body }: Request): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) yield chunk;
  } catch (cause) {
    throw new WitnessError('witness-request', 'the body ended before its length', { cause });
  }
}
