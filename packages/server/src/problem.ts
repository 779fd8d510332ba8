import { STATUS_CODES } from 'node:http';
import { PROBLEM_TYPE } from './media-types.ts';

/** Seconds after which a client may try again what was too much. */
const RETRY_AFTER = '1';

/** The status of each code that is no 500. */
const STATUS: Readonly<Record<string, number>> = {
  'http-malformed': 400,
  'number-malformed': 400,
  'base64-malformed': 400,
  'cbor-malformed': 400,
  'bundle-malformed': 400,
  'entry-empty': 400,
  'entry-reserved': 400,
  'proof-range': 400,
  'statement-malformed': 400,
  'statement-newer': 400,
  'token-missing': 401,
  'admission-audience': 403,
  'admission-issuer': 403,
  'admission-key': 403,
  'admission-role': 403,
  'admission-sequence': 403,
  'admission-subject': 403,
  'admission-withdrawn': 403,
  'statement-key': 403,
  'statement-signature': 403,
  'log-admission': 403,
  'log-read-only': 403,
  'checkpoint-missing': 404,
  'checkpoint-unwitnessed': 404,
  'entry-missing': 404,
  'http-not-found': 404,
  'log-index': 404,
  'log-mirror': 404,
  'log-range': 404,
  'manifest-missing': 404,
  'stream-missing': 404,
  'tile-malformed': 404,
  'tile-missing': 404,
  'http-method': 405,
  'entry-too-large': 413,
  'http-too-large': 413,
  'http-encoding': 415,
  'log-busy': 503,
  'log-closed': 503,
  'log-failed': 503,
  'store-closed': 503,
  'store-io': 503,
  'witness-timeout': 504,
};

/** What an answer says of a refusal. */
export interface Problem {
  readonly status: number;
  /** Stable; the ones that the libraries and the command have. */
  readonly code: string;
  readonly detail: string;
  readonly extra?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The answer that tells a problem. RFC 9457 */
export function problemResponse({ status, code, detail, extra, headers }: Problem): Response {
  const title = STATUS_CODES[status] ?? 'Error';
  return new Response(`${JSON.stringify({ type: 'about:blank', title, status, code, detail, ...extra })}\n`, {
    status,
    headers: {
      'content-type': PROBLEM_TYPE,
      'cache-control': 'no-store',
      ...(status === 401 && { 'www-authenticate': 'Bearer' }),
      // What is left of the body is not waited for.
      ...(status === 413 && { connection: 'close' }),
      ...(status === 503 && { 'retry-after': RETRY_AFTER }),
      ...headers,
    },
  });
}

/** Whether `error` is one that clients are told as it is: one with a stable code that is known here. */
export function problemOf(error: unknown): Problem | undefined {
  const { code, message, extra } = error as { code?: unknown; message?: unknown; extra?: Record<string, unknown> };
  if (!(error instanceof Error) || typeof code !== 'string') return undefined;
  const status = STATUS[code];
  return status === undefined ? undefined : { status, code, detail: String(message), ...(extra && { extra }) };
}

/** What a client is told of a fault: that there was one. The log of the server has the rest. */
export const INTERNAL: Problem = { status: 500, code: 'unexpected', detail: 'something went wrong here: see the log' };
