import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import type { Feed } from './agent-feed.ts';

/** A web server of a feed. */
export interface Served {
  readonly from: string;
  /** The names that were asked for. */
  readonly asked: string[];
}

/** Serves a feed until the test is done. `answer` can answer something else. */
export async function serving(
  feed: Feed,
  answer: (name: string, response: ServerResponse) => boolean = () => false,
): Promise<Served> {
  const asked: string[] = [];
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    const name = request.url!.slice('/acme/'.length);
    asked.push(name);
    if (answer(name, response)) return;
    const path = `feed/${decodeURIComponent(name)}`;
    if (existsSync(feed.w.path(path))) response.end(feed.w.read(path));
    else response.writeHead(404).end('there is no such file');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { from: `http://127.0.0.1:${(server.address() as AddressInfo).port}/acme`, asked };
}
