import { WitnessError, type WitnessErrorCode } from '../error.ts';

/** https://c2sp.org/tlog-witness#add-checkpoint */
const TLOG_SIZE = 'text/x.tlog.size';
export const PLAIN = 'text/plain; charset=utf-8';

const STATUS: Readonly<Partial<Record<WitnessErrorCode, number>>> = {
  'witness-request': 400,
  'witness-signature': 403,
  'witness-log': 404,
  'witness-slow': 408,
  'witness-conflict': 409,
  'witness-too-large': 413,
  'witness-proof': 422,
  'witness-limit': 429,
};
/** Of what the witness itself cannot do now. */
const UNAVAILABLE = 503;

/** An answer that is not to be kept by anybody. */
export function answer(
  body: Uint8Array,
  type: string,
  headers: Readonly<Record<string, string>> = {},
  status = 200,
): Response {
  const all = { 'content-type': type, 'cache-control': 'no-store', ...headers };
  return new Response(new Uint8Array(body), { status, headers: all });
}

/** What a refusal says. */
export interface Problem {
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  /** Seconds. */
  readonly retryAfter?: number | undefined;
}

/** A refusal. RFC 9457 */
export function problem({ status, code, detail, retryAfter }: Problem): Response {
  const body = new TextEncoder().encode(`${JSON.stringify({ type: 'about:blank', status, code, detail })}\n`);
  const headers = {
    ...(retryAfter !== undefined && { 'retry-after': String(retryAfter) }),
    // What is left of the body is not waited for.
    ...((status === 408 || status === 413) && { connection: 'close' }),
  };
  return answer(body, 'application/problem+json', headers, status);
}

/**
 * What an error is answered with.
 *
 * @param onFault told of those that nobody outside can have caused
 */
export function errorAnswer(error: unknown, onFault: ((error: unknown) => void) | undefined): Response {
  if (!(error instanceof WitnessError)) {
    onFault?.(error);
    return problem({ status: 500, code: 'unexpected', detail: 'something went wrong here' });
  }
  const { code, message, size, retryAfter } = error;
  if (code === 'witness-conflict') return answer(new TextEncoder().encode(`${size}\n`), TLOG_SIZE, {}, 409);
  const status = STATUS[code] ?? UNAVAILABLE;
  if (status !== UNAVAILABLE) return problem({ status, code, detail: message, retryAfter });
  onFault?.(error);
  return problem({ status, code, detail: 'the witness cannot do its work now', retryAfter: 60 });
}
