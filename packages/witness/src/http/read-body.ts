import { WitnessError } from '../error.ts';

/**
 * Largest body of a request, in bytes. The most lines that a note can have (64), all of them ML-DSA-44, take 211 KiB, and the
 * longest proof less than 3 KiB.
 */
export const MAX_BODY_SIZE: number = 256 << 10;

/** Most lines of one, of which each costs more than its bytes. Signatures and a proof are less than 200, the rest extension lines. */
const MAX_BODY_LINES = 4096;
const NEWLINE = 0x0a;

/**
 * How many bytes of bodies a server keeps at a time. If there is no room for more, the body gives way that has not been whole for
 * the longest: who sends none to its end cannot keep out those who do.
 */
export class BodyBudget {
  #left: number;
  /** In the order of their first bytes. */
  readonly #unfinished = new Set<KeptBody>();

  constructor(bytes: number) {
    this.#left = bytes;
  }

  /**
   * Takes room for more of a body that is not whole.
   *
   * @throws WitnessError `witness-limit` if there is none, and no older body that can give way: nothing was taken then
   */
  take(bytes: number, body: KeptBody): void {
    this.#unfinished.add(body);
    while (bytes > this.#left) {
      const [oldest] = this.#unfinished;
      if (oldest === undefined || oldest === body) {
        throw new WitnessError('witness-limit', 'too many requests at one time', { retryAfter: 1 });
      }
      oldest.drop();
    }
    this.#left -= bytes;
  }

  /** A body is whole, and does not give way any more. */
  finish(body: KeptBody): void {
    this.#unfinished.delete(body);
  }

  /** A body is not needed any more. */
  give(bytes: number, body: KeptBody): void {
    this.#unfinished.delete(body);
    this.#left += bytes;
  }
}

/** A body as it comes. Its bytes are copied together: a chunk can be a single byte, and weigh a hundred times as much. */
class KeptBody {
  readonly #limit: number;
  readonly #budget: BodyBudget;
  #room = new Uint8Array(0);
  #size = 0;
  #dropped: WitnessError | undefined;
  #onDrop: (error: WitnessError) => void = () => {};

  constructor(limit: number, budget: BodyBudget) {
    this.#limit = limit;
    this.#budget = budget;
  }

  /** Adds all that comes. @throws WitnessError as {@link withBody} */
  async fill(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
    const reader = stream.getReader();
    try {
      for (;;) {
        const { done, value } = await this.#unlessDropped(reader);
        // Between the moment at which it came and this one.
        if (this.#dropped !== undefined) throw this.#dropped;
        if (done) break;
        this.#add(value);
      }
    } finally {
      // Not cancelled: that would take the connection away before the answer is sent.
      reader.releaseLock();
    }
    this.#budget.finish(this);
    return this.#room.subarray(0, this.#size);
  }

  /** It gives way to others. */
  drop(): void {
    this.release();
    this.#dropped = new WitnessError('witness-slow', 'the body did not come to its end, and others need the room');
    this.#onDrop(this.#dropped);
  }

  /** Gives back what it took. */
  release(): void {
    this.#budget.give(this.#room.length, this);
    this.#room = new Uint8Array(0);
  }

  #unlessDropped(reader: ReadableStreamDefaultReader<Uint8Array>): ReturnType<typeof reader.read> {
    return new Promise((resolve, reject) => {
      this.#onDrop = reject;
      const broken = (cause: unknown): void =>
        reject(new WitnessError('witness-request', 'the body ended before its length', { cause }));
      reader.read().then(resolve, broken);
    });
  }

  #add(chunk: Uint8Array): void {
    const size = this.#size + chunk.length;
    if (size > this.#limit) throw tooLarge(this.#limit);
    if (size > this.#room.length) this.#grow(Math.min(this.#limit, Math.max(size, 2 * this.#room.length)));
    this.#room.set(chunk, this.#size);
    this.#size = size;
  }

  #grow(length: number): void {
    this.#budget.take(length - this.#room.length, this);
    const room = new Uint8Array(length);
    room.set(this.#room);
    this.#room = room;
  }
}

const tooLarge = (limit: number): WitnessError =>
  new WitnessError('witness-too-large', `a request has at most ${limit} bytes`);

function checkLineCount(body: Uint8Array): void {
  let lines = 0;
  for (let at = body.indexOf(NEWLINE); at >= 0; at = body.indexOf(NEWLINE, at + 1)) {
    if (++lines > MAX_BODY_LINES) {
      throw new WitnessError('witness-too-large', `a request has at most ${MAX_BODY_LINES} lines`);
    }
  }
}

/**
 * What `use` makes of the body of a request. The room for it is taken from the budget as it comes, until that is done.
 *
 * @throws WitnessError `witness-too-large` beyond `limit` bytes, as soon as that shows, and for too many lines; `witness-request` for a
 * body that is compressed or does not come to its end; `witness-slow` if it gave way to others before it was whole; `witness-limit`; what `use`
 * throws
 */
export async function withBody<T>(
  request: Request,
  { limit, budget }: { readonly limit: number; readonly budget: BodyBudget },
  use: (body: Uint8Array) => Promise<T>,
): Promise<T> {
  const encoding = request.headers.get('content-encoding') ?? 'identity';
  if (encoding.toLowerCase() !== 'identity') {
    throw new WitnessError('witness-request', 'a request has no content encoding here');
  }
  if (Number(request.headers.get('content-length') ?? 0) > limit) throw tooLarge(limit);
  if (request.body === null) return use(new Uint8Array(0));
  const kept = new KeptBody(limit, budget);
  try {
    const body = await kept.fill(request.body);
    checkLineCount(body);
    return await use(body);
  } finally {
    kept.release();
  }
}
