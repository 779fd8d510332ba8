import { CoreError, ENTRY_PREFIX_SIZE, MAX_ENTRY_SIZE, parseBundle } from '@vitrine/core';
import { MAX_COMMIT_BYTES, MAX_COMMIT_ENTRIES } from '@vitrine/core/log';
import type { Context, Hono } from 'hono';
import type { Appender } from './appender.ts';
import { readBody } from './body.ts';
import { ServerError } from './error.ts';
import { TEXT_TYPE } from './media-types.ts';
import type { ServerEnv } from './observed.ts';
import { problemResponse } from './problem.ts';
import type { Publishing } from './publishing.ts';
import { queryOf } from './query.ts';

/** Who may append: whoever has a token, or everybody. */
export type Admitting = { nameOf(token: string): Promise<string | undefined> } | 'everybody';

/** How a log is appended to. */
export interface SubmissionOptions {
  readonly appender: Appender;
  readonly publishing: Publishing;
  /** Statements carry the signature of who may append them; other entries need a token. */
  readonly admitting: Admitting;
  /** Milliseconds that a client waits for witnesses. */
  readonly waitTimeout?: number | undefined;
  /** How many do at one time; those beyond are told at once that it takes longer. */
  readonly maxWaiting?: number | undefined;
  /** Aborted when the server is about to stop: nobody waits for witnesses any more then. */
  readonly stopping?: AbortSignal | undefined;
}

const WAIT_TIMEOUT = 30_000;
/** Clients that wait at one time: each of them has a connection, and others need some too. */
const MAX_WAITING = 1024;
const HEADERS = { 'content-type': TEXT_TYPE, 'cache-control': 'no-store' };

/** Adds what appends to a log: `POST /add` one entry, `POST /add-batch` many. */
export function submissionRoutes(app: Hono<ServerEnv>, submission: SubmissionOptions): void {
  const { appender } = submission;
  const options = { ...submission, witnessed: new WitnessedWait(submission) };
  app.post('/add', (c) =>
    submit(c, options, MAX_ENTRY_SIZE, async (body) => {
      const { index } = await appender.append(body);
      return [index];
    }),
  );
  app.post('/add-batch', (c) =>
    submit(c, options, MAX_COMMIT_BYTES, async (body) => {
      const appended = await appender.appendTogether(entriesOf(body));
      return Array.from(appended, ({ index }) => index);
    }),
  );
}

/** What is refused as soon as a log does not take anything. */
export function readOnlyRoutes(app: Hono<ServerEnv>): void {
  const refuse = (): never => {
    throw new CoreError('log-read-only', 'this is a copy of the log, or a server that only reads it: append elsewhere');
  };
  app.post('/add', refuse);
  app.post('/add-batch', refuse);
}

async function submit(
  c: Context<ServerEnv>,
  { appender, publishing, admitting, witnessed }: SubmissionOptions & { readonly witnessed: WitnessedWait },
  limit: number,
  append: (body: Uint8Array) => Promise<number[]>,
): Promise<Response> {
  const { wait } = queryOf(c.req, ['wait']);
  if (wait !== undefined && wait !== 'witnessed') {
    throw new ServerError('http-malformed', 'wait can be "witnessed", and nothing else');
  }
  if (admitting !== 'everybody') await checkToken(c, admitting);
  const refusal = publishing.refusal();
  if (refusal !== undefined) return refusalResponse(refusal);
  const body = await readBody(c, { limit, budget: appender.bodies });
  let indices: number[];
  try {
    // It may have taken a while to come.
    const refused = publishing.refusal();
    if (refused !== undefined) return refusalResponse(refused);
    indices = await append(body);
  } finally {
    appender.bodies.give(body.length);
  }
  if (wait !== undefined) await witnessed.waitFor(indices);
  return new Response(`${indices.join('\n')}\n`, { headers: HEADERS });
}

/** @throws ServerError `token-missing` */
async function checkToken(c: Context<ServerEnv>, tokens: Exclude<Admitting, string>): Promise<void> {
  const [, token] = /^Bearer ([\x21-\x7e]{1,256})$/i.exec(c.req.header('authorization') ?? '') ?? [];
  if (token === undefined) {
    throw new ServerError(
      'token-missing',
      'appending to this log needs a token, in the header "Authorization: Bearer"',
    );
  }
  if ((await tokens.nameOf(token)) === undefined)
    throw new ServerError('token-missing', 'this is no token of this log');
}

/** The clients that wait for witnesses. */
class WitnessedWait {
  readonly #publishing: Publishing;
  readonly #timeout: number;
  readonly #max: number;
  readonly #stopping: AbortSignal | undefined;
  readonly #waiting = new Set<AbortController>();

  constructor({ publishing, waitTimeout, maxWaiting, stopping }: SubmissionOptions) {
    this.#publishing = publishing;
    this.#timeout = waitTimeout ?? WAIT_TIMEOUT;
    this.#max = maxWaiting ?? MAX_WAITING;
    this.#stopping = stopping;
    // One listener for all, because the signal lives as long as the server.
    stopping?.addEventListener('abort', () => {
      for (const ending of this.#waiting) ending.abort();
    });
  }

  /**
   * Resolves once the published checkpoint covers entries that were appended.
   *
   * @throws ServerError `witness-timeout` with their indices, whatever the reason, because they are in the log all the same
   */
  async waitFor(indices: readonly number[]): Promise<void> {
    const ending = new AbortController();
    if (this.#waiting.size >= this.#max || this.#stopping?.aborted) ending.abort();
    const timer = setTimeout(() => ending.abort(), this.#timeout);
    this.#waiting.add(ending);
    try {
      await this.#publishing.waitFor(Math.max(...indices) + 1, ending.signal);
    } catch (cause) {
      throw new ServerError(
        'witness-timeout',
        'logged, and not cosigned yet by as many witnesses as the policy asks for: do not append it again, see /checkpoint later',
        { cause, extra: indices.length === 1 ? { index: indices[0]! } : { indices } },
      );
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(ending);
    }
  }
}

/** Why the log takes nothing, whoever asks: somebody has to look at it. */
function refusalResponse({ code, message }: Error & { readonly code?: unknown }): Response {
  return problemResponse({ status: 409, code: typeof code === 'string' ? code : 'log-refused', detail: message });
}

/** @throws ServerError `http-too-large`; CoreError `bundle-malformed` */
function entriesOf(body: Uint8Array): Uint8Array[] {
  let count = 0;
  for (let at = 0; at < body.length; count++) at += ENTRY_PREFIX_SIZE + (body[at]! << 8) + (body[at + 1] ?? 0);
  if (count === 0) throw new CoreError('bundle-malformed', 'there are no entries in the body');
  if (count > MAX_COMMIT_ENTRIES) {
    throw new ServerError('http-too-large', `a batch has at most ${MAX_COMMIT_ENTRIES} entries, this one has ${count}`);
  }
  return parseBundle(body, count);
}
