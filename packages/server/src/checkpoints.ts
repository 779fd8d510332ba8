import { equalBytes } from '@vitrine/core';
import type { LogCheckpoint } from '@vitrine/core/log';
import type { Hono } from 'hono';
import { FRESH, type Resource, resource, respond, SHORT } from './caching.ts';
import { ServerError } from './error.ts';
import { TEXT_TYPE } from './media-types.ts';
import type { ServerEnv } from './observed.ts';

/** Which checkpoints are served. */
export interface CheckpointSource {
  /** The newest that may be shown. Undefined if there is none yet. */
  published(): Pick<LogCheckpoint, 'note'> | undefined;
  /** The newest that is signed. @throws CoreError `log-read-only` if there is none yet */
  newest(): Pick<LogCheckpoint, 'note'>;
}

/** Adds the checkpoint of a log, and the newest that is signed, whether or not anybody has cosigned it. */
export function checkpointRoutes(app: Hono<ServerEnv>, source: CheckpointSource): void {
  const published = served(SHORT);
  const newest = served(FRESH);
  app.get('/checkpoint', (c) => respond(c, published(requirePublished(source.published()).note)));
  app.get('/checkpoint/newest', (c) => respond(c, newest(source.newest().note)));
}

/** @throws ServerError `checkpoint-unwitnessed` */
export function requirePublished<T>(checkpoint: T | undefined): T {
  if (checkpoint !== undefined) return checkpoint;
  throw new ServerError(
    'checkpoint-unwitnessed',
    'no checkpoint has been cosigned yet by as many witnesses as the policy of this log asks for',
  );
}

/** The answer for a note, which is the same until there is another. */
function served(cacheControl: string): (note: Uint8Array) => Resource {
  let last: Resource | undefined;
  return (note) => {
    if (last === undefined || !equalBytes(last.bytes, note)) last = resource(note, TEXT_TYPE, cacheControl);
    return last;
  };
}
