import type { HttpBindings } from '@hono/node-server';
import { type Context, type Env, Hono } from 'hono';
import { routePath } from 'hono/route';
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
  /** Node's own objects. Absent, as all of the bindings may be, where a test asks without a socket. */
  Bindings: Partial<HttpBindings>;
  Variables: { requestId: string };
}

/** How an application is observed. */
export interface ObservedOptions {
  readonly logger?: Logger | undefined;
  readonly metrics?: Metrics | undefined;
  /** Why the server cannot do its work any more; undefined while it can. */
  readonly health?: (() => Error | undefined) | undefined;
}

const UNMATCHED = 'none';
// Other spellings of a path: percent-encoding, which no path here needs, backslashes, and steps up and down.
const ANOTHER_SPELLING = /^[^?]*(?:%|\\|\/\.{1,2}(?:[/?]|$))/;
const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH']);

/**
 * What every server has around its application: identifiers of requests, logs, metrics at `/metrics`, `/healthz`, refusals as
 * problems (RFC 9457), 405 with `Allow`, answers to OPTIONS, and one spelling of each path.
 */
export function observed<E extends Env>(
  app: Hono<E>,
  { logger, metrics, health }: ObservedOptions = {},
): Hono<ServerEnv> {
  const shell = new Hono<ServerEnv>();
  shell.use(async (c, next) => {
    const started = performance.now();
    const id = requestId(c.req.header('x-request-id'));
    c.set('requestId', id);
    const outgoing = c.env?.outgoing;
    const isIdentified = outgoing instanceof IdentifiedResponse;
    if (isIdentified) outgoing.requestId = id;
    if (ANOTHER_SPELLING.test(c.env?.incoming?.url ?? pathOf(c.req.url))) {
      c.res = refuse(c, {
        status: 400,
        code: 'http-malformed',
        detail: 'a path has one spelling here, without % and dots',
      });
    } else {
      await next();
    }
    const { res } = c;
    if (!isIdentified) res.headers.set('x-request-id', id);
    const route = routePath(c, -1);
    const method = METHODS.has(c.req.method) ? c.req.method : 'OTHER';
    const seconds = (performance.now() - started) / 1000;
    metrics?.answered({ route: route === '/*' ? UNMATCHED : route, method, status: res.status }, seconds);
    if (logger?.isLevelEnabled('debug')) {
      logger.debug({ id, method: c.req.method, path: c.req.path, status: res.status, seconds }, 'request');
    }
  });
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
  const allowed = allowedMethods(shell);
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
      logger?.error({ id: c.get('requestId'), method: c.req.method, path: c.req.path, err: error }, 'a request failed');
    }
    return refuse(c, problem ?? INTERNAL);
  });
  return shell;
}

/** Which methods a path has, by the routes of an application. */
function allowedMethods({
  routes,
}: {
  readonly routes: readonly { readonly method: string; readonly path: string }[];
}): (path: string) => string[] {
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

/** A refusal, which a page may read as it may read the answer. */
function refuse({ req }: Context, problem: Problem): Response {
  const isRead = req.method === 'GET' || req.method === 'HEAD';
  const headers = { ...(isRead && { 'access-control-allow-origin': '*' }), ...problem.headers };
  return problemResponse({ ...problem, headers });
}

function codeOf(error: Error & { readonly code?: unknown }): string {
  return typeof error.code === 'string' ? error.code : INTERNAL.code;
}

function pathOf(url: string): string {
  return url.slice(url.indexOf('/', url.indexOf('://') + 3));
}

/** What a request that is none is refused with, before there is an application to ask. */
export function malformedRequest(): Response {
  return problemResponse({
    status: 400,
    code: 'http-malformed',
    detail: 'the request has no URL or no host that can be read',
  });
}

/** There is nothing at a path. */
export function notFound(message: string): ServerError {
  return new ServerError('http-not-found', message);
}
