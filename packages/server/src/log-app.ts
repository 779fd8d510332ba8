import type { Log } from '@vitrine/core/log';
import { Hono } from 'hono';
import { aboutRoutes } from './about.ts';
import { Appender, type AppendingLog, type QueueLimits } from './appender.ts';
import { bundleRoutes } from './bundles.ts';
import { FRESH, resource, respond } from './caching.ts';
import { checkpointRoutes } from './checkpoints.ts';
import { type DerivedSource, derivedRoutes } from './derived.ts';
import { logMetrics } from './log-metrics.ts';
import { JSON_TYPE } from './media-types.ts';
import type { Metrics } from './metrics.ts';
import type { ServerEnv } from './observed.ts';
import { type ProvingLog, proofRoutes } from './proofs.ts';
import { type Publishing, publishesAll } from './publishing.ts';
import type { BundledLog } from './release-bundle.ts';
import { type Admitting, readOnlyRoutes, submissionRoutes } from './submission.ts';
import { tileRoutes } from './tiles.ts';

/** A log that is served: one that can be appended to, or only read. */
export type ServedLog = ProvingLog & BundledLog & Pick<Log, 'size' | 'tile'>;

/** How a log is served. */
export interface LogAppOptions {
  /** The log's description, byte for byte as its store has it. */
  readonly description: Uint8Array;
  /** Where the keys are that the log derived. */
  readonly derived: DerivedSource;
  /** Which checkpoints are shown. Without it every one that the log signs. */
  readonly publishing?: Publishing | undefined;
  /** Takes entries. Without it the log is only read. */
  readonly append?: AppendOptions | undefined;
  /** A directory with the manifests of releases that have one, each named by its SHA-256 in hexadecimal digits. */
  readonly manifests?: string | undefined;
  readonly metrics?: Metrics | undefined;
}

/** How a log is appended to. */
export interface AppendOptions {
  readonly log: AppendingLog;
  readonly admitting: Admitting;
  readonly queue?: Partial<QueueLimits> | undefined;
  /** Milliseconds that a client waits for witnesses. */
  readonly waitTimeout?: number | undefined;
  /** How many do at one time. */
  readonly maxWaiting?: number | undefined;
  /** Aborted when the server is about to stop. */
  readonly stopping?: AbortSignal | undefined;
  /** Called when the log takes nothing any more, before it is opened again. */
  readonly failed?: ((error: Error) => void) | undefined;
}

/** The application of a log. */
export interface LogApp {
  readonly app: Hono<ServerEnv>;
  /** Why the log takes nothing any more; undefined while it does. */
  health(): Error | undefined;
}

/** Serves a log: docs/http.md. */
export function logApp(log: ServedLog, options: LogAppOptions): LogApp {
  const { description, derived, publishing = publishesAll(log), append, manifests, metrics } = options;
  const published = (): ReturnType<Publishing['published']> => publishing.published();
  const app = new Hono<ServerEnv>();
  checkpointRoutes(app, { published, newest: () => log.checkpoint() });
  tileRoutes(app, {
    get signedSize() {
      return log.checkpoint().size;
    },
    tile: (level, index, width) => log.tile(level, index, width),
  });
  proofRoutes(app, log, { published });
  bundleRoutes(app, { log, published, manifests });
  derivedRoutes(app, derived);
  const described = resource(description, JSON_TYPE, FRESH);
  app.get('/description', (c) => respond(c, described));
  aboutRoutes(app, log);
  let appender: Appender | undefined;
  if (append === undefined) readOnlyRoutes(app);
  else {
    appender = new Appender(append.log, append.queue, append.failed);
    submissionRoutes(app, { ...append, appender, publishing });
  }
  if (metrics !== undefined) logMetrics(metrics, { log, published, appender });
  return { app, health: () => appender?.failure ?? (append && lasting(publishing.refusal())) };
}

/** Witnesses that have yet to answer will; whatever else keeps a log from taking anything stays, and somebody has to look at it. */
function lasting(refusal: (Error & { readonly code?: unknown }) | undefined): Error | undefined {
  return refusal?.code === 'log-unwitnessed' ? undefined : refusal;
}
