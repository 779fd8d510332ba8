import { formatSignatureLines, MAX_ADD_CHECKPOINT_SIZE, MAX_SIGN_SUBTREE_SIZE } from '@vitrine/core';
import { Hono } from 'hono';
import { WitnessError, type WitnessErrorCode } from '../error.ts';
import type { Cosigned, Witness } from '../witness/witness.ts';
import { BodyBudget, withBody } from './read-body.ts';

/** How a witness is served. */
export interface WitnessAppOptions {
  readonly witness: Witness;
  /** Whether it cosigns subtrees for whoever asks. */
  readonly signsSubtrees?: boolean | undefined;
  /** Told of each checkpoint that was cosigned. */
  readonly onCosigned?: ((cosigned: Cosigned) => void) | undefined;
  /** Told of faults of the witness itself. */
  readonly onFault?: ((error: unknown) => void) | undefined;
}

/** https://c2sp.org/tlog-witness#add-checkpoint */
const TLOG_SIZE = 'text/x.tlog.size';
const PLAIN = 'text/plain; charset=utf-8';
/** For all bodies at one time. */
const BODY_BUDGET = 64 << 20;

const STATUS: Readonly<Partial<Record<WitnessErrorCode, number>>> = {
  'witness-request': 400,
  'witness-signature': 403,
  'witness-log': 404,
  'witness-conflict': 409,
  'witness-too-large': 413,
  'witness-proof': 422,
  'witness-limit': 429,
};
/** Of what the witness itself cannot do now. */
const UNAVAILABLE = 503;

/**
 * A witness over HTTP: the submission prefix and the monitoring prefix are both where this is.
 * https://c2sp.org/tlog-witness#http-interface
 */
export function witnessApp({ witness, signsSubtrees = false, onCosigned, onFault }: WitnessAppOptions): Hono {
  const app = new Hono();
  const budget = new BodyBudget(BODY_BUDGET);
  app.post('/add-checkpoint', async (c) => {
    const limit = MAX_ADD_CHECKPOINT_SIZE;
    const cosigned = await withBody(c.req.raw, { limit, budget }, (body) => witness.addCheckpoint(body));
    onCosigned?.(cosigned);
    return answer(formatSignatureLines(cosigned.cosignatures), PLAIN);
  });
  if (signsSubtrees) {
    app.post('/sign-subtree', async (c) => {
      const limit = MAX_SIGN_SUBTREE_SIZE;
      const signatures = await withBody(c.req.raw, { limit, budget }, (body) => witness.signSubtree(body));
      return answer(formatSignatureLines(signatures), PLAIN);
    });
  }
  app.get('/:hash{[0-9a-f]{64}}/checkpoint', async (c) => {
    const note = await witness.checkpoint(c.req.param('hash'));
    return note === undefined
      ? problem({ status: 404, code: 'witness-log', detail: 'this witness has cosigned no checkpoint of such a log' })
      : answer(note, PLAIN, { 'access-control-allow-origin': '*', 'cache-control': 'no-cache' });
  });
  app.onError((error) => {
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
  });
  return app;
}

function answer(
  body: Uint8Array,
  type: string,
  headers: Readonly<Record<string, string>> = {},
  status = 200,
): Response {
  const all = { 'content-type': type, 'cache-control': 'no-store', ...headers };
  return new Response(new Uint8Array(body), { status, headers: all });
}

/** A refusal. RFC 9457 */
function problem({
  status,
  code,
  detail,
  retryAfter,
}: {
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly retryAfter?: number | undefined;
}): Response {
  const body = new TextEncoder().encode(`${JSON.stringify({ type: 'about:blank', status, code, detail })}\n`);
  const headers = {
    ...(retryAfter !== undefined && { 'retry-after': String(retryAfter) }),
    // What is left of the body is not waited for.
    ...(status === 413 && { connection: 'close' }),
  };
  return answer(body, 'application/problem+json', headers, status);
}
