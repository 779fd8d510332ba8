import type { IncomingMessage } from 'node:http';
import type { HttpBindings } from '@hono/node-server';
import { type Context, type Env, Hono } from 'hono';
import { RegExpRouter } from 'hono/router/reg-exp-router';
import { SmartRouter } from 'hono/router/smart-router';
import { TrieRouter } from 'hono/router/trie-router';
import type { Logger } from 'pino';
import { ServerError } from './error.ts';
import { IdentifiedResponse } from './identified-response.ts';
import { TEXT_TYPE } from './media-types.ts';
import type { Metrics } from './metrics.ts';
import { INTERNAL, type Problem, problemOf, problemResponse } from './problem.ts';
import { requestId } from './request-id.ts';

/** What the handlers of an observed application find beside the request. */
export interface ServerEnv extends Env {
  /** Node's own objects, which are absent where a test asks without a socket. */
  Bindings: Partial<HttpBindings> & { requestId?: string };
}

/** How an application is observed. */
export interface ObservedOptions {
  readonly logger?: Logger | undefined;
  readonly metrics?: Metrics | undefined;
  /** Why the server cannot do its work any more; undefined while it can. */
  readonly health?: (() => Error | undefined) | undefined;
}

/** What answers requests, at once where it can. */
export interface ObservedApp {
  fetch(request: Request, env?: ServerEnv['Bindings']): Response | Promise<Response>;
  /** What it has, by method and path. */
  readonly routes: readonly Route[];
}

interface Route {
  readonly method: string;
  readonly path: string;
}

const UNMATCHED = 'none';
// Other spellings of a path: percent-encoding, which no path here needs, backslashes, and steps up and down.
const ANOTHER_SPELLING = /^[^?]*(?:%|\\|\/\.{1,2}(?:[/?]|$))/;
const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH']);

/**
 * What every server has around its application: identifiers of requests, logs, metrics at `/metrics`, `/healthz`, refusals as
 * problems (RFC 9457), 405 with `Allow`, answers to OPTIONS, and one spelling of each path.
 *
 * It stands around the application and is no middleware of it, because that would make every answer wait for a promise.
 */
export function observed<E extends Env>(app: Hono<E>, options: ObservedOptions = {}): ObservedApp {
  const { logger, metrics } = options;
  const shell = shellOf(app, options);
  const routeOf = routeNames(shell.routes);

  return {
    routes: shell.routes,
    fetch(request, env = {}) {
      const started = performance.now();
      const id = requestId(givenId(request, env.incoming));
      const { outgoing } = env;
      if (outgoing instanceof IdentifiedResponse) outgoing.requestId = id;
      env.requestId = id;
      const target = env.incoming?.url ?? pathOf(request.url);
      const answered = (response: Response): Response => {
        if (env.incoming !== undefined) forgetBody(env.incoming);
        if (!(outgoing instanceof IdentifiedResponse)) response.headers.set('x-request-id', id);
        const { status } = response;
        const seconds = (performance.now() - started) / 1000;
        const path = pathname(target);
        if (metrics !== undefined) {
          const method = METHODS.has(request.method) ? request.method : 'OTHER';
          metrics.answered({ route: routeOf(request.method, path), method, status }, seconds);
        }
        if (logger?.isLevelEnabled('debug')) {
          logger.debug({ id, method: request.method, path, status, seconds }, 'request');
        }
        return response;
      };
      if (ANOTHER_SPELLING.test(target)) {
        const detail = 'a path has one spelling here, without % and dots';
        return answered(refusal(request.method, { status: 400, code: 'http-malformed', detail }));
      }
      const response = shell.fetch(request, env);
      return response instanceof Promise ? response.then(answered) : answered(response);
    },
  };
}

/** The application, and what all have. */
function shellOf<E extends Env>(app: Hono<E>, { logger, metrics, health }: ObservedOptions): Hono<ServerEnv> {
  const shell = new Hono<ServerEnv>();
  shell.get('/healthz', (c) => {
    const reason = health?.();
    if (reason === undefined) return c.body('ok\n', 200, { 'content-type': TEXT_TYPE, 'cache-control': 'no-store' });
    return refuse(c, { status: 503, code: codeOf(reason), detail: reason.message });
  });
  if (metrics !== undefined) {
    shell.get('/metrics', async (c) =>
      c.body(await metrics.text(), 200, { 'content-type': metrics.contentType, 'cache-control': 'no-store' }),
    );
  }
  shell.route('/', app as unknown as Hono<ServerEnv>);
  const allowed = allowedMethods(shell.routes);
  shell.notFound((c) => {
    const methods = allowed(c.req.path);
    if (methods.length === 0) {
      return refuse(c, { status: 404, code: 'http-not-found', detail: `there is nothing at ${c.req.path}` });
    }
    const allow = methods.join(', ');
    if (c.req.method === 'OPTIONS') return c.body(null, 204, { allow, ...preflight(methods) });
    const detail = `${c.req.path} can be asked with ${allow}`;
    return refuse(c, { status: 405, code: 'http-method', detail, headers: { allow } });
  });
  shell.onError((error, c) => {
    const problem = problemOf(error);
    if (problem === undefined || problem.status === 500) {
      const { method, path } = c.req;
      logger?.error({ id: c.env.requestId, method, path, err: error }, 'a request failed');
    }
    return refuse(c, problem ?? INTERNAL);
  });
  return shell;
}

/** What a request is counted under: the path that its route was given. */
function routeNames(routes: readonly Route[]): (method: string, path: string) => string {
  const router = new SmartRouter<string>({ routers: [new RegExpRouter(), new TrieRouter()] });
  for (const { method, path } of routes) router.add(method, path, path);
  return (method, path) => router.match(method === 'HEAD' ? 'GET' : method, path)[0].at(-1)?.[0] ?? UNMATCHED;
}

/** Which methods a path has. */
function allowedMethods(routes: readonly Route[]): (path: string) => string[] {
  const router = new TrieRouter<string>();
  for (const { method, path } of routes) if (method !== 'ALL') router.add('ALL', path, method);
  return (path) => {
    const methods = new Set(router.match('ALL', path)[0].map(([method]) => method));
    if (methods.has('GET')) methods.add('HEAD');
    if (methods.size > 0) methods.add('OPTIONS');
    return [...methods].sort();
  };
}

/** Any page may read what everybody may read. https://fetch.spec.whatwg.org/#http-cors-protocol */
function preflight(methods: readonly string[]): Record<string, string> {
  const read = methods.filter((method) => method === 'GET' || method === 'HEAD');
  if (read.length === 0) return {};
  return {
    'access-control-allow-origin': '*',
    'access-control-allow-methods': read.join(', '),
    'access-control-allow-headers': 'If-None-Match, X-Request-Id',
    'access-control-max-age': '86400',
  };
}

function refuse({ req }: Context, problem: Problem): Response {
  return refusal(req.method, problem);
}

/** A refusal, which a page may read as it may read the answer. */
function refusal(method: string, problem: Problem): Response {
  const isRead = method === 'GET' || method === 'HEAD';
  const headers = { ...(isRead && { 'access-control-allow-origin': '*' }), ...problem.headers };
  return problemResponse({ ...problem, headers });
}

function codeOf(error: Error & { readonly code?: unknown }): string {
  return typeof error.code === 'string' ? error.code : INTERNAL.code;
}

/** What nobody has read of a body would stay in memory for as long as its client does not take the answer. */
function forgetBody(incoming: IncomingMessage): void {
  const { 'content-length': length, 'transfer-encoding': encoding } = incoming.headers;
  if ((length !== undefined || encoding !== undefined) && !incoming.readableEnded) incoming.resume();
}

/** The same without making an object of all headers, where Node has one. */
function givenId(request: Request, incoming: IncomingMessage | undefined): string | undefined {
  const given = incoming === undefined ? request.headers.get('x-request-id') : incoming.headers['x-request-id'];
  return typeof given === 'string' ? given : undefined;
}

/** What stands in the first line of a request for a URL. */
function pathOf(url: string): string {
  return url.slice(url.indexOf('/', url.indexOf('://') + 3));
}

function pathname(target: string): string {
  const path = target.startsWith('/') ? target : pathOf(target);
  const query = path.indexOf('?');
  return query === -1 ? path : path.slice(0, query);
}

/** What a request that is none is refused with, before there is an application to ask. */
export function malformedRequest(): Response {
  const detail = 'the request has no URL or no host that can be read';
  return problemResponse({ status: 400, code: 'http-malformed', detail });
}

/** There is nothing at a path. */
export function notFound(message: string): ServerError {
  return new ServerError('http-not-found', message);
}
