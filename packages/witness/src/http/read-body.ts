import { BodyBudget, type BodyRefusals, KeptBody } from '@vitrine/core/log';
import { WitnessError } from '../error.ts';

/**
 * Largest body of a request, in bytes. The most lines that a note can have (64), all of them ML-DSA-44, take 211 KiB, and the
 * longest proof less than 3 KiB.
 */
export const MAX_BODY_SIZE: number = 256 << 10;

/** Most lines of one, of which each costs more than its bytes. Signatures and a proof are less than 200, the rest extension lines. */
const MAX_BODY_LINES = 4096;
const NEWLINE = 0x0a;

const REFUSALS: BodyRefusals = {
  tooLarge: (limit) => new WitnessError('witness-too-large', `a request has at most ${limit} bytes`),
  cutShort: (cause) => new WitnessError('witness-request', 'the body ended before its length', { cause }),
  crowded: () => new WitnessError('witness-limit', 'too many requests at one time', { retryAfter: 1 }),
  gaveWay: () => new WitnessError('witness-slow', 'the body did not come to its end, and others need the room'),
};

/** The memory for bodies, of so many bytes. */
export const bodyBudget = (max: number): BodyBudget => new BodyBudget(max, REFUSALS);

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
  if (Number(request.headers.get('content-length') ?? 0) > limit) throw REFUSALS.tooLarge(limit);
  const kept = new KeptBody(limit, budget);
  const body = await kept.whole(kept.read(request.body));
  try {
    checkLineCount(body);
    return await use(body);
  } finally {
    budget.give(body.length);
  }
}
