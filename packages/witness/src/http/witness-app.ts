import { formatSignatureLines } from '@vitrine/core';
import { Hono } from 'hono';
import type { Cosigned, Witness } from '../witness/witness.ts';
import { answer, errorAnswer, PLAIN, problem } from './answer.ts';
import { bodyBudget, MAX_BODY_SIZE, withBody } from './read-body.ts';

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

/** For all bodies at one time. */
const BODY_BUDGET = 64 << 20;

/**
 * A witness over HTTP: the submission prefix and the monitoring prefix are both where this is.
 * https://c2sp.org/tlog-witness#http-interface
 */
export function witnessApp({ witness, signsSubtrees = false, onCosigned, onFault }: WitnessAppOptions): Hono {
  const app = new Hono();
  const bodies = { limit: MAX_BODY_SIZE, budget: bodyBudget(BODY_BUDGET) };
  app.post('/add-checkpoint', async (c) => {
    const cosigned = await withBody(c.req.raw, bodies, (body) => witness.addCheckpoint(body));
    onCosigned?.(cosigned);
    return answer(formatSignatureLines(cosigned.cosignatures), PLAIN);
  });
  if (signsSubtrees) {
    app.post('/sign-subtree', async (c) => {
      const signatures = await withBody(c.req.raw, bodies, (body) => witness.signSubtree(body));
      return answer(formatSignatureLines(signatures), PLAIN);
    });
  }
  app.get('/:hash{[0-9a-f]{64}}/checkpoint', async (c) => {
    const note = await witness.checkpoint(c.req.param('hash'));
    return note === undefined
      ? problem({ status: 404, code: 'witness-log', detail: 'this witness has cosigned no checkpoint of such a log' })
      : answer(note, PLAIN, { 'access-control-allow-origin': '*', 'cache-control': 'no-cache' });
  });
  app.onError((error) => errorAnswer(error, onFault));
  return app;
}
