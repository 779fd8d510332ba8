import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { CoreError } from '@vitrine/core';
import type { Context } from './context.ts';
import { type ListenCommandOptions, serve } from './serving.ts';

/** Whether a directory holds static files, and not a log. */
export async function isExported(directory: string): Promise<boolean> {
  const [isLog, hasCheckpoint] = await Promise.all(
    ['vitrine.json', 'checkpoint'].map((name) => isFile(join(directory, name))),
  );
  return !isLog && hasCheckpoint === true;
}

/** Serves the static files of a log. @throws as `serve`; CoreError `store-foreign` if the checkpoint is none */
export async function serveExported(context: Context, directory: string, options: ListenCommandOptions): Promise<void> {
  const { ExportedLog, exportedApp, Metrics } = await import('@vitrine/server');
  const log = await ExportedLog.open(directory).catch((cause: unknown) => {
    if (!(cause instanceof CoreError)) throw cause;
    throw new CoreError('store-foreign', `${join(directory, 'checkpoint')}: ${cause.message}`, { cause });
  });
  const about = { origin: log.origin, size: log.signedSize, readOnly: true };
  await serve(context, { app: exportedApp(log), metrics: new Metrics(), about }, options);
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() === true;
}
