import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Workspace } from './workspace.ts';

/** A command that serves, in a process of its own. */
export interface ServingCommand {
  readonly url: string;
  /** What it has said on standard error. */
  said(): string;
  /** Sends a signal, and resolves to the exit status. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

/** Starts a command that prints its URL once it answers. */
export async function startServing(w: Workspace, args: readonly string[]): Promise<ServingCommand> {
  const child = w.start(args);
  const closed = once(child, 'close');
  let stdout = '';
  let stderr = '';
  child.stderr!.on('data', (data) => {
    stderr += data;
  });
  const stop = async (signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> => {
    child.kill(signal);
    const [status] = await closed;
    return status as number | null;
  };
  onTestFinished(() => void stop('SIGKILL'));
  const url = await new Promise<string>((resolve, reject) => {
    child.stdout!.on('data', (data) => {
      stdout += data;
      if (stdout.includes('\n')) resolve(stdout.split('\n')[0]!);
    });
    closed.then(() => reject(new Error(`the command ended: ${stderr}`)));
  });
  return { url, said: () => stderr, stop };
}

/** Serves what a handler answers. */
export async function serveWith(handler: RequestListener): Promise<{ readonly url: string; readonly server: Server }> {
  const server = createServer(handler);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server };
}

/** Serves a directory as any file server would. */
export async function serveFiles(directory: string): Promise<string> {
  const { url } = await serveWith((request, response) => {
    try {
      response.end(readFileSync(join(directory, request.url!)));
    } catch {
      response.statusCode = 404;
      response.end();
    }
  });
  return url;
}
